"""What another key does to the balance, the order and the useful number of partitions."""

from __future__ import annotations

import zlib

import msgspec
import pytest

from streamgauge.catalog import loader
from streamgauge.catalog.commerce.events import OrderEvent
from streamgauge.cli.partitions.sample import fields
from streamgauge.cli.partitions.screen import chosen
from streamgauge.domain import key_simulation, partitioner
from streamgauge.domain.key_simulation import Recorded
from streamgauge.runtime.errors import UsageError
from tests.unit.processors.analytics.test_decoder import ORDER


def recorded(*keys: str, key: str = "O-1") -> Recorded:
    return Recorded(0, 100, key, keys)


def test_as_it_is_counts_events_where_they_are() -> None:
    events = [Recorded(0, 10, "a", ()), Recorded(0, 20, "a", ()), Recorded(2, 30, "b", ()), Recorded(2, 5, "", ())]
    found = key_simulation.placed(events, 3)
    assert [(part.events, part.share, part.bytes) for part in found.parts] == [(2, 0.5, 30), (0, 0.0, 0), (2, 0.5, 35)]
    assert found.ratio == 1.5
    assert found.worth == 2.0
    assert (found.distinct, found.keyless) == (2, 1)
    assert found.hottest == (("a", 0.5), ("b", 0.25))


def test_who_placed_the_keys_and_which_are_in_several_partitions() -> None:
    java, other = partitioner.partition(b"a", 12), zlib.crc32(b"a") % 12
    assert java != other
    events = [Recorded(java, 1, "a", ())] * 2 + [Recorded(other, 1, "a", ())] * 3 + [Recorded(5, 1, "", ())]
    found = key_simulation.placement(events, 12)
    assert found == key_simulation.Placement((("crc32", 3), ("murmur2", 2)), 1)
    assert key_simulation.placement(events[:2], 12) == key_simulation.Placement((("murmur2", 2),), 0)


def test_a_hot_key_limits_the_useful_number_of_partitions() -> None:
    events = [recorded("hot")] * 500 + [recorded(f"k{number}") for number in range(500)]
    for count in (6, 48):
        found = key_simulation.simulated(events, count)
        assert 0.5 <= max(part.share for part in found.parts) < 0.65
        assert found.worth < 2
        assert found.hottest[0] == ("hot", 0.5)
    best, tried = key_simulation.useful(events)
    assert best == 3
    assert [count for count, _ in tried] == list(key_simulation.TRIED)


def test_many_even_keys_are_worth_every_partition() -> None:
    best, _ = key_simulation.useful([recorded(f"k{number}") for number in range(20_000)])
    assert best == 96
    assert key_simulation.useful([recorded("one")] * 100)[0] == 1


def test_an_event_of_several_items_is_one_for_each_and_without_a_key_goes_anywhere() -> None:
    found = key_simulation.simulated([recorded("a", "b"), recorded()], 4)
    assert found.events == 3
    assert found.keyless == 1
    assert sum(part.bytes for part in found.parts) == 200


def test_order_lost_by_another_key() -> None:
    kept = [recorded("C-1", key="O-1"), recorded("C-1", key="O-1"), recorded("C-1", key="O-2")]
    assert key_simulation.order(kept, 6) == key_simulation.Order(2, 0, 0)
    apart = [recorded("eu", key="C-1"), recorded("us", key="C-1"), recorded("eu", key="C-2")]
    assert partitioner.partition(b"eu", 6) != partitioner.partition(b"us", 6)
    assert key_simulation.order(apart, 6) == key_simulation.Order(2, 1, 1)
    assert key_simulation.order(apart, 1) == key_simulation.Order(2, 1, 0)


def test_what_can_be_the_key() -> None:
    stream = loader.load("streamgauge.catalog.commerce").streams["orders"]
    known = fields(stream)
    event = msgspec.convert(ORDER, OrderEvent)
    assert known["customer_id"](event) == ("C-1",)
    assert known["sku"](event) == ("S-1", "S-2")
    assert known["campaign_id"](event) == ()
    assert known["amount_cents"](event) == ("1999",)
    assert "items" not in known
    assert "occurred_at" not in known


def test_a_wrong_key_or_topic_is_one_line() -> None:
    catalog = loader.load("streamgauge.catalog.commerce")
    assert list(chosen(catalog, "sku", None))[:2] == ["orders", "inventory"]
    assert list(chosen(catalog, None, "lag")) == ["lag"]
    with pytest.raises(UsageError, match="no event has a field `nothing` that could be a key; .*order_id"):
        chosen(catalog, "nothing", None)
    with pytest.raises(UsageError, match="no event of `orders` has a field `carrier`.*customer_id"):
        chosen(catalog, "carrier", "orders")
    with pytest.raises(UsageError, match="there is no stream `order`; there are: orders"):
        chosen(catalog, "sku", "order")
