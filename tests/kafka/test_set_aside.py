"""One message or stream that cannot be handled is set aside, alone, with its reason, and the others go on."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from streamgauge.cli.dead_letters import plan, selection, show
from streamgauge.cli.dead_letters.plan import Options
from streamgauge.cli.streams import close
from streamgauge.dead_letters import headers
from streamgauge.runtime.kafka.headers import headers_of
from streamgauge.warehouse.client import Warehouse
from tests.kafka import odd_headers
from tests.kafka.dead_letters import publish
from tests.support.commerce_events import payment, shipment, stock
from tests.support.figures import count
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, new_rig
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
STOP_EVENTS = 200


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(
        partitions=2,
        commit_interval_ms=50,
        flush_interval_ms=50,
        dead_letter_stop_events=STOP_EVENTS,
        dead_letter_topics="billing-dlt",
    ) as rig:
        admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
        # Two of the catalog's topics are not there, one is compacted; nobody else should notice.
        for future in admin.delete_topics(["campaigns", "products.dlq"]).values():
            future.result(timeout=30)
        admin.create_topics([NewTopic("billing-dlt", 1, 1)])["billing-dlt"].result(timeout=30)
        alter(rig, "marketing", "cleanup.policy", "compact")
        rig.start("warehouse")
        rig.start("process", "analytics")
        yield rig


@pytest.fixture
def analytics(rig: Rig) -> Worker:
    return rig.workers[1]


def alter(rig: Rig, topic: str, name: str, value: str) -> None:
    """Set one option of a topic."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(timeout=30)


def health(worker: Worker) -> dict[str, Any]:
    """What `/health` reports, ready or not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/health", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:  # in the middle of a rebalance
        found = json.load(error)
    except OSError:  # not started yet
        return {"why": "", "problems": []}
    return found


def problem(worker: Worker, stream: str) -> str:
    """Why a stream is set aside; empty where it is not."""
    named = f"stream `{stream}` is set aside"
    return next((text for text in health(worker)["problems"] if text.startswith(named)), "")


def goes_on(rig: Rig, warehouse: Warehouse, number: int) -> None:
    """A good payment becomes a row, whatever happens to other streams."""
    publish(rig, "payments", [(b"O", payment(number))])
    wait_until(
        lambda: count(warehouse, f"payment_events WHERE payment_id = 'P-{number}'") == 1, f"payment {number}", 60
    )


def test_topics_that_cannot_be_read_stop_their_streams_alone(rig: Rig, warehouse: Warehouse, analytics: Worker) -> None:
    """One is missing and one compacted: both are named; mended, they are read without a restart."""
    goes_on(rig, warehouse, 1)
    assert "topic `campaigns` does not exist" in problem(analytics, "campaigns")
    assert "topic `marketing` is compacted" in problem(analytics, "marketing")
    assert problem(analytics, "products") == ""
    assert any("`products.dlq` does not exist" in text for text in health(analytics)["problems"])
    spend = {"channel": "email", "campaign_id": "A", "customer_id": "C", "cost_cents": 1, "event_type": "email.sent"}
    publish(rig, "marketing", [(b"C", {**stock(1), **spend})])
    goes_on(rig, warehouse, 2)
    assert count(warehouse, "marketing_events") == 0

    alter(rig, "marketing", "cleanup.policy", "delete")
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    new = [NewTopic("campaigns", 2, 1), NewTopic("products.dlq", 2, 1)]
    for future in admin.create_topics(new).values():
        future.result(timeout=30)
    # Reference data that its topic deletes is read, and what that means is said.
    forgets = "topic `campaigns` is reference data and deletes it (cleanup.policy=delete, retention.ms=604800000)"
    wait_until(lambda: [text[: len(forgets)] for text in health(analytics)["problems"]] == [forgets], "only this", 60)
    alter(rig, "campaigns", "cleanup.policy", "compact")
    wait_until(lambda: health(analytics)["problems"] == [], "all is well again", 60)
    wait_until(lambda: count(warehouse, "marketing_events") == 1, "the event that waited", 60)


def test_header_names_of_any_bytes(rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """In our dead letters, in others', and in deltas' topic: shown escaped, and neighbours are processed."""
    odd = [(b"trace", b"t1"), (b"\xff\xfebad", b"\x00\xff")]
    odd_headers.publish(rig.kafka.bootstrap, "orders", b"k", b"not json", odd)
    odd_headers.publish(rig.kafka.bootstrap, "payments", b"k", json.dumps(payment(10)).encode(), odd)
    odd_headers.publish(rig.kafka.bootstrap, "billing-dlt", b"k", b"\x00", odd)
    odd_headers.publish(rig.kafka.bootstrap, "analytics", b"k", b"no delta", odd)
    wait_until(lambda: count(warehouse, "dead_letters") == 2, "both dead letters", 60)
    goes_on(rig, warehouse, 11)
    assert count(warehouse, "payment_events WHERE payment_id = 'P-10'") == 1
    letter = selection.choose(["orders:0:0"], None, None, None, None)
    show.run(rig.settings, letter, None)
    shown = capsys.readouterr().out
    assert "\\xff\\xfebad" in shown
    assert "trace" in shown
    (item,) = plan.make(rig.settings, letter, Options()).ready
    assert item.record.headers[:2] == [("trace", b"t1"), ("\\xff\\xfebad", b"\x00\xff")]


def test_a_dead_letter_that_its_topic_cannot_hold(
    rig: Rig, warehouse: Warehouse, analytics: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compressed it may fit, else the letter refers to the event; a topic that takes nothing stops its stream alone."""
    alter(rig, "payments.dlq", "max.message.bytes", "100000")
    redundant, random = payment(20, reason="x" * 5_000_000), payment(21, reason=os.urandom(300_000).hex())
    with publishing(rig.kafka.bootstrap, message_max_bytes=10_000_000, compression_type="gzip") as send:
        send("payments", b"O", json.dumps(redundant).encode(), partition=0)
        send("payments", b"O", json.dumps(random).encode(), partition=1)
    wait_until(lambda: count(warehouse, "dead_letters WHERE reason = 'oversized'") == 2, "two oversized letters", 60)
    goes_on(rig, warehouse, 22)
    ready = plan.make(rig.settings, selection.choose([], None, "payments", None, None), Options()).ready
    assert sorted(len(item.value or b"") for item in ready) == sorted(
        len(json.dumps(event)) for event in (redundant, random)
    )
    assert {json.loads(item.value or b"")["payment_id"] for item in ready} == {"P-20", "P-21"}

    alter(rig, "orders.dlq", "max.message.bytes", "60")
    publish(rig, "orders", [(b"O", b"not json")])
    wait_until(lambda: "`orders.dlq` does not take its messages" in problem(analytics, "orders"), "the problem", 60)
    goes_on(rig, warehouse, 23)
    letters = count(warehouse, "dead_letters WHERE stream = 'orders'")
    alter(rig, "orders.dlq", "max.message.bytes", "1048588")
    wait_until(lambda: problem(analytics, "orders") == "", "orders goes on", 60)
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'orders'") == letters + 1, "the letter", 60)


@pytest.mark.long
def test_a_dead_letter_of_a_service_that_its_topic_cannot_hold(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Services refer to events as analytics does, and wait, with the reason, for a topic that takes nothing."""
    alter(rig, "payments.dlq", "max.message.bytes", "2000")
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    admin.delete_topics(["fraud"])["fraud"].result(timeout=30)
    fraud = rig.start("process", "fraud", ready=False, entry="tests.kafka.failing_fraud")
    wait_until(lambda: "topic `fraud` does not exist" in health(fraud)["why"], "it waits", 60, alive=fraud.process)
    admin.create_topics([NewTopic("fraud", 2, 1)])["fraud"].result(timeout=30)
    rig.wait_ready(fraud)
    bugs = [payment(40 + number, reason="bug", note=os.urandom(30_000).hex()) for number in range(3)]
    ids = publish(rig, "payments", [(b"O", bug) for bug in bugs[:2]])
    wait_until(lambda: set(ids) <= committed_letters(rig), "the letters", 60, alive=fraud.process)
    choice = selection.choose(ids, None, None, None, None)
    ready = plan.make(rig.settings, choice, Options()).ready
    assert [json.loads(item.value or b"") for item in ready] == bugs[:2]
    show.run(rig.settings, selection.choose(ids[:1], None, None, None, None), None)
    assert "consumer    fraud" in capsys.readouterr().out

    alter(rig, "payments.dlq", "max.message.bytes", "60")
    ids += publish(rig, "payments", [(b"O", bugs[2])])
    wait_until(lambda: "does not take its messages" in health(fraud)["why"], "the reason", 60, alive=fraud.process)
    goes_on(rig, warehouse, 50)
    alter(rig, "payments.dlq", "max.message.bytes", "1048588")
    wait_until(lambda: set(ids) <= committed_letters(rig), "the last letter", 60, alive=fraud.process)
    wait_until(fraud.healthy, "well again", 60, alive=fraud.process)
    assert fraud.stop() == 0

    # Without its changelog it knows that nobody else has its state.
    (changelog,) = (name for name in admin.list_topics(timeout=30).topics if name.startswith("changelog__fraud"))
    admin.delete_topics([changelog])[changelog].result(timeout=30)
    wait_until(lambda: changelog not in admin.list_topics(timeout=30).topics, "it is gone", 30)
    fraud = rig.start("process", "fraud")
    (problem,) = health(fraud)["problems"]
    assert problem.startswith(f"topic `{changelog}` was deleted and made anew")
    fraud.kill()


def committed_letters(rig: Rig) -> set[str]:
    """Where the events of the letters in `payments.dlq` were."""
    messages = read_topic(rig.kafka.bootstrap, "payments.dlq")
    return {str(headers.read(headers_of(message)).position) for message in messages}


def test_the_circuit_breaker_opens_for_one_stream(rig: Rig, warehouse: Warehouse, analytics: Worker) -> None:
    """Nothing of it is committed; an operator or newer good events close it, and each letter is there once."""
    letters = "dead_letters WHERE stream = 'shipments'"
    publish(rig, "shipments", [(b"S", shipment(n, region=None)) for n in range(STOP_EVENTS)])
    wait_until(lambda: "200 of the last 200 events are bad" in problem(analytics, "shipments"), "it opens", 60)
    assert analytics.metrics()['streamgauge_stream_set_aside{cause="bad_events",stream="shipments"}'] == 1
    goes_on(rig, warehouse, 30)
    assert count(warehouse, letters) < STOP_EVENTS
    assert close.run(rig.settings, "shipments", "mia@example").startswith("shipments: ")
    wait_until(lambda: count(warehouse, letters) == STOP_EVENTS, "all of them", 60)
    assert problem(analytics, "shipments") == ""
    wait_until(lambda: count(warehouse, "audit_events WHERE actor = 'mia@example'") == 1, "the record", 60)

    publish(rig, "shipments", [(b"S", shipment(n, region=None)) for n in range(STOP_EVENTS)])
    wait_until(lambda: problem(analytics, "shipments") != "", "it opens again", 60)
    publish(rig, "shipments", [(b"S", shipment(n)) for n in range(STOP_EVENTS)])
    wait_until(lambda: count(warehouse, letters) == 2 * STOP_EVENTS, "closed by itself", 60)
    wait_until(lambda: count(warehouse, "shipment_events") == STOP_EVENTS, "the good ones", 60)
    assert analytics.process.poll() is None
