"""Dead letters: figures by cause, one dead letter in full, and a dry run before a retry."""

from __future__ import annotations

import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages.dead_letters import registry
from dashboard.pages.dead_letters.jobs import Jobs
from dashboard.session import actions, audit
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import OpenPage, page_text, tile_values
from tests.unit.dashboard.dead_letters.command import command, plan
from tests.unit.dashboard.fakes import FakeWarehouse

CAUSE = "aaaa11112222"
HOSTILE = '{"note":"![x](http://evil/x.png) <script>alert(1)</script>","amount_cents":"12"}'


def add_dead_letter(warehouse: FakeWarehouse, offset: int, seconds: float, **more: Any) -> None:
    row = {
        "stream": "payments",
        "topic": "payments",
        "reason": "wrong_type",
        "fingerprint": CAUSE,
        "field": "$.amount_cents",
        "detail": "Expected `int`, got `str`",
        "key": "O-1",
        "payload": HOSTILE,
        "bytes": len(HOSTILE),
        "attempts": 1,
        "letter_topic": "payments.dlq",
    }
    at = warehouse.ago(seconds)
    position = {"kafka_partition": 1, "kafka_offset": offset, "kafka_timestamp": at, "dead_at": at}
    warehouse.add("dead_letters", **{**row, **position, **more})


def add_causes(warehouse: FakeWarehouse, causes: int, letters_each: int) -> None:
    """Add many causes at once, with the same time; row by row it would take a minute."""
    add_dead_letter(warehouse, 1_000, 60, fingerprint="c00000000000")
    warehouse.select(f"""
        INSERT INTO dead_letters
        SELECT dead_letters.* REPLACE (printf('c%011x', n % {causes}) AS fingerprint, 1_000 + n AS kafka_offset)
        FROM dead_letters, range(1, {causes * letters_each}) AS more(n)
    """)


def add_retry(warehouse: FakeWarehouse, offset: int, to: int, run: str = "r1") -> None:
    warehouse.add(
        "dead_letter_retries",
        letter=f"payments:1:{offset}",
        retried_at=warehouse.ago(5),
        retried_by="ana@example.org",
        run=run,
        stream="payments",
        reason="wrong_type",
        fingerprint=CAUSE,
        sent_topic="payments",
        sent_partition=1,
        sent_offset=to,
        edited=True,
        edit='$.amount_cents: "12" → 12',
    )


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[Jobs]:
    """The jobs that the pages use, in a list of one; a test can replace them."""
    jobs = [Jobs(command())]
    monkeypatch.setattr(registry, "jobs", lambda: jobs[0])
    monkeypatch.setattr(audit, "write", lambda *_, **__: None)
    monkeypatch.setattr(actions, "actor", lambda: "ana")
    monkeypatch.setattr(actions, "why_not", lambda: None)
    return jobs


def table(app: AppTest, column: str) -> Any:
    """The first table with this column."""
    return next(one.value for one in app.dataframe if column in one.value.columns)


def code_text(app: AppTest) -> str:
    """All code blocks of the page."""
    return "\n".join(str(one.value) for one in app.code)


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label == label)


def test_figures_by_cause(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    """Five dead letters of two causes; two were retried, of which one failed again as a sixth."""
    for offset in (1, 2, 3):
        add_dead_letter(warehouse, offset, 60)
    add_dead_letter(warehouse, 90, 20, attempts=2, retry_of="payments:1:1")
    add_dead_letter(warehouse, 50, 30, reason="invalid_json", fingerprint="bbbb11112222", field=None)
    add_dead_letter(warehouse, 40, 3_600, fingerprint="bbbb11112222", reason="invalid_json", field=None)
    add_retry(warehouse, 1, 90)
    add_retry(warehouse, 2, 91)
    app = open_page("dead-letters")
    shown = tile_values(app)
    assert shown["Dead letters"][0] == "5"
    assert shown["Causes"] == ("2", "1 never seen before")
    assert shown["Sent again"] == ("2", "3 open")
    assert shown["Settled"] == ("1", "1 failed again")
    rows = table(app, "trend").to_dict("records")
    assert [(row["letters"], row["retried"], row["settled"], row["again"]) for row in rows] == [
        (4, 2, 1, 1),
        (1, 0, 0, 0),
    ]
    assert [sum(row["trend"]) for row in rows] == [4, 1]
    assert rows[0]["fingerprint"] == f"/dead-letters?range=15m&fingerprint={CAUSE}"
    (run,) = table(app, "who").to_dict("records")
    assert (run["who"], run["letters"], run["settled"], run["again"]) == ("ana@example.org", 2, 1, 1)


def test_figures_include_causes_that_are_not_listed(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    """203 causes, of which the three rarest were retried or failed again."""
    add_causes(warehouse, causes=200, letters_each=2)
    add_dead_letter(warehouse, 1, 90)
    add_dead_letter(warehouse, 2, 90, fingerprint="bbbb11112222")
    add_dead_letter(warehouse, 91, 95, fingerprint="bbbb11112223", attempts=2)
    add_retry(warehouse, 1, 90)
    add_retry(warehouse, 2, 91)
    app = open_page("dead-letters")
    shown = tile_values(app)
    assert len(table(app, "trend")) == 200
    assert shown["Dead letters"][0] == "403"
    assert shown["Sent again"] == ("2", "401 open")
    assert shown["Settled"] == ("1", "1 failed again")


def test_a_trend_is_complete_among_many_causes(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    add_causes(warehouse, causes=20_000, letters_each=1)
    for offset, seconds in enumerate((100, 300, 500, 700)):
        add_dead_letter(warehouse, offset, seconds)
    first, *_ = table(open_page("dead-letters"), "trend").to_dict("records")
    assert first["letters"] == sum(first["trend"]) == 4


def test_filters(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    add_dead_letter(warehouse, 1, 60)
    add_dead_letter(
        warehouse, 2, 60, stream="orders", topic="orders", reason="invalid_json", fingerprint="bbbb11112222"
    )
    assert tile_values(open_page("dead-letters", stream="orders"))["Dead letters"][0] == "1"
    assert "No dead letters match these filters" in page_text(
        open_page("dead-letters", stream="orders", reason="wrong_type")
    )
    assert "4 to 12 hexadecimal digits" in page_text(open_page("dead-letters", fingerprint="' OR 1=1"))


def test_a_dead_letter_is_shown_as_text_with_its_invalid_field_marked(
    warehouse: FakeWarehouse, open_page: OpenPage, registered: list[Jobs]
) -> None:
    add_dead_letter(warehouse, 1, 60)
    app = open_page("dead-letters", fingerprint=CAUSE)
    shown = code_text(app)
    assert '"amount_cents": "12"   ◀ wrong_type: Expected `int`, got `str`' in shown
    assert "<script>alert(1)</script>" in shown
    assert "payments:1:1" in shown
    assert "evil" not in page_text(app)


def test_the_pager_and_its_link(warehouse: FakeWarehouse, open_page: OpenPage, registered: list[Jobs]) -> None:
    for offset in (1, 2, 3):
        add_dead_letter(warehouse, offset, 60 - offset, key=f"K-{offset}")
    app = open_page("dead-letters", fingerprint=CAUSE)
    assert "K-3" in code_text(app)
    button(app, "Older").click().run()
    assert "K-2" in code_text(app)
    assert app.query_params["letter"] == "payments:1:2"
    assert "K-1" in code_text(open_page("dead-letters", fingerprint=CAUSE, letter="payments:1:1"))


def test_a_retry_needs_a_dry_run_of_the_same_request(
    warehouse: FakeWarehouse, open_page: OpenPage, registered: list[Jobs]
) -> None:
    add_dead_letter(warehouse, 1, 60)
    registered[0] = Jobs(command(plan(1, says="wrong_type: still")))
    app = open_page("dead-letters", fingerprint=CAUSE)
    labels = [one.label for one in app.button]
    assert "Dry run" in labels
    assert not any(label.startswith("Send ") for label in labels)
    button(app, "Dry run").click().run()
    job = registered[0].newest(CAUSE, "dry")
    assert job is not None
    assert job.request.letter == "payments:1:1"
    until = time.monotonic() + 20
    while job.running and time.monotonic() < until:
        time.sleep(0.01)
    app.run()
    assert "1 would be sent, 0 would pass now" in page_text(app)
    assert "1 to topic payments, partition 1\n1 would fail again: wrong_type: still" in code_text(app)
    assert button(app, "Send 1 again")
    app.button_group(key=f"letters:{CAUSE}:what").set_value("all").run()
    assert "run it again" in page_text(app)
    assert not any(one.label.startswith("Send ") for one in app.button)


def test_viewers_cannot_start_a_dry_run(
    warehouse: FakeWarehouse, open_page: OpenPage, registered: list[Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "actor", lambda: None)
    add_dead_letter(warehouse, 1, 60)
    app = open_page("dead-letters", fingerprint=CAUSE)
    assert button(app, "Dry run").disabled


def test_no_dead_letters_is_a_success(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    assert "No dead letters in the last 15 min" in "\n".join(
        str(one.value) for one in open_page("dead-letters").success
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("timeout", "cut after 10 s"), "could not answer"),
    ],
)
@pytest.mark.parametrize("query", [{}, {"fingerprint": CAUSE}])
def test_errors_of_the_warehouse_are_shown(
    warehouse: FakeWarehouse,
    open_page: OpenPage,
    registered: list[Jobs],
    error: Exception,
    message: str,
    query: dict[str, str],
) -> None:
    warehouse.error = error
    assert message in page_text(open_page("dead-letters", **query))
