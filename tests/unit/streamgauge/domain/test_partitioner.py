"""The partitioner against Kafka's own test vectors."""

from __future__ import annotations

import pytest

from streamgauge.domain import partitioner


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2_as_kafka_tests_it(key: str, hashed: int) -> None:
    assert partitioner.murmur2(key.encode()) == hashed % 2**32
    assert 0 <= partitioner.partition(key.encode(), 7) < 7
