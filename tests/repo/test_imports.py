"""Who may import whom: the contracts of pyproject.toml, drawn in docs/architecture.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.repo.files import ROOT


def test_the_contracts_hold() -> None:
    """import-linter over the whole house."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
