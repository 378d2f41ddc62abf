"""Reference data by time."""

from __future__ import annotations

import pytest

from processors.attribution.reference import VERSIONS_KEPT, Versions
from streamgauge.catalog.commerce.events import ProductEvent


def product(at: int, cost: int) -> ProductEvent:
    return ProductEvent(
        event_id=f"p{at}-{cost}",
        event_type="product.updated",
        occurred_at=at,
        source="test",
        schema_version=1,
        sku="A",
        name="A",
        category="toys",
        price_cents=1_000,
        cost_cents=cost,
    )


@pytest.mark.parametrize(("at", "cost"), [(5, 1), (10, 1), (19, 1), (20, 2), (29, 2), (30, 3), (99, 3)])
def test_the_version_in_force_then_or_the_oldest(at: int, cost: int) -> None:
    versions: Versions[ProductEvent] = Versions()
    for one in (product(20, 2), product(10, 1), product(30, 3)):
        versions.put("A", one)
    found = versions.at("A", at)
    assert found is not None
    assert found.cost_cents == cost


def test_a_correction_of_the_same_time_counts() -> None:
    versions: Versions[ProductEvent] = Versions()
    versions.put("A", product(10, 1))
    versions.put("A", product(10, 7))
    assert [versions.at("A", at) for at in (0, 10)] == [product(10, 7)] * 2


def test_unknown_and_dropped() -> None:
    versions: Versions[ProductEvent] = Versions()
    assert versions.at("A", 10) is None
    versions.put("A", product(10, 1))
    versions.drop("A")
    versions.drop("A")
    assert versions.at("A", 10) is None
    assert len(versions) == 0


def test_versions_are_bounded() -> None:
    versions: Versions[ProductEvent] = Versions()
    for at in range(VERSIONS_KEPT + 5):
        versions.put("A", product(at, at))
    oldest = versions.at("A", 0)
    assert oldest is not None
    assert oldest.cost_cents == 5
