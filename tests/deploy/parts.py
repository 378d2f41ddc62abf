"""System programs that these tests need; a missing one skips the test, and fails it in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# Debian's docker-compose brings the schema of the Compose specification.
COMPOSE_SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")


def require(there: bool, package: str) -> None:
    """Skip the test if a package is missing; in CI fail it."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(f"required in CI: apt-get install {package}", pytrace=False)
    pytest.skip(f"apt-get install {package}")


def run(*command: str, package: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a system program without the user's configuration in its environment."""
    require(shutil.which(command[0]) is not None, package)
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)
