"""`streamgauge fault`: injects a fault into the running stack."""

from __future__ import annotations

from streamgauge.cli import output
from streamgauge.runtime import settings
from streamgauge.runtime.data_dir import faults, run_file
from streamgauge.runtime.errors import UsageError


def main(name: str, for_s: float) -> int:
    """Begin or end the fault; returns the exit code. Raises `UsageError` for a wrong name, or where nothing runs."""
    faults.check(name)
    config = settings.load()
    if not any(one.name in ("services", "generate") for one in run_file.living(config.data_dir)):
        raise UsageError(f"no synthetic shop runs with the data directory {config.data_dir}; start `streamgauge up`")
    faults.begin(config.data_dir, name, for_s)
    what = f"{faults.NAMES[name]}, for {for_s:g} s" if for_s else "over"
    output.line(f"{name}: {what}")
    return 0
