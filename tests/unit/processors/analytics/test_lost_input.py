"""What retention deleted before analytics read it, and what is no loss."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from processors.analytics.lost_input import LostInput
from streamgauge.runtime.kafka import Partition

NEVER = -1001
A, B = ("shipments", 0), ("shipments", 1)


class Log:
    """An admin client of logs: (oldest, end) by partition; one that is not there has no leader."""

    def __init__(self, logs: dict[Partition, tuple[int, int]]) -> None:
        self.logs = logs

    def list_offsets(self, request: dict[TopicPartition, Any], **_options: Any) -> dict[TopicPartition, Future[Any]]:
        found: dict[TopicPartition, Future[Any]] = {}
        for at, spec in request.items():
            found[at] = Future()
            if (at.topic, at.partition) in self.logs:
                oldest, end = self.logs[at.topic, at.partition]
                found[at].set_result(SimpleNamespace(offset=oldest if spec == OffsetSpec.earliest() else end))
            else:
                found[at].set_exception(KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE)))
        return found


def resumed(
    log: Log, committed: dict[Partition, int], starts: dict[Partition, int] | None = None
) -> tuple[dict[Partition, int], dict[Partition, tuple[int, int]]]:
    """Where each partition is resumed, and what is lost of it."""
    begin = {place: offset if offset >= 0 else OFFSET_BEGINNING for place, offset in committed.items()}
    lost = LostInput(cast(AdminClient, log))
    found = lost.resume(
        [TopicPartition(*place, offset) for place, offset in committed.items()],
        [TopicPartition(*place, offset) for place, offset in (starts or begin).items()],
        {"shipments": "id"},
    )
    assert all(one.topic_id == "id" for one in lost.pending)
    named = {(one.topic, one.partition): (one.first, one.following) for one in lost.pending}
    assert lost.take() and not lost.pending if named else not lost.take()
    return {(at.topic, at.partition): at.offset for at in found}, named


@pytest.mark.parametrize(
    ("log", "committed", "start", "lost"),
    [
        pytest.param((110, 150), 50, 110, (50, 110), id="retention-was-faster"),
        pytest.param((150, 150), 50, 150, (50, 150), id="nothing-is-left"),
        pytest.param((50, 150), 50, 50, None, id="just-in-time"),
        pytest.param((10, 150), 50, 50, None, id="as-usual"),
        pytest.param((51, 51), 50, 51, None, id="a-marker-at-the-end"),
        pytest.param((110, 150), NEVER, OFFSET_BEGINNING, None, id="never-read-before"),
        pytest.param((0, 30), 50, 30, None, id="the-broker-lost-its-end"),
    ],
)
def test_where_to_resume(log: tuple[int, int], committed: int, start: int, lost: tuple[int, int] | None) -> None:
    expected = {A: lost} if lost else {}
    assert resumed(Log({A: log}), {A: committed}) == ({A: start}, expected)


def test_a_topic_made_anew_is_needed_from_its_beginning() -> None:
    assert resumed(Log({A: (7, 20)}), {A: 500}, {A: OFFSET_BEGINNING}) == ({A: 7}, {A: (0, 7)})
    assert resumed(Log({A: (0, 20)}), {A: 500}, {A: OFFSET_BEGINNING}) == ({A: OFFSET_BEGINNING}, {})


def test_a_partition_without_a_leader_stops_no_other() -> None:
    assert resumed(Log({B: (110, 150)}), {A: 50, B: 50}) == ({A: 50, B: 110}, {B: (50, 110)})


def test_a_stream_that_is_set_aside_stays_where_it_is() -> None:
    lost, at = LostInput(cast(AdminClient, Log({A: (110, 150)}))), [TopicPartition(*A, 50)]
    assert [one.offset for one in lost.resume(at, at, {}, {"shipments"})] == [50]
    assert lost.take() == []


def test_a_loss_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    lost = LostInput(cast(AdminClient, Log({A: (110, 150)})))
    at = [TopicPartition(*A, 50)]
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            lost.resume(at, at, {})
    assert [record.getMessage() for record in caplog.records] == [
        "shipments[0]: offsets 50 to 109 were deleted before analytics read them; the figures lack up to 60 events"
    ]
    assert len(lost.pending) == 1
