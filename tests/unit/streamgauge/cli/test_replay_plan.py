"""What may be replayed, and from where."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from streamgauge.cli.replay import plan, replay
from streamgauge.cli.replay.plan import TopicSummary
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka.topic_ids import Described
from streamgauge.runtime.settings import Settings


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("analytics", "streamgauge rebuild"),
        ("my-analytics", "streamgauge rebuild"),
        ("warehouse", "streamgauge rebuild"),
        ("lag", "no topic"),
        ("connect-orders", "no group of ours"),
    ],
)
def test_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan.processor(name, "my-analytics")


@pytest.mark.parametrize("name", ["fulfilment", "fraud", "attribution"])
def test_ours(name: str) -> None:
    assert plan.processor(name, "analytics").outputs[0] == name


def test_back_only_and_no_further_than_the_log() -> None:
    committed = {("orders", 0): 50, ("orders", 1): 50, ("orders", 2): 50, ("orders", 3): 50}
    wanted = {("orders", 0): 10, ("orders", 1): 70, ("orders", 3): 0}
    assert plan.rewound(committed, wanted, {("orders", 3): 40}) == {("orders", 0): (10, 50), ("orders", 3): (40, 50)}


def test_places_and_times() -> None:
    assert plan.parse_offsets(["orders:3:17"]) == {("orders", 3): 17}
    for wrong in ("orders", "orders:3", "orders:x:1", ":1:1", "orders:1:-1"):
        with pytest.raises(UsageError, match="topic:partition:offset"):
            plan.parse_offsets([wrong])
    assert plan.parse_time("2026-11-23T04:00:00Z") == datetime(2026, 11, 23, 4, tzinfo=UTC)
    with pytest.raises(UsageError, match="2026-11-23T04:00:00Z"):
        plan.parse_time("yesterday")


def test_what_is_seen() -> None:
    summaries = TopicSummary()
    for value in (b'{"event_type":"a","source":"us"}', b'{"event_type":"a"}', b"{}", b"no json", None):
        summaries.add(value, b"k", 5_000)
    assert list(plan.lines({"orders": summaries, "empty": TopicSummary()})) == [
        "  orders: 5 events of 1 key, 1970-01-01 00:00:05 to 1970-01-01 00:00:05: 2 a, 2 not readable, 1 no event_type"
    ]
    only = TopicSummary()
    only.add(b'{"event_type":"a","source":"us"}', b"k", 1, source="us")
    only.add(b'{"event_type":"a","source":"them"}', b"k", 1, source="us")
    assert only.types == {"a": 1}


@pytest.mark.parametrize(
    ("offset", "known", "now", "end", "what"),
    [
        (5, "one", Described("one", 1), 5, None),
        (5, "one", Described("two", 1), 9, "made anew (topic id one, now two)"),
        (5, "", Described("two", 1), 5, None),
        (5, "", Described("two", 1), 4, "made anew (orders[0] ends before 5)"),
        (5, "one", Described("", 1), 4, "made anew (orders[0] ends before 5)"),
        (5, "one", None, None, "does not exist any more"),
    ],
)
def test_offsets_of_an_earlier_topic(
    offset: int, known: str, now: Described | None, end: int | None, what: str | None
) -> None:
    at = TopicPartition("orders", 0, offset, metadata=f"topic_id={known}" if known else "")
    ends = {} if end is None else {("orders", 0): end}
    found = plan.earlier([at], {"orders": now} if now else {}, ends)
    assert (what is None) == (found == {})
    if what:
        assert what in found["orders"]


def test_a_replay_is_recorded_and_the_callers_logging_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    handlers = logging.getLogger().handlers[:]
    replay._record(Settings(data_dir=tmp_path), "fraud", {("orders", 0): (3, 9)}, "2026-01-01")
    assert logging.getLogger().handlers == handlers
    assert caplog.messages == ["replay: fraud reads 1 partitions again from 2026-01-01"]
    (line,) = (tmp_path / "replays.jsonl").read_text().splitlines()
    assert json.loads(line)["offsets"] == {"orders:0": [3, 9]}
