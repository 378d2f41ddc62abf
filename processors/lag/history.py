"""History of samples, and the rows that follow from it and the newest sample. No Kafka, no clock.

A log that ends before its earlier end was recreated: everything known of its topic is dropped. A group or topic that is
gone is forgotten with the first sample that lacks it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from processors.lag.cluster import ClusterState, Failure, Group
from processors.lag.time_lag import OffsetAtTime, PartitionClock
from streamgauge.catalog.builtin.lag import Status
from streamgauge.domain import consumer_lag, lag_status
from streamgauge.domain.lag_status import MARKER, Sample
from streamgauge.runtime.kafka import Partition

# Most requests for times per sample. Usually two suffice, after a cold start over days of log about twenty.
ROUNDS = 24
LookUp = Callable[[Mapping[Partition, int]], Mapping[Partition, OffsetAtTime]]


@dataclass
class Row:
    """One group's partition in one sample; None is unknown. Names are those of catalog/builtin/lag.py."""

    group: str
    topic: str
    partition: int
    end_offset: int
    status: Status
    committed_offset: int | None = None
    oldest_offset: int | None = None
    lag: int | None = None
    lag_seconds: float | None = None
    produced_per_second: float | None = None
    consumed_per_second: float | None = None
    catch_up_seconds: float | None = None
    retention_used: float | None = None
    group_state: str | None = None
    members: int | None = None
    member: str | None = None
    waiting_keys: int | None = None
    waiting_cents: int | None = None
    waiting_complete: bool | None = None


@dataclass
class Snapshot:
    """One sample and the rows that follow. `inactive` are groups without members that commit nothing."""

    at_ms: int
    state: ClusterState
    rows: list[Row]
    produced: dict[Partition, float]
    inactive: set[str]
    failed: set[Failure]


class History:
    """A window of the last `size` samples."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ends: dict[Partition, deque[tuple[int, int]]] = {}
        self._oldest: dict[Partition, int] = {}
        self._clocks: dict[Partition, PartitionClock] = {}
        self._samples: dict[tuple[str, Partition], deque[Sample]] = {}
        # Where a group had a lag of 1: taken for a marker then, it must not become an event later.
        self._markers: dict[tuple[str, Partition], int] = {}

    def knows_oldest_of(self, tps: Mapping[Partition, int]) -> bool:
        """Whether each partition's oldest offset is known and need not be requested every time."""
        return self._oldest.keys() >= tps.keys()

    def add(self, state: ClusterState, at_ms: int) -> None:
        """Add a sample."""
        again = {
            topic for (topic, number), end in state.ends.items() if end < self._last_end((topic, number), default=end)
        }
        gone = {tp for tp in self._ends if tp[0] not in state.partitions and ("topic", tp[0]) not in state.failed}
        for tp in [tp for tp in self._ends if tp in gone or tp[0] in again]:
            del self._ends[tp]
            self._oldest.pop(tp, None)
            self._clocks.pop(tp, None)
        seen = {(name, tp) for name, group in state.groups.items() for tp in group.tps}
        for key in [key for key in self._samples if key not in seen or key[1] in gone or key[1][0] in again]:
            del self._samples[key]
            self._markers.pop(key, None)
        self._oldest |= state.oldest
        state.oldest = {tp: self._oldest[tp] for tp in state.ends if tp in self._oldest}
        for tp, end in state.ends.items():
            self._ends.setdefault(tp, deque(maxlen=self._size)).append((at_ms, end))
            self._clocks.setdefault(tp, PartitionClock()).record_end(end, at_ms)
        for name, group in state.groups.items():
            for tp in group.tps:
                if tp in state.ends:
                    self._add_sample((name, tp), group, state.ends[tp], at_ms)

    def _add_sample(self, key: tuple[str, Partition], group: Group, end: int, at_ms: int) -> None:
        name, tp = key
        before = self._samples.setdefault(key, deque(maxlen=self._size))
        # While a group rebalances, the partition counts as held by whoever held it before.
        held = tp in group.owners if group.owners is not None else bool(before and before[-1].held)
        sample = Sample(at_ms, group.committed.get(tp), end, held)
        before.append(sample)
        if sample.lag == MARKER and sample.committed is not None:
            self._markers[name, tp] = sample.committed

    def _last_end(self, tp: Partition, default: int) -> int:
        return self._ends[tp][-1][1] if tp in self._ends else default

    def resolve_times(self, state: ClusterState, at_ms: int, look_up: LookUp) -> None:
        """Find when the records at the committed offsets were written, all partitions in one request per round."""
        wanted: dict[Partition, list[int]] = {}
        for name, group in state.groups.items():
            for tp in group.committed:
                if (offset := self._next_offset(name, tp, group, state)) is not None:
                    wanted.setdefault(tp, []).append(offset)
        for tp, offsets in wanted.items():
            self._clocks[tp].retain(offsets)
        open_ones = wanted
        for _ in range(ROUNDS):
            requests: dict[Partition, int] = {}
            for tp, offsets in open_ones.items():
                times = (self._clocks[tp].next_request(offset, state.ends[tp], at_ms) for offset in offsets)
                if (request := next((one for one in times if one is not None), None)) is not None:
                    requests[tp] = request
            if not requests:
                return
            answers = look_up(requests)
            for tp, found in answers.items():
                self._clocks[tp].record_answer(requests[tp], found)
            # A partition without an answer is not requested again in this sample.
            open_ones = {tp: wanted[tp] for tp in answers}

    def _next_offset(self, name: str, tp: Partition, group: Group, state: ClusterState) -> int | None:
        """Offset of the next event to read; None when nothing is waiting, or it is unknown."""
        committed, end = group.committed.get(tp), state.ends.get(tp)
        if committed is None or end is None or end - committed <= MARKER:
            return None
        after = committed + MARKER if self._markers.get((name, tp)) == committed else committed
        return min(max(after, self._oldest.get(tp, 0)), end - 1)

    def snapshot(self, state: ClusterState, at_ms: int) -> Snapshot:
        """The rows of the newest sample, after `resolve_times`."""
        rates = {tp: consumer_lag.per_second(list(ends)) for tp, ends in self._ends.items() if tp in state.ends}
        rows = [
            self._row(name, group, tp, state, at_ms, rates.get(tp))
            for name, group in state.groups.items()
            for tp in sorted(group.tps)
            if tp in state.ends
        ]
        produced = {tp: rate for tp, rate in rates.items() if rate is not None}
        inactive = {name for name, group in state.groups.items() if group.members == 0 and self._stands(name, group)}
        return Snapshot(at_ms, state, rows, produced, inactive, set(state.failed))

    def _stands(self, name: str, group: Group) -> bool:
        """Whether the group committed nothing new in the whole window. A client may commit without being a member."""
        windows = [self._samples[name, tp] for tp in group.committed if (name, tp) in self._samples]
        return all(len(window) == self._size and lag_status.stood_still(window) for window in windows)

    def _row(
        self, name: str, group: Group, tp: Partition, state: ClusterState, at_ms: int, produced: float | None
    ) -> Row:
        window, end, oldest = list(self._samples[name, tp]), state.ends[tp], self._oldest.get(tp)
        committed, lag = window[-1].committed, window[-1].lag
        consumed = consumer_lag.per_second([(one.at_ms, one.committed) for one in window if one.committed is not None])
        return Row(
            group=name,
            topic=tp[0],
            partition=tp[1],
            end_offset=end,
            status=lag_status.judge(window, self._size),
            committed_offset=committed,
            oldest_offset=oldest,
            lag=lag,
            lag_seconds=self._lag_seconds(name, tp, group, state, at_ms, lag),
            produced_per_second=produced,
            consumed_per_second=consumed,
            catch_up_seconds=consumer_lag.catch_up_s(lag, consumed, produced),
            retention_used=consumer_lag.retention_used(committed, oldest, end),
            group_state=group.state,
            members=group.members,
            member=(group.owners or {}).get(tp),
        )

    def _lag_seconds(
        self, name: str, tp: Partition, group: Group, state: ClusterState, at_ms: int, lag: int | None
    ) -> float | None:
        if lag == 0:
            return 0.0
        offset = self._next_offset(name, tp, group, state)
        if lag is None or offset is None:
            return None
        milliseconds = self._clocks[tp].lag_ms(offset, state.ends[tp], at_ms)
        return None if milliseconds is None else milliseconds / 1_000
