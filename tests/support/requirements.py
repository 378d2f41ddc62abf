"""External programs that tests need: without one its tests are skipped, or fail where the variable CI is set."""

from __future__ import annotations

import os
import shutil

import pytest

from streamgauge.cli.local.kafka import files, java
from streamgauge.runtime.errors import UsageError


def require(available: bool, message: str) -> None:
    """Skip the test with `message` unless `available`. In CI fail instead, so that nobody takes a skip for a proof."""
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


def require_kafka() -> None:
    """The real Apache Kafka: Java, and Kafka's files, which are fetched if missing."""
    try:
        java.find()
        files.ensure()
    except UsageError as error:
        require(False, f"needs the real Apache Kafka: {error}")
