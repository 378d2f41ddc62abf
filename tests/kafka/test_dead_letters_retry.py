"""A retry that is killed, run twice or fenced sends each event once."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count as count_from
from typing import Any

import pytest
from confluent_kafka import Producer

from streamgauge.cli.dead_letters import plan, retry
from streamgauge.cli.dead_letters.plan import Options
from streamgauge.cli.dead_letters.selection import Choice
from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.retry import edit, retrier
from streamgauge.warehouse.client import Warehouse
from tests.kafka.dead_letters import publish, start
from tests.support.commerce_events import payment
from tests.support.figures import count
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(240)]
LETTERS, KILLS = 40, 3
EDITED = [edit.parse("amount_cents=100")]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(partitions=2, commit_interval_ms=50, flush_interval_ms=50, dead_letter_stop_events=200) as rig:
        rig.start("warehouse")
        rig.start("process", "analytics")
        yield rig


def chosen(*positions: str) -> Choice:
    """The selection of these dead letters."""
    return Choice(ids=tuple(position for text in positions if (position := Position.parse(text))))


def assert_sent_once(rig: Rig, warehouse: Warehouse, prefix: str, number: int) -> None:
    """`number` good payments are in the topic, each once, and all of them in the raw table."""
    payments = [json.loads(message.value() or b"") for message in read_topic(rig.kafka.bootstrap, "payments")]
    sent = Counter(
        event["payment_id"]
        for event in payments
        if event["payment_id"].startswith(prefix) and event["amount_cents"] == 100
    )
    assert (len(sent), set(sent.values())) == (number, {1})
    where = f"payment_events WHERE starts_with(payment_id, '{prefix}')"
    wait_until(lambda: count(warehouse, where) >= number, f"{number} payments")
    rows = warehouse.query(f"SELECT count(*) AS n, count(DISTINCT payment_id) AS ids FROM {where}").to_pylist()
    assert rows == [{"n": number, "ids": number}]


@pytest.fixture(scope="module")
def fingerprint(rig: Rig, warehouse: Warehouse) -> str:
    """The fingerprint that all bad payments here share."""
    publish(rig, "payments", [(b"O-0", payment(0, amount_cents="100"))])
    wait_until(lambda: count(warehouse, "dead_letters") == 1, "the first dead letter")
    return str(warehouse.query("SELECT fingerprint FROM dead_letters")["fingerprint"][0].as_py())


def test_killed_and_run_twice_each_event_is_sent_once(
    rig: Rig, warehouse: Warehouse, fingerprint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 at random moments between the first event and the last, then two runs at once, then one more."""
    publish(rig, "payments", [(f"O-{n}".encode(), payment(1_000 + n, amount_cents="1")) for n in range(LETTERS)])
    wait_until(
        lambda: count(warehouse, f"dead_letters WHERE fingerprint = '{fingerprint}'") == LETTERS + 1, "all of them"
    )
    command = ("retry", "--fingerprint", fingerprint, "--set", "amount_cents=100", "--yes")
    rng, interrupted = random.Random(20261123), 0
    for number in range(KILLS):
        running = start(rig, *command, "--rate", "10")
        assert running.stderr is not None
        running.stderr.readline()  # the first step of the canary is sent
        time.sleep(number * rng.uniform(0.0, 0.4))  # kill at a random moment; the first time at once
        running.kill()
        running.communicate()
        interrupted += 0 < len(retrier.retried_letters(rig.settings)) < LETTERS + 1
    assert interrupted > 0
    both = [start(rig, *command), start(rig, *command)]
    outputs = [running.communicate(timeout=120) for running in both]
    codes = sorted(running.returncode for running in both)
    # The second fenced the first, unless the first had finished by then.
    assert codes[0] == 0, outputs
    assert codes[1] == 0 or any("another retry has started" in err for _, err in outputs), outputs
    assert retry.run(rig.settings, Choice(fingerprint=fingerprint), Options(really=True, set=EDITED)) == 0
    out = capsys.readouterr().out
    assert len(retrier.retried_letters(rig.settings)) == LETTERS + 1
    assert_sent_once(rig, warehouse, "P-1", LETTERS)
    assert f"{LETTERS + 1} left out: already retried" in out or "sent again, none failed" in out


class Crash(BaseException):
    """Ends a run at once, as kill -9 would: no `except Exception` catches it."""


def crashing(after: int, producer: type = Producer) -> Callable[[dict[str, Any]], Any]:
    """A producer class whose user crashes right after call number `after`; an open transaction stays open."""
    calls = count_from(1)

    class Crashing:
        def __init__(self, options: dict[str, Any]) -> None:
            self._real = producer(options)

        def __getattr__(self, name: str) -> Any:
            def call(*values: Any, **named: Any) -> Any:
                answer = getattr(self._real, name)(*values, **named)
                if next(calls) == after:
                    raise Crash(name)
                return answer

            return call

    return Crashing


def test_wherever_it_crashes_each_event_is_sent_once(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run crashes after each of its calls to Kafka in turn, from the first to the commit."""
    names: list[str] = []
    positions = publish(rig, "payments", [(b"O-9", payment(2_000 + n, amount_cents="1")) for n in range(8)])
    wait_until(lambda: len(plan.make(rig.settings, chosen(*positions), Options()).expired) == 0, "eight dead letters")
    options = Options(really=True, set=EDITED)
    for after, position in enumerate(positions, 1):
        with monkeypatch.context() as patch:
            patch.setattr(retrier, "Producer", crashing(after))
            try:
                retry.run(rig.settings, chosen(position), options)
            except Crash as crash:
                names.append(str(crash))
    assert names[0] == "init_transactions"
    assert names[-1] == "commit_transaction"
    assert names.count("produce") >= 2
    capsys.readouterr()
    assert retry.run(rig.settings, chosen(*positions), options) == 0
    # Sent were only the event of the run that crashed after its commit, and those of later runs, which did not crash.
    assert f"{len(names) - 1} sent again, none failed" in capsys.readouterr().out
    assert_sent_once(rig, warehouse, "P-2", len(positions))


def test_a_fenced_run_sends_nothing(rig: Rig) -> None:
    """Two runs may have selected the same dead letters; the later one fences the earlier."""
    (position,) = publish(rig, "payments", [(b"O-8", payment(4_000, amount_cents="1"))])
    wait_until(lambda: len(plan.make(rig.settings, chosen(position), Options()).ready) == 1, "the dead letter")
    ready = plan.make(rig.settings, chosen(position), Options()).ready
    fenced, _newer = retrier.Retrier(rig.settings), retrier.Retrier(rig.settings)
    with pytest.raises(retrier.Fenced):
        fenced.send(ready)
    assert position not in retrier.retried_letters(rig.settings)
