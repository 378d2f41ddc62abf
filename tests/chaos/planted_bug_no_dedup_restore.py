"""Planted bug, which the test of deduplication must catch: a replica does not restore its dedup window."""

from __future__ import annotations

from processors.analytics.dedup_restore import DedupRestore
from streamgauge.cli import main as cli


def main() -> None:
    """Run the command line with the bug."""
    DedupRestore.read = lambda self, committed: None  # type: ignore[method-assign]
    cli.main()
