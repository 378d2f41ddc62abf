"""The frame: the address and the widgets say the same."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import frame
from dashboard.data.periods import DEFAULT
from dashboard.session import address
from streamgauge.warehouse.client import Busy
from tests.unit.dashboard.conftest import House, Open

TEN, HALF_PAST = (datetime.fromisoformat(f"2026-03-01T10:{minute}") for minute in ("00", "30"))


@pytest.fixture(autouse=True)
def busy(house: House) -> None:
    house.stream("orders", 20, 200)


def said(app: AppTest) -> dict[str, str]:
    return {name: values if isinstance(values, str) else values[0] for name, values in app.query_params.items()}


def test_what_is_as_usual_is_not_in_the_address(open_page: Open) -> None:
    assert said(open_page()) == {"range": "15m"}


def test_the_address_is_what_is_seen(open_page: Open) -> None:
    asked = {"range": "6h", "compare": "yesterday", "zone": "local", "refresh": "1m"}
    app = open_page(**asked)
    assert said(app) == asked
    assert app.segmented_control(key=address.key("range")).value == "6h"
    assert app.selectbox(key=address.key("compare")).value == "yesterday"


def test_a_choice_is_in_the_address(open_page: Open) -> None:
    app = open_page()
    app.segmented_control(key=address.key("range")).set_value("1h").run()
    app.selectbox(key=address.key("compare")).set_value("none").run()
    assert said(app) == {"range": "1h", "compare": "none"}


def test_pause_and_resume(open_page: Open) -> None:
    app = open_page()
    next(button for button in app.button if button.label == "Pause").click().run()
    assert said(app)["refresh"] == "off"
    next(button for button in app.button if button.label == "Resume").click().run()
    assert "refresh" not in said(app)


@pytest.mark.parametrize("preset", ["1h", DEFAULT])
def test_a_range_of_ones_own_has_a_button_and_a_preset_ends_it(open_page: Open, preset: str) -> None:
    custom = {"range": "custom", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}
    app = open_page(**custom)
    choice = app.segmented_control(key=address.key("range"))
    assert choice.options[-1] == "01 Mar 10:00:00 – 10:30:00"
    assert said(app) == custom
    choice.set_value(preset).run()
    assert said(app) == {"range": preset}
    assert "custom" not in [*app.segmented_control(key=address.key("range")).options]


def test_a_range_without_its_choice_is_one_of_ones_own(open_page: Open) -> None:
    both = {"from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}
    assert said(open_page(**both)) == {"range": "custom", **both}


def typed(app: AppTest, since: datetime, until: datetime) -> None:
    """A range typed into the form under *View*."""
    app.datetime_input(key=frame._SINCE).set_value(since)
    app.datetime_input(key=frame._UNTIL).set_value(until)
    next(button for button in app.button if button.label == "Show this range").click().run()
    assert not app.exception


def test_a_range_is_typed(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(range="5m")

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=61)

    # What the form offers has moved on until it is sent.
    monkeypatch.setattr(frame, "datetime", Later)
    typed(app, TEN, HALF_PAST)
    assert said(app) == {"range": "custom", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}


def test_a_range_typed_the_wrong_way_round_is_refused(open_page: Open) -> None:
    app = open_page()
    typed(app, HALF_PAST, TEN)
    assert [error.value for error in app.error] == ["The range must end after its start."]
    assert app.datetime_input(key=frame._SINCE).value == HALF_PAST
    assert said(app) == {"range": "15m"}


def test_a_busy_warehouse_is_not_a_dead_one(open_page: Open, house: House) -> None:
    house.error = Busy("4 queries are running; try again")
    app = open_page()
    assert not app.error
    assert "**The warehouse is busy.**" in app.warning[0].value


def test_a_wrong_address_is_mended(open_page: Open) -> None:
    assert said(open_page(range="99h", zone="mars", refresh="'; --")) == {"range": "15m"}


def test_links_keep_the_range_and_encode_what_an_event_says(open_page: Open) -> None:
    app = open_page(range="1h")
    links = [caption.value for caption in app.caption if "/sql?" in caption.value]
    assert links
    assert all("range=1h" in link for link in links)
