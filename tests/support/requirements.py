"""External programs that tests need: without one its tests are skipped, or fail where the variable CI is set."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from streamgauge.cli.local.kafka import files, java
from streamgauge.runtime.errors import UsageError

ROOT = Path(__file__).parents[2]


def require(available: bool, message: str) -> None:
    """Skip the test with `message` unless `available`. In CI fail instead: a skip is no proof."""
    if available:
        return
    if os.environ.get("CI"):
        pytest.fail(f"required in CI: {message}", pytrace=False)
    pytest.skip(message)


def require_program(name: str, package: str) -> str:
    """The path of a program from the Debian package `package`."""
    path = shutil.which(name)
    require(path is not None, f"needs {name}: apt-get install {package}")
    return str(path)


def run_program(name: str, *arguments: str, package: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a program from a Debian package in `folder` to its end, without the user's own variables for it."""
    environ = {variable: os.environ[variable] for variable in ("PATH", "HOME", "LANG") if variable in os.environ}
    command = [require_program(name, package), *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


def require_kafka() -> None:
    """The real Apache Kafka: Java, and Kafka's files, which are fetched if missing."""
    try:
        java.find()
        files.ensure()
    except UsageError as error:
        require(False, f"needs the real Apache Kafka: {error}")
