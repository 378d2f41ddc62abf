"""Which campaign an order is owed to: `streamgauge process attribution`.

rules.py judges, reference.py knows campaigns and products, service.py wires them to topics.
"""

from __future__ import annotations


def main() -> int:
    """Entry point of `streamgauge process attribution`; returns the exit code."""
    from processors.attribution import service

    return service.main()
