"""A button that acts: it asks, it is refused to whoever may not, and it leaves a record."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data.view_state import REFRESH
from dashboard.session import actions
from streamgauge.runtime.errors import TransientError
from tests.unit.dashboard.conftest import House

done: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


def retried(who: str) -> str:
    done.append(who)
    return "3 letters were sent"


def broken(who: str) -> str:
    done.append(who)
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
            effects=["3 letters of `orders` are sent again.", "![x](http://127.0.0.1:1/leak)"],
        )

    if inside:
        streamlit.fragment(run_every=2)(draw)()
    else:
        draw()


@pytest.fixture(params=["in a fragment", "outside of one"])
def shown(request: pytest.FixtureRequest, house: House) -> Callable[..., AppTest]:
    def show(action: Callable[[str], str] = retried) -> AppTest:
        app = AppTest.from_function(page, args=(action, request.param == "in a fragment")).run()
        assert not app.exception
        return app

    return show


def pressed(app: AppTest, *labels: str) -> AppTest:
    for label in labels:
        next(one for one in app.button if one.label == label).click().run()
        assert not app.exception
    return app


def texts(app: AppTest) -> list[str]:
    return [one.value for one in app.text]


def test_it_names_what_will_happen_and_does_nothing_yet(shown: Any, house: House) -> None:
    app = pressed(shown(), "Retry")
    assert texts(app) == ["3 letters of `orders` are sent again.", "![x](http://127.0.0.1:1/leak)"]
    assert (done, house.audited) == ([], [])


def test_confirmed_it_is_recorded_before_and_after(shown: Any, house: House) -> None:
    app = pressed(shown(), "Retry", "Confirm")
    assert texts(app) == ["3 letters were sent"]
    assert done == [actions.actor()]
    requested, ended = house.audited
    assert (requested.outcome, ended.outcome, ended.detail) == ("requested", "done", "3 letters were sent")
    assert requested.detail.startswith("3 letters of `orders` are sent again.")
    assert requested.action_id == ended.action_id
    assert {(one.actor, one.role, one.action, one.target) for one in house.audited} == {
        (actions.actor(), "operator", "dead-letters.retry", "orders:0:17")
    }
    pressed(app, "Close")
    assert [one.label for one in app.button] == ["Retry"]
    assert len(done) == 1


def test_cancelled_nothing_happens(shown: Any, house: House) -> None:
    app = pressed(shown(), "Retry", "Cancel")
    assert [one.label for one in app.button] == ["Retry"]
    assert (done, house.audited) == ([], [])


def test_what_fails_is_recorded_and_shown_in_one_line(shown: Any, house: House) -> None:
    app = pressed(shown(broken), "Retry", "Confirm")
    assert texts(app) == ["no broker"]
    assert [(one.outcome, one.detail) for one in house.audited[1:]] == [("failed", "no broker")]


def test_without_a_record_nothing_is_done(shown: Any, house: House) -> None:
    house.audit_error = TransientError("Kafka did not take it: no answer")
    app = pressed(shown(), "Retry", "Confirm")
    assert done == []
    assert "Nothing was done" in texts(app)[0]
    assert "no answer" in texts(app)[0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"dashboard_read_only": True}, "the dashboard is read-only"),
        ({"dashboard_host": "0.0.0.0"}, "nobody is signed in"),  # noqa: S104 - not bound
    ],
)
def test_who_may_not_act_finds_it_disabled_with_the_reason(
    shown: Any, house: House, changed: dict[str, Any], why: str
) -> None:
    house.settings = house.settings.model_copy(update=changed)
    app = shown()
    assert app.button[0].disabled
    assert why in app.button[0].help
    # A browser may send the click all the same.
    app.button[0].proto.disabled = False
    pressed(app, "Retry")
    assert [one.label for one in app.button] == ["Retry"]


def test_the_role_counts_when_it_is_done_not_when_it_was_asked(shown: Any, house: House) -> None:
    app = pressed(shown(), "Retry")
    house.settings = house.settings.model_copy(update={"dashboard_read_only": True})
    pressed(app, "Confirm")
    assert (done, house.audited) == ([], [])
    assert texts(app) == ["You may not do this: the dashboard is read-only."]


SLOWEST_S = max(refresh_s or 0.0 for _, refresh_s in REFRESH.values())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the questions take for the time, in seconds."""
    now = [1_000.0]
    monkeypatch.setattr(actions, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_question_stands_over_the_slowest_refresh(shown: Any, house: House, clock: list[float]) -> None:
    app = pressed(shown(), "Retry")
    # The page takes its time to ask the warehouse, too.
    clock[0] += SLOWEST_S + 10
    app.run()
    assert "3 letters of `orders` are sent again." in texts(app)
    pressed(app, "Confirm")
    clock[0] += SLOWEST_S + 10
    app.run()
    assert texts(app) == ["3 letters were sent"]


def test_a_question_left_behind_is_not_asked_again(shown: Any, house: House, clock: list[float]) -> None:
    app = pressed(shown(), "Retry")
    clock[0] += 2 * SLOWEST_S
    app.run()
    assert texts(app) == []


def dialog() -> None:
    import streamlit

    from dashboard.session import actions

    asked = streamlit.session_state["actions:asked"]
    # A browser's click in a dialog runs the dialog alone.
    if streamlit.session_state["alone"]:
        actions._draw_dialog(asked)
    else:
        actions.button("Retry", key=asked.key, action=asked.action, name="", target="", effects=[])


def test_an_outcome_stands_until_it_is_read(house: House, clock: list[float]) -> None:
    app = AppTest.from_function(dialog)
    asked = actions._Confirmation(
        "retry", "Retry", "dead-letters.retry", "orders:0:17", ("3 letters",), retried, clock[0]
    )
    app.session_state["actions:asked"], app.session_state["alone"] = asked, True
    app.run()
    clock[0] += SLOWEST_S - 1
    pressed(app, "Confirm")
    clock[0] += SLOWEST_S - 1
    app.session_state["alone"] = False
    app.run()
    assert texts(app) == ["3 letters were sent"]
