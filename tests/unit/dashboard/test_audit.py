"""The newest actions as a table: how each ended, and what it is when nobody knows."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.unit.dashboard.conftest import House


def page() -> None:
    from dashboard.components import audit_table
    from dashboard.data.view_state import ViewState

    audit_table.show(ViewState())


def acted(house: House, action_id: str, seconds: float, outcome: str, detail: str) -> None:
    house.add(
        "audit_events",
        action_id=action_id,
        acted_at=house.ago(seconds),
        actor="olga@shop.example",
        role="operator",
        action="dead-letters.retry",
        target="orders:0:17",
        detail=detail,
        outcome=outcome,
    )


def test_an_action_is_one_row_with_how_it_ended(house: House) -> None:
    acted(house, "a", 60, "requested", "3 letters are sent")
    acted(house, "a", 60, "done", "3 letters were sent")
    acted(house, "b", 30, "requested", "a worker is killed")
    acted(house, "c", 90, "requested", "x")
    acted(house, "c", 80, "failed", "no broker")
    app = AppTest.from_function(page).run()
    assert not app.exception
    rows = app.dataframe[0].value
    assert list(rows["outcome"]) == ["requested", "done", "failed"]
    assert list(rows["announced"]) == ["a worker is killed", "3 letters are sent", "x"]
    assert list(rows["came_of_it"][1:]) == ["3 letters were sent", "no broker"]


def test_before_anybody_has_acted_it_says_so(house: House) -> None:
    app = AppTest.from_function(page).run()
    assert not app.exception
    assert "No action was taken" in app.caption[0].value
