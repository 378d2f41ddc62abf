"""`streamgauge partitions` on a real broker: keys are simulated where Kafka's clients put them."""

from __future__ import annotations

import json
import uuid

import pytest
from confluent_kafka import Producer

from generators.publisher import producer_config
from streamgauge.catalog.commerce.events import OrderEvent
from streamgauge.catalog.stream import Stream
from streamgauge.cli.partitions import sample as partition_sample
from streamgauge.cli.partitions import screen
from streamgauge.cli.terminal import Screen
from streamgauge.domain.key_simulation import placed, simulated
from tests.conftest import SettingsFactory, TopicFactory
from tests.support.commerce_events import order

pytestmark = pytest.mark.kafka
# As librdkafka calls them, and as we do.
PARTITIONERS = {"murmur2_random": "murmur2", "consistent_random": "crc32", "fnv1a_random": "fnv1a"}
ITEMS = [{"sku": sku, "quantity": 1, "unit_price_cents": 50} for sku in ("S-1", "S-2")]


@pytest.mark.timeout(120)
def test_the_simulation_of_the_present_key_equals_the_log(
    settings_factory: SettingsFactory, topic_factory: TopicFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """3,000 orders with the generator's producer: simulated by their key, each partition holds what it really holds."""
    settings = settings_factory()
    topic = topic_factory(partitions=7, name=f"orders-{uuid.uuid4()}")
    producer = Producer(producer_config(settings))
    for number in range(3_000):
        event = order(f"O-{number}", customer_id=f"C-{number % 10}", items=ITEMS)
        producer.produce(topic, json.dumps(event).encode(), f"O-{number}".encode())
    producer.produce(topic, b"not json", b"O-1")
    producer.flush(30)

    stream = Stream(topic, OrderEvent, key="order_id")
    (sample,) = partition_sample.read(settings, {topic: stream}, None, 1_000_000)
    assert (len(sample.events), sample.bad, sample.partitions) == (3_000, 1, 7)
    now, same = placed(sample.events, 7), simulated(sample.events, 7)
    assert now.parts == same.parts
    assert min(part.events for part in now.parts) > 300

    (by_customer,) = partition_sample.read(settings, {topic: stream}, "customer_id", 1_000_000)
    shown = screen.plain(by_customer, "customer_id", 3)
    assert shown["distinct_keys"] == 10
    assert sum(part["events"] for part in shown["partitions"]) == 3_000
    assert shown["order_of_present_key"] == {"entities": 3_000, "several_keys": 0, "several_partitions": 0}

    (some,) = partition_sample.read(settings, {topic: stream}, None, 1_000)
    assert 900 <= len(some.events) <= 1_010
    screen.show(some, "sku", 3, Screen(width=200))
    assert "sku, simulated, 3 partitions" in capsys.readouterr().out


@pytest.mark.timeout(120)
def test_the_partitioner_of_each_producer_is_told(
    settings_factory: SettingsFactory, topic_factory: TopicFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same 300 keys from producers with three partitioners: one in seven is where another one puts it too."""
    settings = settings_factory()
    topics = {name: topic_factory(partitions=7, name=f"{name}-{uuid.uuid4()}") for name in PARTITIONERS}
    mixed = topic_factory(partitions=7, name=f"mixed-{uuid.uuid4()}")
    for name, topic in topics.items():
        producer = Producer({**producer_config(settings), "partitioner": name})
        for number in range(300):
            value, key = json.dumps(order(f"O-{number}", items=ITEMS)).encode(), f"O-{number}".encode()
            producer.produce(topic, value, key)
            producer.produce(mixed, value, key)
        producer.flush(30)
    streams = {topic: Stream(topic, OrderEvent, key="order_id") for topic in (*topics.values(), mixed)}
    samples = partition_sample.read(settings, streams, None, 1_000_000)
    for name, sample in zip(PARTITIONERS, samples, strict=False):
        shown = screen.plain(sample, None, None)
        found, expected = shown["placed_by"], PARTITIONERS[name]
        assert max(found, key=found.get) == expected
        assert set(found) <= {expected, "murmur2", "crc32"}
        assert found["murmur2"] == 300 if expected == "murmur2" else found["murmur2"] < 80
        assert shown["keys_in_several_partitions"] == 0
    several = screen.plain(samples[-1], None, None)["keys_in_several_partitions"]
    assert 250 < several <= 300
    screen.show(samples[-1], None, None, Screen(width=200))
    assert "(crc32: librdkafka's default, `consistent_random`)" in capsys.readouterr().out
