"""The table of the newest actions, with their outcome if it is known."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.unit.dashboard.fakes import FakeWarehouse


def page() -> None:
    from dashboard.components import audit_table
    from dashboard.data.view_state import ViewState

    audit_table.show(ViewState())


def add_record(warehouse: FakeWarehouse, action_id: str, seconds: float, outcome: str, detail: str) -> None:
    warehouse.add(
        "audit_events",
        action_id=action_id,
        acted_at=warehouse.ago(seconds),
        actor="olga@shop.example",
        role="operator",
        action="dead-letters.retry",
        target="orders:0:17",
        detail=detail,
        outcome=outcome,
    )


def test_an_action_is_one_row_with_its_outcome(warehouse: FakeWarehouse) -> None:
    add_record(warehouse, "a", 60, "requested", "3 dead letters are sent")
    add_record(warehouse, "a", 60, "done", "3 dead letters were sent")
    add_record(warehouse, "b", 30, "requested", "a worker is killed")
    add_record(warehouse, "c", 90, "requested", "x")
    add_record(warehouse, "c", 80, "failed", "no broker")
    app = AppTest.from_function(page).run()
    assert not app.exception
    rows = app.dataframe[0].value
    assert list(rows["outcome"]) == ["requested", "done", "failed"]
    assert list(rows["announced"]) == ["a worker is killed", "3 dead letters are sent", "x"]
    assert list(rows["came_of_it"][1:]) == ["3 dead letters were sent", "no broker"]


def test_without_actions_there_is_a_caption(warehouse: FakeWarehouse) -> None:
    app = AppTest.from_function(page).run()
    assert not app.exception
    assert "No action was taken" in app.caption[0].value
