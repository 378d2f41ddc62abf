"""Dead letters: figures by cause, a letter opened, a dry run before anything is sent."""

from __future__ import annotations

import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages.dead_letters import registry
from dashboard.pages.dead_letters.jobs import Jobs
from dashboard.session import actions, audit
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import House, Open, tiles, words
from tests.unit.dashboard.dead_letters.command import command, plan

CAUSE = "aaaa11112222"
HOSTILE = '{"note":"![x](http://evil/x.png) <script>alert(1)</script>","amount_cents":"12"}'


def letter(house: House, offset: int, seconds: float, **more: Any) -> None:
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
    at = house.ago(seconds)
    place = {"kafka_partition": 1, "kafka_offset": offset, "kafka_timestamp": at, "dead_at": at}
    house.add("dead_letters", **{**row, **place, **more})


def many(house: House, causes: int, letters: int) -> None:
    """So many causes of so many letters each, all at the same time; row by row it would take a minute."""
    letter(house, 1_000, 60, fingerprint="c00000000000")
    house.select(f"""
        INSERT INTO dead_letters
        SELECT dead_letters.* REPLACE (printf('c%011x', n % {causes}) AS fingerprint, 1_000 + n AS kafka_offset)
        FROM dead_letters, range(1, {causes * letters}) AS more(n)
    """)


def sent_again(house: House, offset: int, to: int, run: str = "r1") -> None:
    house.add(
        "dead_letter_retries",
        letter=f"payments:1:{offset}",
        retried_at=house.ago(5),
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
def line(monkeypatch: pytest.MonkeyPatch) -> list[Jobs]:
    """The registry of the pages under test; put in what stands for the command line."""
    found = [Jobs(command())]
    monkeypatch.setattr(registry, "jobs", lambda: found[0])
    monkeypatch.setattr(audit, "write", lambda *_, **__: None)
    monkeypatch.setattr(actions, "actor", lambda: "ana")
    monkeypatch.setattr(actions, "why_not", lambda: None)
    return found


def table(app: AppTest, column: str) -> Any:
    """The first table that has a column."""
    return next(one.value for one in app.dataframe if column in one.value.columns)


def code(app: AppTest) -> str:
    """What is shown as it is."""
    return "\n".join(str(one.value) for one in app.code)


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label == label)


def test_figures_by_cause(house: House, open_page: Open) -> None:
    """Five letters of two causes; two were sent again, of which one failed again as a sixth."""
    for offset in (1, 2, 3):
        letter(house, offset, 60)
    letter(house, 90, 20, attempts=2, retry_of="payments:1:1")
    letter(house, 50, 30, reason="invalid_json", fingerprint="bbbb11112222", field=None)
    letter(house, 40, 3_600, fingerprint="bbbb11112222", reason="invalid_json", field=None)
    sent_again(house, 1, 90)
    sent_again(house, 2, 91)
    app = open_page("dead-letters")
    shown = tiles(app)
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


def test_figures_are_of_all_causes_beyond_those_listed(house: House, open_page: Open) -> None:
    """203 causes, of which the three rarest were sent again or failed again."""
    many(house, causes=200, letters=2)
    letter(house, 1, 90)
    letter(house, 2, 90, fingerprint="bbbb11112222")
    letter(house, 91, 95, fingerprint="bbbb11112223", attempts=2)
    sent_again(house, 1, 90)
    sent_again(house, 2, 91)
    app = open_page("dead-letters")
    shown = tiles(app)
    assert len(table(app, "trend")) == 200
    assert shown["Dead letters"][0] == "403"
    assert shown["Sent again"] == ("2", "401 open")
    assert shown["Settled"] == ("1", "1 failed again")


def test_a_trend_is_whole_however_many_causes_there_are(house: House, open_page: Open) -> None:
    many(house, causes=20_000, letters=1)
    for offset, seconds in enumerate((100, 300, 500, 700)):
        letter(house, offset, seconds)
    first, *_ = table(open_page("dead-letters"), "trend").to_dict("records")
    assert first["letters"] == sum(first["trend"]) == 4


def test_filters(house: House, open_page: Open) -> None:
    letter(house, 1, 60)
    letter(house, 2, 60, stream="orders", topic="orders", reason="invalid_json", fingerprint="bbbb11112222")
    assert tiles(open_page("dead-letters", stream="orders"))["Dead letters"][0] == "1"
    assert "No dead letters match these filters" in words(
        open_page("dead-letters", stream="orders", reason="wrong_type")
    )
    assert "4 to 12 hexadecimal digits" in words(open_page("dead-letters", fingerprint="' OR 1=1"))


def test_a_letter_is_text_and_its_wrong_field_is_marked(house: House, open_page: Open, line: list[Jobs]) -> None:
    letter(house, 1, 60)
    app = open_page("dead-letters", fingerprint=CAUSE)
    shown = code(app)
    assert '"amount_cents": "12"   ◀ wrong_type: Expected `int`, got `str`' in shown
    assert "<script>alert(1)</script>" in shown
    assert "payments:1:1" in shown
    assert "evil" not in words(app)


def test_the_pager_and_its_link(house: House, open_page: Open, line: list[Jobs]) -> None:
    for offset in (1, 2, 3):
        letter(house, offset, 60 - offset, key=f"K-{offset}")
    app = open_page("dead-letters", fingerprint=CAUSE)
    assert "K-3" in code(app)
    button(app, "Older").click().run()
    assert "K-2" in code(app)
    assert app.query_params["letter"] == "payments:1:2"
    assert "K-1" in code(open_page("dead-letters", fingerprint=CAUSE, letter="payments:1:1"))


def test_nothing_is_sent_without_a_dry_run_of_the_same(house: House, open_page: Open, line: list[Jobs]) -> None:
    letter(house, 1, 60)
    line[0] = Jobs(command(plan(1, says="wrong_type: still")))
    app = open_page("dead-letters", fingerprint=CAUSE)
    labels = [one.label for one in app.button]
    assert "Dry run" in labels
    assert not any(label.startswith("Send ") for label in labels)
    button(app, "Dry run").click().run()
    job = line[0].newest(CAUSE, "dry")
    assert job is not None
    assert job.request.letter == "payments:1:1"
    until = time.monotonic() + 20
    while job.running and time.monotonic() < until:
        time.sleep(0.01)
    app.run()
    assert "1 would be sent, 0 would pass now" in words(app)
    assert "1 to topic payments, partition 1\n1 would fail again: wrong_type: still" in code(app)
    assert button(app, "Send 1 again")
    app.button_group(key=f"letters:{CAUSE}:what").set_value("all").run()
    assert "run it again" in words(app)
    assert not any(one.label.startswith("Send ") for one in app.button)


def test_who_may_not_act_cannot_start_a_process(
    house: House, open_page: Open, line: list[Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "actor", lambda: None)
    letter(house, 1, 60)
    app = open_page("dead-letters", fingerprint=CAUSE)
    assert button(app, "Dry run").disabled


def test_no_dead_letters_is_good_news(house: House, open_page: Open) -> None:
    assert "No dead letters in the last 15 min" in "\n".join(
        str(one.value) for one in open_page("dead-letters").success
    )


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("timeout", "cut after 10 s"), "could not answer"),
    ],
)
@pytest.mark.parametrize("query", [{}, {"fingerprint": CAUSE}])
def test_broken(
    house: House, open_page: Open, line: list[Jobs], error: Exception, says: str, query: dict[str, str]
) -> None:
    house.error = error
    assert says in words(open_page("dead-letters", **query))
