"""The command line itself."""

from __future__ import annotations

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from streamgauge.cli.main import app


def test_version() -> None:
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"streamgauge {project['version']}\n")
