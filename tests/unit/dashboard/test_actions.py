"""A button that acts: its confirmation dialog, who may press it, and its audit records."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data.view_state import REFRESH
from dashboard.session import actions
from streamgauge.runtime.errors import TransientError
from tests.unit.dashboard.fakes import FakeWarehouse

calls: list[str] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


def succeed(who: str) -> str:
    calls.append(who)
    return "3 dead letters were sent"


def fail(who: str) -> str:
    calls.append(who)
    raise RuntimeError("no broker\nand more")


def page(action: "Callable[[str], str]", inside: bool) -> None:  # noqa: UP037 - evaluated where there is no such name
    import streamlit

    from dashboard.session import actions

    def draw() -> None:
        actions.button(
            "Retry",
            key="retry",
            action=action,
            name="dead-letters.retry",
            target="orders:0:17",
            effects=["3 dead letters of `orders` are sent again.", "![x](http://127.0.0.1:1/leak)"],
        )

    if inside:
        streamlit.fragment(run_every=2)(draw)()
    else:
        draw()


@pytest.fixture(params=["in a fragment", "outside of one"])
def open_button(request: pytest.FixtureRequest, warehouse: FakeWarehouse) -> Callable[..., AppTest]:
    def show(action: Callable[[str], str] = succeed) -> AppTest:
        app = AppTest.from_function(page, args=(action, request.param == "in a fragment")).run()
        assert not app.exception
        return app

    return show


def press(app: AppTest, *labels: str) -> AppTest:
    for label in labels:
        next(one for one in app.button if one.label == label).click().run()
        assert not app.exception
    return app


def texts(app: AppTest) -> list[str]:
    return [one.value for one in app.text]


def test_the_dialog_lists_the_effects_and_does_nothing(open_button: Any, warehouse: FakeWarehouse) -> None:
    app = press(open_button(), "Retry")
    assert texts(app) == ["3 dead letters of `orders` are sent again.", "![x](http://127.0.0.1:1/leak)"]
    assert (calls, warehouse.audit_records) == ([], [])


def test_a_confirmed_action_is_recorded_before_and_after(open_button: Any, warehouse: FakeWarehouse) -> None:
    app = press(open_button(), "Retry", "Confirm")
    assert texts(app) == ["3 dead letters were sent"]
    assert calls == [actions.actor()]
    requested, ended = warehouse.audit_records
    assert (requested.outcome, ended.outcome, ended.detail) == ("requested", "done", "3 dead letters were sent")
    assert requested.detail.startswith("3 dead letters of `orders` are sent again.")
    assert requested.action_id == ended.action_id
    assert {(one.actor, one.role, one.action, one.target) for one in warehouse.audit_records} == {
        (actions.actor(), "operator", "dead-letters.retry", "orders:0:17")
    }
    press(app, "Close")
    assert [one.label for one in app.button] == ["Retry"]
    assert len(calls) == 1


def test_a_cancelled_action_does_nothing(open_button: Any, warehouse: FakeWarehouse) -> None:
    app = press(open_button(), "Retry", "Cancel")
    assert [one.label for one in app.button] == ["Retry"]
    assert (calls, warehouse.audit_records) == ([], [])


def test_a_failure_is_recorded_and_shown_in_one_line(open_button: Any, warehouse: FakeWarehouse) -> None:
    app = press(open_button(fail), "Retry", "Confirm")
    assert texts(app) == ["no broker"]
    assert [(one.outcome, one.detail) for one in warehouse.audit_records[1:]] == [("failed", "no broker")]


def test_without_an_audit_record_nothing_is_done(open_button: Any, warehouse: FakeWarehouse) -> None:
    warehouse.audit_error = TransientError("Kafka did not take it: no answer")
    app = press(open_button(), "Retry", "Confirm")
    assert calls == []
    assert "Nothing was done" in texts(app)[0]
    assert "no answer" in texts(app)[0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"dashboard_read_only": True}, "the dashboard is read-only"),
        ({"dashboard_host": "0.0.0.0"}, "nobody is signed in"),  # noqa: S104 - not bound
    ],
)
def test_for_viewers_the_button_is_disabled_with_the_reason(
    open_button: Any, warehouse: FakeWarehouse, changed: dict[str, Any], why: str
) -> None:
    warehouse.settings = warehouse.settings.model_copy(update=changed)
    app = open_button()
    assert app.button[0].disabled
    assert why in app.button[0].help
    # A browser may send the click all the same.
    app.button[0].proto.disabled = False
    press(app, "Retry")
    assert [one.label for one in app.button] == ["Retry"]


def test_the_role_is_checked_at_confirmation(open_button: Any, warehouse: FakeWarehouse) -> None:
    app = press(open_button(), "Retry")
    warehouse.settings = warehouse.settings.model_copy(update={"dashboard_read_only": True})
    press(app, "Confirm")
    assert (calls, warehouse.audit_records) == ([], [])
    assert texts(app) == ["You may not do this: the dashboard is read-only."]


SLOWEST_S = max(refresh_s or 0.0 for _, refresh_s in REFRESH.values())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the dialogs, in seconds."""
    now = [1_000.0]
    monkeypatch.setattr(actions, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_dialog_survives_the_slowest_refresh(open_button: Any, warehouse: FakeWarehouse, clock: list[float]) -> None:
    app = press(open_button(), "Retry")
    # The queries of the page take time, too.
    clock[0] += SLOWEST_S + 10
    app.run()
    assert "3 dead letters of `orders` are sent again." in texts(app)
    press(app, "Confirm")
    clock[0] += SLOWEST_S + 10
    app.run()
    assert texts(app) == ["3 dead letters were sent"]


def test_an_abandoned_dialog_is_not_reopened(open_button: Any, warehouse: FakeWarehouse, clock: list[float]) -> None:
    app = press(open_button(), "Retry")
    clock[0] += 2 * SLOWEST_S
    app.run()
    assert texts(app) == []


def dialog() -> None:
    import streamlit

    from dashboard.session import actions

    confirmation = streamlit.session_state["actions:pending"]
    # A click in a dialog reruns only the dialog.
    if streamlit.session_state["dialog_only"]:
        actions._draw_dialog(confirmation)
    else:
        actions.button("Retry", key=confirmation.key, action=confirmation.action, name="", target="", effects=[])


def test_an_outcome_is_shown_until_it_is_closed(warehouse: FakeWarehouse, clock: list[float]) -> None:
    app = AppTest.from_function(dialog)
    confirmation = actions._Confirmation(
        "retry", "Retry", "dead-letters.retry", "orders:0:17", ("3 dead letters",), succeed, clock[0]
    )
    app.session_state["actions:pending"], app.session_state["dialog_only"] = confirmation, True
    app.run()
    clock[0] += SLOWEST_S - 1
    press(app, "Confirm")
    clock[0] += SLOWEST_S - 1
    app.session_state["dialog_only"] = False
    app.run()
    assert texts(app) == ["3 dead letters were sent"]
