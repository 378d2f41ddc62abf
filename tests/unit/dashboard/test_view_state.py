"""Views to and from addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.data.periods import BY_KEY, COMPARE
from dashboard.data.view_state import DEFAULTS, REFRESH, ZONES, ViewState

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
CUSTOM = {"range": "custom", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}


def test_an_empty_address_is_the_default_view() -> None:
    assert ViewState.read({}) == ViewState()
    assert ViewState().address() == {"range": "15m"}


@given(st.sampled_from([*BY_KEY]), st.sampled_from([*COMPARE]), st.sampled_from([*ZONES]), st.sampled_from([*REFRESH]))
def test_a_view_survives_its_address(choice: str, compare: str, zone: str, refresh: str) -> None:
    view = ViewState(choice, compare, zone, refresh)
    assert ViewState.read(view.address()) == view
    custom = ViewState("custom", compare, zone, refresh, NOW - timedelta(hours=1), NOW)
    assert ViewState.read(custom.address()) == custom


@pytest.mark.parametrize(
    "params",
    [
        {"range": "99h", "compare": "?", "zone": "mars", "refresh": "never"},
        {**CUSTOM, "from": "yesterday"},
        {**CUSTOM, "to": CUSTOM["from"]},
        {**CUSTOM, "to": "9999-12-31T23:59:59Z"},
        {**CUSTOM, "from": "0001-01-01T00:00:00+14:00"},
        {"range": "custom"},
        dict.fromkeys([*DEFAULTS, "from", "to"], "'; DROP TABLE orders; --"),
    ],
)
def test_invalid_parameters_are_replaced_by_defaults(params: dict[str, str]) -> None:
    assert ViewState.read(params) == ViewState()


def test_a_custom_range() -> None:
    period = ViewState.read(CUSTOM).period(NOW)
    assert (period.since, period.until) == (NOW.replace(hour=10, second=0), NOW.replace(hour=10, minute=30, second=0))
    assert period.over
    assert period.bucket_s == 30


@pytest.mark.parametrize("hours", [0.001, 0.5, 3, 30, 2_000])
def test_a_custom_range_is_whole_buckets_and_few_enough_to_draw(hours: float) -> None:
    since = NOW - timedelta(hours=hours)
    period = ViewState("custom", since=since, until=NOW).period(NOW)
    assert period.since <= since
    assert period.until >= NOW
    assert period.seconds % period.bucket_s == 0
    assert 1 <= len(period.buckets()) <= 122


def test_yesterday_is_a_day_earlier_for_every_range() -> None:
    period = ViewState(compare="yesterday").period(NOW)
    assert period.since - period.previous_since == timedelta(days=1)
    assert period.compared == "vs same time yesterday"


def test_times_are_utc_or_the_browsers() -> None:
    assert ViewState(zone_name="Asia/Tokyo").clock is UTC
    assert str(ViewState(zone="local", zone_name="Asia/Tokyo").clock) == "Asia/Tokyo"
    assert ViewState(zone="local", zone_name="No/Where").clock is UTC
