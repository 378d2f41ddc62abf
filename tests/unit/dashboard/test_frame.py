"""The frame: the address and the widgets say the same."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import address
from tests.unit.dashboard.conftest import House, Open


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


def test_a_range_of_ones_own_has_a_button_and_a_preset_ends_it(open_page: Open) -> None:
    custom = {"range": "custom", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:30:00Z"}
    app = open_page(**custom)
    choice = app.segmented_control(key=address.key("range"))
    assert choice.options[-1] == "01 Mar 10:00:00 – 10:30:00"
    assert said(app) == custom
    choice.set_value("1h").run()
    assert said(app) == {"range": "1h"}
    assert "custom" not in [*app.segmented_control(key=address.key("range")).options]


def test_a_wrong_address_is_mended(open_page: Open) -> None:
    assert said(open_page(range="99h", zone="mars", refresh="'; --")) == {"range": "15m"}


def test_links_keep_the_range_and_encode_what_an_event_says(open_page: Open) -> None:
    app = open_page(range="1h")
    links = [caption.value for caption in app.caption if "/sql?" in caption.value]
    assert links
    assert all("range=1h" in link for link in links)
