"""A retry that is killed, run twice or overtaken sends each event once; a replica stops at nothing but bad events."""

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
from streamgauge.dead_letters.retry import records, retrier
from streamgauge.runtime import log_reader
from streamgauge.warehouse.client import Warehouse
from tests.conftest import require_kafka
from tests.kafka.dead_letters import count, payment, publish, shipment, start
from tests.support.rig import Rig, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(240)]
LETTERS, KILLS = 40, 3
MENDED = [("$.amount_cents", 100)]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(partitions=2, commit_interval_ms=50, flush_interval_ms=50, dead_letter_stop_events=200) as rig:
        rig.start("warehouse")
        rig.start("process", "analytics")
        yield rig


@pytest.fixture(scope="module")
def warehouse(rig: Rig) -> Iterator[Warehouse]:
    with Warehouse(rig.settings) as client:
        yield client


def chosen(*positions: str) -> Choice:
    """These letters."""
    return Choice(ids=tuple(position for text in positions if (position := Position.parse(text))))


def once(rig: Rig, warehouse: Warehouse, prefix: str, number: int) -> None:
    """So many good payments are in the topic, each once, and all of them in the raw table."""
    sent: Counter[str] = Counter()

    def see(message: Any) -> bool:
        event = json.loads(message.value())
        if event["payment_id"].startswith(prefix) and event["amount_cents"] == 100:
            sent[event["payment_id"]] += 1
        return False

    with records.reader(rig.settings) as consumer:
        records.scan(consumer, log_reader.beginning(consumer, "payments"), see)
    assert (len(sent), set(sent.values())) == (number, {1})
    where = f"payment_events WHERE starts_with(payment_id, '{prefix}')"
    wait_until(lambda: count(warehouse, where) >= number, f"{number} payments")
    rows = warehouse.query(f"SELECT count(*) AS n, count(DISTINCT payment_id) AS ids FROM {where}").to_pylist()
    assert rows == [{"n": number, "ids": number}]


@pytest.fixture(scope="module")
def fingerprint(rig: Rig, warehouse: Warehouse) -> str:
    """The cause that all bad payments here share."""
    publish(rig, "payments", [(b"O-0", payment(0, amount_cents="100"))])
    wait_until(lambda: count(warehouse, "dead_letters") == 1, "the first letter")
    return str(warehouse.query("SELECT fingerprint FROM dead_letters")["fingerprint"][0].as_py())


def test_killed_and_run_twice_each_event_is_sent_once(
    rig: Rig, warehouse: Warehouse, fingerprint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 at random moments between the first event and the last, then two runs at once, then one more."""
    publish(rig, "payments", [(f"O-{n}".encode(), payment(1_000 + n, amount_cents="1")) for n in range(LETTERS)])
    wait_until(lambda: count(warehouse, f"dead_letters WHERE fingerprint = '{fingerprint}'") == LETTERS + 1, "letters")
    command = ("retry", "--fingerprint", fingerprint, "--set", "amount_cents=100", "--yes")
    rng, in_the_middle = random.Random(20261123), 0
    for number in range(KILLS):
        running = start(rig, *command, "--rate", "10")
        assert running.stderr is not None
        running.stderr.readline()  # the first rung is sent
        time.sleep(number * rng.uniform(0.0, 0.4))  # a random moment, which is the point; the first at once
        running.kill()
        running.communicate()
        in_the_middle += 0 < len(retrier.retried_letters(rig.settings)) < LETTERS + 1
    assert in_the_middle > 0
    both = [start(rig, *command), start(rig, *command)]
    outputs = [running.communicate(timeout=120) for running in both]
    codes = sorted(running.returncode for running in both)
    # Whoever came second fenced the first, unless the first was done by then.
    assert codes[0] == 0, outputs
    assert codes[1] == 0 or any("another retry has started" in err for _, err in outputs), outputs
    assert retry.run(rig.settings, Choice(fingerprint=fingerprint), Options(really=True, set=MENDED)) == 0
    out = capsys.readouterr().out
    assert len(retrier.retried_letters(rig.settings)) == LETTERS + 1
    once(rig, warehouse, "P-1", LETTERS)
    assert f"{LETTERS + 1} left out: already retried" in out or "sent again, none failed" in out


class Crash(BaseException):
    """What kill -9 is to the code that it hits."""


def crashing(after: int, producer: type = Producer) -> Callable[[dict[str, Any]], Any]:
    """Makes a producer whose user dies right after its call number `after`; what it left open stays so."""
    calls = count_from(1)

    class Mortal:
        def __init__(self, options: dict[str, Any]) -> None:
            self._real = producer(options)

        def __getattr__(self, name: str) -> Any:
            def call(*values: Any, **named: Any) -> Any:
                answer = getattr(self._real, name)(*values, **named)
                if next(calls) == after:
                    raise Crash(name)
                return answer

            return call

    return Mortal


def test_wherever_it_crashes_each_event_is_sent_once(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends after each of its calls to Kafka in turn, from the first to the one that commits."""
    names: list[str] = []
    positions = publish(rig, "payments", [(b"O-9", payment(2_000 + n, amount_cents="1")) for n in range(8)])
    wait_until(lambda: len(plan.make(rig.settings, chosen(*positions), Options()).expired) == 0, "eight letters")
    options = Options(really=True, set=MENDED)
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
    # Only the run that ended after the commit had sent its event, and those after it that came to no crash.
    assert f"{len(names) - 1} sent again, none failed" in capsys.readouterr().out
    once(rig, warehouse, "P-2", len(positions))


def test_a_run_that_was_overtaken_sends_nothing(rig: Rig) -> None:
    """Two runs may have chosen the same letters; the later one fences the earlier."""
    (position,) = publish(rig, "payments", [(b"O-8", payment(4_000, amount_cents="1"))])
    wait_until(lambda: len(plan.make(rig.settings, chosen(position), Options()).ready) == 1, "the letter")
    ready = plan.make(rig.settings, chosen(position), Options()).ready
    overtaken, _newer = retrier.Retrier(rig.settings), retrier.Retrier(rig.settings)
    with pytest.raises(retrier.Fenced):
        overtaken.send(ready)
    assert position not in retrier.retried_letters(rig.settings)


def test_a_replica_stops_at_nothing_but_bad_events(rig: Rig, warehouse: Warehouse) -> None:
    """It says which stream and why, commits nothing of that batch, and dead-letters nothing more when started again."""
    bad = [(b"S", shipment(n, region=None)) for n in range(150)]
    publish(rig, "shipments", bad)
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'shipments'") == 150, "150 letters")
    replica = rig.workers[1]
    assert replica.process.poll() is None
    publish(rig, "shipments", bad)
    assert replica.process.wait(120) == 1
    line = replica.log.read_text().splitlines()[-1]
    for part in ("events of stream `shipments` are bad", "wrong_type", "$.region", "raise"):
        assert part in line
    lettered = count(warehouse, "dead_letters WHERE stream = 'shipments'")
    assert 150 <= lettered < 200

    again = rig.start("process", "analytics", ready=False)
    assert again.process.wait(120) == 1
    assert count(warehouse, "dead_letters WHERE stream = 'shipments'") == lettered

    publish(rig, "payments", [(b"O-1", payment(3_000))])
    willing = rig.start("process", "analytics", dead_letter_stop_events=0)
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'shipments'") == 300, "all of them")
    once(rig, warehouse, "P-3", 1)
    assert willing.stop() == 0
