"""Runs `streamgauge` commands as a user does: the installed script, configured by environment variables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from streamgauge.runtime.settings import PREFIX, Settings

PROGRAM = str(Path(sys.executable).with_name("streamgauge"))


def variables(settings: Settings) -> dict[str, str]:
    """The settings that a test has chosen, as `STREAMGAUGE_…` variables; defaults are left out."""
    chosen = settings.model_dump(exclude_unset=True)
    return {
        f"{PREFIX}{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in chosen.items()
    }


def environment(chosen: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `chosen` in place of all its `STREAMGAUGE_…` variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | dict(chosen)


def run(
    environ: Mapping[str, str], *arguments: str, stdin: str = "", timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run `streamgauge ARGUMENTS` to its end, whatever its exit code. Raises `TimeoutExpired` after `timeout_s`."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
