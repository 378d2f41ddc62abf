"""The frame of every page: its widgets and the address agree."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import frame
from dashboard.data.periods import DEFAULT
from dashboard.session import address
from streamgauge.warehouse.client import Busy
from tests.unit.dashboard.conftest import OpenPage
from tests.unit.dashboard.fakes import FakeWarehouse

TEN, HALF_PAST = (datetime.fromisoformat(f"2026-03-01T10:{minute}") for minute in ("00", "30"))


@pytest.fixture(autouse=True)
def traffic(warehouse: FakeWarehouse) -> None:
    warehouse.stream("orders", 20, 200)


def query_params(app: AppTest) -> dict[str, str]:
    return {name: values if isinstance(values, str) else values[0] for name, values in app.query_params.items()}


def test_defaults_are_not_in_the_address(open_page: OpenPage) -> None:
    assert query_params(open_page()) == {"range": "15m"}


def test_widgets_show_the_address(open_page: OpenPage) -> None:
    params = {"range": "6h", "compare": "yesterday", "zone": "local", "refresh": "1m"}
    app = open_page(**params)
    assert query_params(app) == params
    assert app.segmented_control(key=address.key("range")).value == "6h"
    assert app.selectbox(key=address.key("compare")).value == "yesterday"


def test_choices_are_written_to_the_address(open_page: OpenPage) -> None:
    app = open_page()
    app.segmented_control(key=address.key("range")).set_value("1h").run()
    app.selectbox(key=address.key("compare")).set_value("none").run()
    assert query_params(app) == {"range": "1h", "compare": "none"}


def test_pause_and_resume(open_page: OpenPage) -> None:
    app = open_page()
    next(button for button in app.button if button.label == "Pause").click().run()
    assert query_params(app)["refresh"] == "off"
    next(button for button in app.button if button.label == "Resume").click().run()
    assert "refresh" not in query_params(app)


@pytest.mark.parametrize("preset", ["1h", DEFAULT])
def test_a_custom_range_has_a_button_until_a_preset_is_chosen(open_page: OpenPage, preset: str) -> None:
    custom = {"range": "custom", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}
    app = open_page(**custom)
    choice = app.segmented_control(key=address.key("range"))
    assert choice.options[-1] == "01 Mar 10:00:00 – 10:30:00"
    assert query_params(app) == custom
    choice.set_value(preset).run()
    assert query_params(app) == {"range": preset}
    assert "custom" not in [*app.segmented_control(key=address.key("range")).options]


def test_a_range_with_from_and_to_is_a_custom_range(open_page: OpenPage) -> None:
    both = {"from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}
    assert query_params(open_page(**both)) == {"range": "custom", **both}


def submit_range(app: AppTest, since: datetime, until: datetime) -> None:
    """Submit a range in the form under *View*."""
    app.datetime_input(key=frame._SINCE).set_value(since)
    app.datetime_input(key=frame._UNTIL).set_value(until)
    next(button for button in app.button if button.label == "Show this range").click().run()
    assert not app.exception


def test_a_typed_range(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(range="5m")

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=61)

    # The preset of the form has changed by the time it is submitted.
    monkeypatch.setattr(frame, "datetime", Later)
    submit_range(app, TEN, HALF_PAST)
    assert query_params(app) == {"range": "custom", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}


def test_a_range_that_ends_before_its_start_is_rejected(open_page: OpenPage) -> None:
    app = open_page()
    submit_range(app, HALF_PAST, TEN)
    assert [error.value for error in app.error] == ["The range must end after its start."]
    assert app.datetime_input(key=frame._SINCE).value == HALF_PAST
    assert query_params(app) == {"range": "15m"}


def test_a_busy_warehouse_is_a_warning(open_page: OpenPage, warehouse: FakeWarehouse) -> None:
    warehouse.error = Busy("4 queries are running; try again")
    app = open_page()
    assert not app.error
    assert "**The warehouse is busy.**" in app.warning[0].value


def test_an_invalid_address_is_corrected(open_page: OpenPage) -> None:
    assert query_params(open_page(range="99h", zone="mars", refresh="'; --")) == {"range": "15m"}


def test_links_keep_the_range(open_page: OpenPage) -> None:
    app = open_page(range="1h")
    links = [caption.value for caption in app.caption if "/sql?" in caption.value]
    assert links
    assert all("range=1h" in link for link in links)
