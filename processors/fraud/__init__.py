"""Fraud, in real time: `streamgauge process fraud`."""

from __future__ import annotations


def main() -> int:
    """Entry point of `streamgauge process fraud`; returns the exit code."""
    from processors.fraud import service

    return service.main()
