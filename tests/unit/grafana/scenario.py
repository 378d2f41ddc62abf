"""A scenario of an alert rule: samples, and when it is quiet, fires and resolves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """`fires` has the labels and the summary of each alert that fires at `at`; at `quiet` and `clear` none does.

    Samples are in promtool's notation, one per `step`: `5x3` is 5 four times, `0+2x3` is 0 2 4 6, `_x3` is four times
    no sample.
    """

    alert: str
    series: dict[str, str]
    quiet: str
    at: str
    fires: tuple[tuple[dict[str, str], str], ...]
    clear: str
    name: str = ""
    step: str = "30s"
