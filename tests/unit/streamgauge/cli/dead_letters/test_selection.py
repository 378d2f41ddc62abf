"""Selection of dead letters by ids, fingerprint and filters; the list's trend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streamgauge.cli.dead_letters.listing import sparkline
from streamgauge.cli.dead_letters.selection import Choice, choose, moment
from streamgauge.dead_letters.headers import Position
from streamgauge.runtime.errors import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d", NOW - timedelta(days=1)),
        ("2026-11-22T10:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_since(text: str | None, expected: datetime | None) -> None:
    assert moment(text, NOW) == expected


def test_what_is_chosen() -> None:
    assert choose(["orders:1:7", "a.b:0:0"], None, None, None, None).ids == (
        Position("orders", 1, 7),
        Position("a.b", 0, 0),
    )
    assert choose(["0a1b2c"], None, None, None, None) == Choice(fingerprint="0a1b2c")
    assert choose([], None, None, None, None).empty
    assert not choose([], None, "orders", None, None).empty
    wrong: list[tuple[list[str], str | None, str | None]] = [
        (["orders"], None, None),
        (["orders:1:7", "0a1b2c"], None, None),
        (["orders:1:7"], None, "orders"),
        ([], "xyz", None),
        ([], None, "yesterday"),
    ]
    for names, fingerprint, since in wrong:
        with pytest.raises(UsageError):
            choose(names, fingerprint, None, None, since)


def test_a_trend_has_a_bar_for_each_number() -> None:
    assert sparkline([0, 1, 4, 8]) == "·▁▄█"
    assert sparkline([0, 0]) == "··"
    assert sparkline([]) == ""
