"""The command line itself."""

from __future__ import annotations

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from processors.registry import BY_NAME
from streamgauge.cli.main import app
from streamgauge.runtime.errors import UsageError


def test_version() -> None:
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"streamgauge {project['version']}\n")


def test_an_unknown_processor_is_wrong_use() -> None:
    done = CliRunner().invoke(app, ["process", "analytic"])
    assert isinstance(done.exception, UsageError)
    assert ", ".join(BY_NAME) in str(done.exception)
