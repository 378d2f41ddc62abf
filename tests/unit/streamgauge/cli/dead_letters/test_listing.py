"""The list as people see it."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from streamgauge.cli.dead_letters.listing import Group, table
from streamgauge.cli.terminal import Screen

AT = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


def shown(*groups: Group) -> str:
    file = io.StringIO()
    Screen(file, width=200).print(table(groups))
    return file.getvalue()


def test_a_row_a_cause() -> None:
    trend = (0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 40)
    group = Group("2ed6858bd504", "orders", "wrong_type", "$.a", 43, 41, 2, AT, AT, trend, 60.0, "d", "orders:1:7")
    head, row = shown(group).splitlines()
    assert head.split() == [
        "fingerprint",
        "stream",
        "reason",
        "field",
        "letters",
        "open",
        "trend",
        "first",
        "last",
        "newest",
    ]
    cells = ["2ed6858bd504", "orders", "wrong_type", "$.a", "43", "(attempt", "2)", "41", "··▁···▁····█"]
    assert row.split() == [*cells, "11-23", "02:30:00", "11-23", "02:30:00", "orders:1:7"]


def test_nothing_that_strangers_wrote_steers_a_terminal_or_is_markup() -> None:
    group = Group("", "x[red]", "unknown", "\x1b[31m", 1, 1, 1, AT, AT, (1,), 1.0, "d", "a:0:0")
    text = shown(group)
    assert "\x1b" not in text
    assert "x[red]" in text
