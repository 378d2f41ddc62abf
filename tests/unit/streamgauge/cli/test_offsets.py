"""Lag in messages, on a stand-in for the admin client."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from processors.lag.readable import Reader
from streamgauge.cli import offsets
from streamgauge.domain.lag_status import Seen
from streamgauge.runtime.kafka import Partition

Offsets = dict[Partition, int]


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


class Cluster:
    """Answers as `AdminClient` does, from first offsets, ends and committed offsets."""

    def __init__(self, starts: Offsets, ends: Offsets, committed: Offsets) -> None:
        self._offsets = {OffsetSpec.earliest(): starts, OffsetSpec.latest(): ends}
        self._ends, self._committed = ends, committed

    def list_topics(self, timeout: float) -> Any:
        topics = {topic: SimpleNamespace(partitions={}) for topic, _ in self._ends}
        for topic, number in self._ends:
            topics[topic].partitions[number] = None
        return SimpleNamespace(topics=topics)

    def list_offsets(self, request: dict[TopicPartition, OffsetSpec], **_options: Any) -> Any:
        return {
            at: done(SimpleNamespace(offset=self._offsets[spec][at.topic, at.partition]))
            for at, spec in request.items()
        }

    def list_consumer_group_offsets(self, requests: list[Any], **_options: Any) -> Any:
        (request,) = requests
        found = [
            TopicPartition(at.topic, at.partition, self._committed.get((at.topic, at.partition), -1001))
            for at in request.topic_partitions
        ]
        return {request.group_id: done(SimpleNamespace(topic_partitions=found))}


A, B = ("orders", 0), ("orders", 1)


@pytest.mark.parametrize(
    ("starts", "ends", "committed", "expected"),
    [
        pytest.param({A: 0, B: 0}, {A: 10, B: 5}, {A: 7, B: 5}, 3, id="behind"),
        pytest.param({A: 0, B: 0}, {A: 10, B: 5}, {A: 9, B: 4}, 0, id="transaction-markers"),
        pytest.param({A: 4, B: 0}, {A: 10, B: 5}, {B: 5}, 6, id="never-committed"),
        pytest.param({A: 8, B: 0}, {A: 10, B: 5}, {A: 2, B: 5}, 2, id="removed-by-retention"),
    ],
)
def test_waiting(starts: Offsets, ends: Offsets, committed: Offsets, expected: int) -> None:
    client = cast(AdminClient, Cluster(starts, ends, committed))
    assert offsets.waiting(client, "analytics", ["orders", "no such topic"]) == expected


class Log:
    """Reads as `Reader` does: what was met from an offset on."""

    def __init__(self, met: dict[Partition, Seen]) -> None:
        self._met = met

    def read(self, starts: Offsets, ends: Offsets, within_s: float) -> dict[Partition, tuple[int, Seen]]:
        assert starts.keys() <= ends.keys()
        return {at: (start, self._met[at]) for at, start in starts.items() if at in self._met}


def test_what_nobody_can_read_does_not_wait() -> None:
    client = cast(AdminClient, Cluster({A: 0, B: 0}, {A: 161, B: 5}, {A: 100, B: 4}))
    aborted = {A: Seen(161, False, 161), B: Seen(5, False, 5)}
    assert offsets.waiting(client, "g", ["orders"], reader=cast(Reader, Log(aborted))) == 0
    single = {A: Seen(150, True, 161), B: Seen(4, True, 5)}
    assert offsets.waiting(client, "g", ["orders"], reader=cast(Reader, Log(single))) == 11 + 1
    undecided = {A: Seen(120, False, 161)}
    assert offsets.waiting(client, "g", ["orders"], reader=cast(Reader, Log(undecided))) == 0
    # Without the right to read.
    assert offsets.waiting(client, "g", ["orders"], reader=cast(Reader, Log({}))) == 61


def test_no_partitions_no_request() -> None:
    client = cast(AdminClient, Cluster({}, {}, {}))
    assert offsets.ends(client, []) == {}
