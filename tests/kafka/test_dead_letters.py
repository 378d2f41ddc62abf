"""Dead letters on a real broker: listed by cause, shown with the field at fault, sent again byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streamgauge.cli.dead_letters import listing, plan, retry, selection, show
from streamgauge.cli.dead_letters.plan import Options
from streamgauge.cli.dead_letters.selection import Choice
from streamgauge.dead_letters.retry import edit, records, retrier
from streamgauge.runtime.errors import UsageError
from streamgauge.warehouse.client import Warehouse
from tests.kafka.dead_letters import CONNECT, Billing, call, publish, spring
from tests.support.commerce_events import event, now_ms, order, payment, shipment, stock
from tests.support.figures import count
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
FOREIGN = ["sink.dead", "invoices-dlt"]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(
        partitions=3,
        commit_interval_ms=50,
        flush_interval_ms=50,
        dead_letter_topics=",".join(FOREIGN),
        dead_letter_stop_events=0,  # here most events are bad
        max_event_bytes=200_000,
    ) as rig:
        admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
        for future in admin.create_topics([NewTopic(topic, 1, 1) for topic in [*FOREIGN, "invoices"]]).values():
            future.result(timeout=30)
        rig.start("warehouse")
        rig.start("process", "analytics")
        yield rig


def dead(warehouse: Warehouse, stream: str, number: int) -> None:
    """Wait until the table holds `number` dead letters of a stream."""
    wait_until(lambda: count(warehouse, f"dead_letters WHERE stream = '{stream}'") == number, f"{number} of {stream}")


def ids(*names: str) -> Choice:
    """The selection of these ids."""
    return selection.choose(names, None, None, None, None)


def test_the_command_lists_and_sends_again_once(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reason, fingerprint, field and id are listed; a dry run sends nothing; a second retry has nothing to send."""
    (position,) = publish(rig, "payments", [(b"O-1", payment(1, amount_cents="100"))], [("trace", b"t1")])
    dead(warehouse, "payments", 1)
    code, out, err = call(rig, "list", "--format", "json", "--stream", "payments")
    (group,) = json.loads(out)
    assert (code, err, group["reason"], group["field"]) == (0, "", "wrong_type", "$.amount_cents")
    assert (group["letters"], group["open"], group["example"], sum(group["trend"])) == (1, 1, position, 1)

    assert retry.run(rig.settings, ids(position), Options()) == 0
    out = capsys.readouterr().out
    assert "would fail again: wrong_type: Expected `int`, got `str`" in out
    assert "nothing was sent" in out
    assert count(warehouse, "dead_letters WHERE stream = 'payments'") == 1

    code, out, err = call(rig, "retry", position, "--yes")
    assert code == 1, out + err
    assert f"the same failure returned: 1 x {group['fingerprint']} wrong_type" in out
    dead(warehouse, "payments", 2)
    wait_until(
        lambda: count(warehouse, f"dead_letter_retries WHERE letter = '{position}'") == 1, "the record of the retry"
    )
    (group,) = listing.groups(warehouse, Choice(stream="payments"))
    assert (group.letters, group.open, group.attempts) == (2, 1, 2)
    assert count(warehouse, "stream_windows WHERE stream = 'dead-letter-retries'") == 0
    assert retry.run(rig.settings, ids(position), Options(really=True)) == 0
    assert "1 left out: already retried" in capsys.readouterr().out
    rows = warehouse.query("SELECT attempts, retry_of, event_time IS NOT NULL AS timed FROM dead_letters ORDER BY 1")
    assert rows.to_pylist() == [
        {"attempts": 1, "retry_of": None, "timed": True},
        {"attempts": 2, "retry_of": position, "timed": True},
    ]


def test_an_edited_letter_passes_and_the_original_stays(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """--set and --edit: the edited event is in the raw table, the dead letter stays as it was in its topic."""
    before = count(warehouse, "dead_letters WHERE stream = 'shipments'")
    values = [shipment(1, carrier=None), shipment(2, region=7)]
    positions = publish(rig, "shipments", [(b"O-1", values[0]), (b"O-2", values[1])], [("trace", b"t2")])
    dead(warehouse, "shipments", before + 2)
    options = Options(really=True, set=[edit.parse("carrier=ups")])
    assert retry.run(rig.settings, ids(positions[0]), options) == 0
    shown = capsys.readouterr().out
    assert "would pass now" in shown
    assert f'edited {positions[0]}: $.carrier: null → "ups"' in shown

    file = tmp_path / "edited.json"
    file.write_text(json.dumps({**values[1], "region": "us"}))
    assert retry.run(rig.settings, ids(positions[1]), Options(really=True, file=file)) == 0
    wait_until(lambda: count(warehouse, "shipment_events") == 2, "both shipments")
    rows = warehouse.query("SELECT shipment_id, carrier, region FROM shipment_events ORDER BY 1").to_pylist()
    assert rows == [
        {"shipment_id": "S-1", "carrier": "ups", "region": "eu"},
        {"shipment_id": "S-2", "carrier": "dhl", "region": "us"},
    ]
    show.run(rig.settings, ids(positions[0]), None)
    shown = capsys.readouterr().out
    for part in ('"carrier": null,   ◀ wrong_type', "retried", '$.carrier: null → "ups"', "trace", "wrong_type at"):
        assert part in shown
    assert count(warehouse, "dead_letters WHERE stream = 'shipments'") == before + 2


def test_odd_payloads_are_shown_and_sent_again_byte_for_byte(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Not UTF-8, null, empty, huge, binary: each can be shown, and a retry sends exactly its bytes."""
    huge = json.dumps(stock(1, padding="x" * 300_000)).encode()
    values = [b'{"sku":"caf\xe9"}', None, b"", huge, b"\x00\x01\xff"]
    positions = publish(rig, "inventory", [(b"\xff\x00", value) for value in values])
    dead(warehouse, "inventory", len(values))
    shown = []
    for position in positions:
        show.run(rig.settings, ids(position), None)
        shown.append(capsys.readouterr().out)
    for page, parts in zip(
        shown,
        [
            ("\\xe9", "^", "invalid_json"),
            ("null: the message has no value",),
            ("empty: the value has no bytes",),
            ("characters)", "oversized"),
            ("\\x00\\x01\\xff",),
        ],
        strict=True,
    ):
        assert all(part in page for part in parts), page
        assert len(page) < 10_000
    show.run(rig.settings, ids(positions[3]), tmp_path / "huge.json")
    assert (tmp_path / "huge.json").read_bytes() == huge

    chosen = ids(*positions)
    fingerprints = {item.letter.fingerprint for item in plan.make(rig.settings, chosen, Options()).ready}
    assert len(fingerprints) == len(values) - 1  # the two that are not UTF-8 have one cause
    for position in positions:
        assert retry.run(rig.settings, ids(position), Options(really=True)) == 1
        assert "the same failure returned" in capsys.readouterr().out
    dead(warehouse, "inventory", 2 * len(values))
    again = Choice(stream="inventory")
    second_plan = plan.make(rig.settings, again, Options())
    sent = {str(item.letter.root): item.value for item in second_plan.ready}
    assert sent == dict(zip(positions, values, strict=True))
    assert {item.record.key for item in second_plan.ready} == {b"\xff\x00"}


def test_the_canary_stops_at_the_step_that_fails(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """12 dead letters of one cause, one with a second fault: 1 and then 5 are sent, 6 are not."""
    before = count(warehouse, "dead_letters WHERE stream = 'marketing'")
    assert before == 0
    spend = {"channel": "email", "campaign_id": "A", "customer_id": "C", "cost_cents": "1"}
    values = [{**stock(number), **spend, "event_type": "email.sent"} for number in range(12)]
    values[3]["channel"] = "fax"
    publish(rig, "marketing", [(b"C", value) for value in values])
    dead(warehouse, "marketing", 12)
    causes = {item.fingerprint: item.letters for item in listing.groups(warehouse, Choice(stream="marketing"))}
    assert sum(causes.values()) == 12
    options = Options(really=True, set=[edit.parse("cost_cents=1")], rate=1_000)
    assert retry.run(rig.settings, Choice(stream="marketing"), options) == 1
    out = capsys.readouterr().out
    assert "a new failure: 1 x" in out or "the same failure returned: 1 x" in out
    assert "stopped: 5 of 12 are through; 6 not sent" in out
    wait_until(lambda: count(warehouse, "marketing_events") == 5, "five events")
    dead(warehouse, "marketing", 13)


def test_the_events_of_a_key_stay_in_order(rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """Even where the first was retried before, failed again, and so lies behind the second by now."""
    before = count(warehouse, "payment_events")
    start = count(warehouse, "dead_letters WHERE stream = 'payments'")
    values = [(f"K-{number % 3}".encode(), payment(100 + number, currency=None)) for number in range(9)]
    positions = publish(rig, "payments", values)
    dead(warehouse, "payments", start + 9)
    assert retry.run(rig.settings, ids(positions[0]), Options(really=True)) == 1
    dead(warehouse, "payments", start + 10)
    choice = Choice(stream="payments", fingerprint=listing.groups(warehouse, ids(positions[1]))[0].fingerprint)
    assert retry.run(rig.settings, choice, Options(really=True, set=[edit.parse("currency=EUR")], rate=500)) == 0
    assert "9 sent again, none failed" in capsys.readouterr().out
    wait_until(lambda: count(warehouse, "payment_events") == before + 9, "all nine")
    rows = warehouse.query(
        "SELECT payment_id FROM payment_events WHERE payment_id LIKE 'P-10_' ORDER BY kafka_partition, kafka_offset"
    )
    sent = [int(row["payment_id"][2:]) for row in rows.to_pylist()]
    for key in range(3):
        assert [number for number in sent if (number - 100) % 3 == key] == [100 + key, 103 + key, 106 + key]


def test_dead_letters_of_other_systems(rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """Connect's and Spring's become rows with origin and cause, malformed ones too; Spring's go back to their topic."""
    origin, second = publish(rig, "invoices", [(b"I-1", b"not json")] * 2, [("trace", b"t9")])
    publish(rig, "sink.dead", [(b"O-1", b"x")], CONNECT)
    publish(rig, "invoices-dlt", [(b"I-1", b"not json")], [("trace", b"t9"), *spring(origin)])
    publish(rig, "invoices-dlt", [(b"I-1", b"not json")], [("trace", b"t9"), *spring(second, retry_topics=True)])
    (nowhere,) = publish(rig, "sink.dead", [(None, None)], [("kafka_dlt-original-topic", b"\xff")])
    dead(warehouse, "sink.dead", 2)
    dead(warehouse, "invoices-dlt", 2)
    rows = warehouse.query(
        "SELECT concat_ws(':', topic, kafka_partition, kafka_offset) AS id, stream, reason, detail, consumer "
        "FROM dead_letters WHERE letter_topic IN ('sink.dead', 'invoices-dlt') ORDER BY reason, attempts"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (
            "orders:0:3",
            "sink.dead",
            "connect_error",
            "VALUE_CONVERTER: DataException: Converting byte[] failed",
            "connect-orders-sink",
        ),
        (origin, "invoices-dlt", "spring_error", "NoSuchCustomer: no customer 'C-9'", "billing"),
        (second, "invoices-dlt", "spring_error", "NoSuchCustomer: no customer 'C-9'", "billing"),
        (nowhere, "sink.dead", "unknown", "", None),
    ]
    assert count(warehouse, "stream_windows WHERE stream IN ('sink.dead', 'invoices-dlt')") == 0

    show.run(rig.settings, ids(origin), None)
    page = capsys.readouterr().out
    assert "kafka_dlt-original-partition       0" in page
    assert "consumer    billing" in page

    billing = Billing(rig)
    billing.start()
    try:
        wait_until(lambda: len(billing.received) == 2, "billing reads")
        assert retry.run(rig.settings, ids(origin, second), Options(really=True)) == 0, capsys.readouterr()
        wait_until(lambda: len(billing.received) == 4, "the events have been sent again")
    finally:
        billing.stop.set()
        billing.join()
    again = [(b"2", origin), (b"5", second)]
    assert billing.received[2:] == [
        (b"not json", [("trace", b"t9"), ("streamgauge.attempt", attempt), ("streamgauge.retry-of", place.encode())])
        for attempt, place in again
    ]
    assert retry.run(rig.settings, ids(nowhere), Options(really=True)) == 0
    assert "1 left out: without the topic they came from" in capsys.readouterr().out


def test_the_dry_run_says_what_the_run_would_refuse(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """A topic that is gone, a partition that is gone, an event too large: each with its reason; the others are sent."""
    limited = NewTopic("small", 1, 1, config={"max.message.bytes": "1000"})
    client = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    client.create_topics([limited])["small"].result()
    before = count(warehouse, "dead_letters WHERE stream = 'sink.dead'")
    noise = random.Random(1).randbytes(3_000)
    letters = {
        "gone:0:5": b"x",
        "small:4:5": b"x",
        "small:0:5": noise,
        "small:0:6": b'{"text":"' + b"x" * 3_000 + b'"}',
    }
    for origin, value in letters.items():
        publish(rig, "sink.dead", [(b"K", value)], spring(origin))
    dead(warehouse, "sink.dead", before + len(letters))
    assert retry.run(rig.settings, ids(*letters), Options()) == 0
    out = capsys.readouterr().out
    for line in (
        "1 left out: topic `gone` does not exist (gone:0:5)",
        "1 left out: topic `small` has no partition 4 (small:4:5)",
        "its max.message.bytes is 1,000 (small:0:5)",
        "1 to send",
    ):
        assert line in out
    made = plan.make(rig.settings, ids(*letters), Options(set=[edit.parse("text=short")]))
    assert [item.value for item in made.ready] == [b'{"text":"short"}']
    assert dict((letter.id, why) for letter, why in made.refused)["small:0:5"] == (
        "small:0:5 is not JSON; replace it with --edit FILE"
    )
    with pytest.raises(UsageError, match="nowhere to add it"):
        plan.make(rig.settings, ids("small:0:6"), Options(set=[edit.parse("text.deeper=1")]))
    # Compressed, as it would have to have come.
    sent = retrier.Retrier(rig.settings, None, made.batch_bytes).send(
        plan.make(rig.settings, ids(*letters), Options()).ready
    )
    assert [str(one.position) for one in sent] == ["small:0:0"]


def test_what_would_refuse_a_whole_run_is_said_before(
    rig: Rig, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    (origin,) = publish(rig, "invoices", [(b"I-9", b"x")])
    headers = [(name, value) for name, value in spring(origin) if "group" not in name]
    before = count(warehouse, "dead_letters WHERE stream = 'sink.dead'")
    publish(rig, "sink.dead", [(b"I-9", b"x")], headers)
    dead(warehouse, "sink.dead", before + 1)
    assert retry.run(rig.settings, ids(origin), Options()) == 0
    assert f"a run would refuse all of them: {origin} does not name the consumer group" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--group"):
        retry.run(rig.settings, ids(origin), Options(really=True))


def test_failures_of_today_about_events_of_long_ago_are_of_today(rig: Rig, warehouse: Warehouse) -> None:
    """A backfill, Connect's letters (which keep their event's timestamp), and no timestamp that is a time."""
    began = datetime.now(UTC)
    days_ago = int(began.timestamp() * 1_000) - 3 * 86_400_000
    choices = [Choice(stream=stream, since=began) for stream in ("shipments", "sink.dead")]
    publish(rig, "shipments", [(b"O-9", shipment(9, carrier=7, occurred_at=days_ago))], timestamp=days_ago)
    publish(rig, "shipments", [(b"O-9", shipment(9, carrier=7))], timestamp=days_ago // 1_000)
    headers = [(name, b"77" if name.endswith("offset") else value) for name, value in CONNECT]
    publish(rig, "sink.dead", [(b"O-8", b"x")], headers, timestamp=days_ago)
    wait_until(
        lambda: [sum(one.letters for one in listing.groups(warehouse, choice)) for choice in choices] == [2, 1],
        "all of them since the test began",
    )
    letters = selection.find(warehouse, choices[1])
    assert [record.value for record in records.fetch(rig.settings, letters).values()] == [b"x"]


def test_seconds_for_milliseconds_are_dead_letters_that_say_so(rig: Rig, warehouse: Warehouse) -> None:
    before = count(warehouse, "dead_letters WHERE stream = 'orders'")
    publish(rig, "orders", [(b"O", order(f"O-{n}", occurred_at=now_ms() // 1_000)) for n in range(10)])
    dead(warehouse, "orders", before + 10)
    said = warehouse.query(
        "SELECT DISTINCT reason, detail, fingerprint FROM dead_letters WHERE detail LIKE '%seconds%'"
    )
    ((reason, detail, _),) = (row.values() for row in said.to_pylist())
    assert (reason, detail.rpartition(": ")[2]) == ("past_event", "it looks like seconds, and must be milliseconds")
    counted = "SELECT sum(dead_letters) AS n FROM stream_windows WHERE stream = 'orders'"
    assert warehouse.query(counted).to_pylist() == [{"n": before + 10}]


def test_a_tombstone_of_reference_data_deletes_its_row(rig: Rig, warehouse: Warehouse) -> None:
    fields = {"name": "Kettle", "category": "kitchen", "price_cents": 2_500, "cost_cents": 1_000}
    products = [(sku.encode(), event("product.updated", sku=sku, **fields)) for sku in ("SKU-GONE", "SKU-STAYS")]
    publish(rig, "products", products)
    wait_until(lambda: count(warehouse, "products") == 2, "both")
    publish(rig, "products", [(b"SKU-GONE", None)])
    wait_until(lambda: count(warehouse, "products") == 1, "the deletion")
    assert warehouse.query("SELECT sku FROM products").to_pylist() == [{"sku": "SKU-STAYS"}]
    assert count(warehouse, "dead_letters WHERE stream = 'products'") == 0
    assert count(warehouse, "tombstones WHERE key = 'SKU-GONE'") == 1
