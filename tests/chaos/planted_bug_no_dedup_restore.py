"""The command line with the one bug that the proof of repeats must catch: a replica reads nothing back."""

from __future__ import annotations

from processors.analytics.dedup_restore import DedupRestore
from streamgauge.cli import main as cli


def main() -> None:
    """As `streamgauge.cli.main.main`."""
    DedupRestore.read = lambda self, committed: None  # type: ignore[method-assign]
    cli.main()
