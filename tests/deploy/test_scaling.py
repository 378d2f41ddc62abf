"""docs/scaling.md: its table follows from its figures, which are those of benchmarks/sizing.py."""

from __future__ import annotations

import re

import pytest

from benchmarks import sizing
from benchmarks.sizing import Figures
from tests.repo.files import ROOT

PAGE = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
RATES = ["4000", "100000", "1000000", "1000000000/day"]


def number(pattern: str) -> float:
    """The only number that matches a pattern in the page."""
    (found,) = re.findall(pattern, PAGE, re.MULTILINE)
    return float(found.replace(",", ""))


def stated() -> Figures:
    """The figures of the page."""
    return Figures(
        replica=int(number(r"^\| one analytics replica \| ([\d,]+) events/s")),
        everything=int(number(r"^\| one warehouse, everything \| ([\d,]+) events/s")),
        no_raw_rows=int(number(r"^\| one warehouse, no raw rows \| ([\d,]+) events/s")),
        windows=int(number(r"^\| one warehouse, windows alone \| ([\d,]+) events/s")),
        event_bytes=int(number(r"^\| an event \| (\d+) bytes")),
        used=number(r"^\| share that is planned with \| ([\d.]+) "),
        peak=number(r"^\| a day's busiest second over its mean \| ([\d.]+) "),
    )


def test_the_page_has_the_figures_of_the_code() -> None:
    """The page and the code have equal figures."""
    assert stated() == Figures()


@pytest.mark.parametrize("rate", RATES)
def test_the_table_follows_from_the_figures(rate: str) -> None:
    """Each row, recomputed from the figures of the page."""
    assert sizing.row(rate, stated()) in PAGE.splitlines()


def test_the_formula_is_the_page_s() -> None:
    """Checked by hand: a million per second over 0.6 of 72,700 is 22.9 replicas, 46 partitions, in sixes 48."""
    assert sizing.size(1_000_000, Figures()).replicas == 23
    assert sizing.size(1_000_000, Figures()).partitions == 48
    assert sizing.peak("1000000000/day", Figures()) == 34_723


def test_the_limits_of_the_owner_are_the_measured_ones() -> None:
    """The rounded figures of the table are those of the measurement below it."""
    for kept, limit in (("everything", stated().everything), ("no raw rows", stated().no_raw_rows)):
        measured = number(rf"^\| {kept} \| [\d,]+ \| ([\d,]+) \|")
        assert abs(measured - limit) < 1_000
