"""The command line with the one bug that the proof of repeats must catch: a replica reads nothing back."""

from __future__ import annotations

from processors.recall import Recall
from streamgauge import cli


def main() -> None:
    """As `streamgauge.cli.main`."""
    Recall.read = lambda self, committed: None  # type: ignore[method-assign]
    cli.main()
