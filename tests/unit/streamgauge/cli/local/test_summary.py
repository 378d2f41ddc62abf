"""What `up` prints about traffic when all is ready."""

from __future__ import annotations

import pytest

from streamgauge.cli.local.summary import hints
from streamgauge.runtime import settings


@pytest.mark.parametrize(
    ("catalog", "metrics", "expected"),
    [
        pytest.param("streamgauge.catalog.commerce", {"broker": 9101, "generate": 9105}, None, id="traffic"),
        pytest.param("streamgauge.catalog.commerce", {"broker": 9101}, "generate", id="switched-off"),
        pytest.param("sensors", {"broker": 9101}, "the generator has no events for sensors", id="another-catalog"),
    ],
)
def test_traffic(catalog: str, metrics: dict[str, int], expected: str | None) -> None:
    lines = hints(settings.load({"STREAMGAUGE_CATALOG": catalog}), metrics, 1.0)
    found = [line for line in lines if "no traffic" in line]
    assert len(found) == (expected is not None)
    assert not expected or expected in found[0]
    assert ("streamgauge generate" in found[0] if found else False) == (expected == "generate")
