"""History of samples, and the rows that follow from it and the newest sample. No Kafka, no clock.

A topic with another id, or whose log ends before its earlier end, was recreated: everything known of it is dropped. A
group or topic that is gone is forgotten with the first sample that lacks it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from processors.lag.cluster import ClusterState, Failure, Group
from processors.lag.lost import Key, Lost
from processors.lag.time_lag import OffsetAtTime, PartitionClock
from streamgauge.catalog.builtin.lag import Status
from streamgauge.domain import consumer_lag, lag_status
from streamgauge.domain.lag_status import MARKER, Sample, Seen, Watch
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
    lag_least: int | None = None
    lag_most: int | None = None
    lost: int | None = None
    undecided: int | None = None
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

    @property
    def start(self) -> int:
        """The first offset that is left to read, where the lag is known."""
        return self.end_offset - (self.undecided or 0) - (self.lag or 0)


@dataclass
class Snapshot:
    """One sample and the rows that follow. `inactive` are groups without members that commit nothing; `lost` is what
    retention deleted unread, by group and partition, since the first sample.
    """

    at_ms: int
    state: ClusterState
    rows: list[Row]
    produced: dict[Partition, float]
    inactive: set[str]
    failed: set[Failure]
    lost: dict[Key, int]


class History:
    """A window of the last `size` samples. `from_oldest` are groups that begin at the oldest event: our own."""

    def __init__(self, size: int, from_oldest: Collection[str] = ()) -> None:
        self._size, self._from_oldest = size, from_oldest
        self._ends: dict[Partition, deque[tuple[int, int]]] = {}
        self._clocks: dict[Partition, PartitionClock] = {}
        self._samples: dict[Key, deque[Sample]] = {}
        self._topic_ids: dict[str, str] = {}
        self._lost = Lost()
        # Where a group had a lag of 1: taken for a marker then, it must not become an event later.
        self._markers: dict[Key, int] = {}

    def add(self, state: ClusterState, at_ms: int) -> None:
        """Add a sample."""
        followed = state.followed()
        self._forget(state, {(name, tp) for name, tps in followed.items() for tp in tps})
        for tp, end in state.ends.items():
            self._ends.setdefault(tp, deque(maxlen=self._size)).append((at_ms, end))
            self._clocks.setdefault(tp, PartitionClock()).record_end(end, at_ms)
        for name, tps in followed.items():
            for tp in tps:
                self._add_sample((name, tp), state, at_ms)

    def _forget(self, state: ClusterState, followed: Collection[Key]) -> None:
        """Drop what is known of topics that are gone or were recreated, and of what groups no longer use."""
        again = {
            topic for (topic, number), end in state.ends.items() if end < self._last_end((topic, number), default=end)
        }
        again |= {topic for topic, one in state.topic_ids.items() if self._topic_ids.get(topic, one) != one}
        self._topic_ids |= state.topic_ids
        gone = {tp for tp in self._ends if tp[0] not in state.partitions and ("topic", tp[0]) not in state.failed}
        for tp in [tp for tp in self._ends if tp in gone or tp[0] in again]:
            del self._ends[tp]
            self._clocks.pop(tp, None)
        # A partition whose end could not be read this time keeps its samples.
        kept = {(name, tp) for name, group in state.groups.items() for tp in group.used} | set(followed)
        dropped = [key for key in self._samples if key not in kept or key[1] in gone or key[1][0] in again]
        for key in dropped:
            del self._samples[key]
            self._markers.pop(key, None)
        self._lost.forget(dropped)

    def _add_sample(self, key: Key, state: ClusterState, at_ms: int) -> None:
        name, tp = key
        group, before = state.groups[name], self._samples.setdefault(key, deque(maxlen=self._size))
        last = before[-1] if before else None
        committed = group.committed.get(tp)
        sample = Sample(
            at_ms,
            committed,
            state.ends[tp],
            # While a group rebalances, the partition counts as held by whoever held it before.
            tp in group.owners if group.owners is not None else bool(last and last.held),
            state.oldest.get(tp, 0),
            # What a reader met before it moved says nothing about where it is now.
            last.seen if last and last.committed == committed else None,
            name in self._from_oldest,
            _watch(group, tp, last, at_ms, state.ends[tp]) if committed is None else None,
        )
        before.append(sample)
        self._lost.add(key, sample)
        if sample.lag == MARKER:
            self._markers[key] = sample.start

    def _last_end(self, tp: Partition, default: int) -> int:
        return self._ends[tp][-1][1] if tp in self._ends else default

    def unclear(self) -> dict[Partition, int]:
        """Where a group stands still before something that may be no event at all: markers, aborted transactions.

        By partition the offset from which to read; the smallest, where groups differ.
        """
        found: dict[Partition, int] = {}
        for (_, tp), window in self._samples.items():
            if len(window) < 2 or window[-2].committed != (one := window[-1]).committed or not one.most:
                continue
            if one.seen is None or (one.seen.end != one.end and not (one.seen.event and one.seen.until == one.start)):
                found[tp] = min(one.start, found.get(tp, one.start))
        return found

    def learn(self, read: Mapping[Partition, tuple[int, Seen]]) -> None:
        """What was met from an offset on, by partition: it holds for every group that stands there or behind it."""
        for (_, tp), window in self._samples.items():
            if tp in read and (found := read[tp])[0] <= window[-1].start <= found[1].until:
                window[-1] = window[-1]._replace(seen=found[1])

    def resolve_times(self, state: ClusterState, at_ms: int, look_up: LookUp) -> None:
        """Find when the next records to be read were written, all partitions in one request per round."""
        wanted: dict[Partition, list[int]] = {}
        for key, window in self._samples.items():
            if key[1] in state.ends and (offset := self._next_offset(key, window[-1])) is not None:
                wanted.setdefault(key[1], []).append(offset)
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

    def _next_offset(self, key: Key, sample: Sample) -> int | None:
        """Offset of the next event to read; None when nothing is waiting, or it is unknown."""
        if sample.lag is None or not sample.waits:
            return None
        marker = self._markers.get(key) == sample.start and sample.most > MARKER and not sample.seen
        return sample.start + MARKER if marker else sample.start

    def snapshot(self, state: ClusterState, at_ms: int, unreadable: Collection[str] = ()) -> Snapshot:
        """The rows of the newest sample, after `resolve_times`. What waits in `unreadable` topics may be no events."""
        rates = {tp: consumer_lag.per_second(list(ends)) for tp, ends in self._ends.items() if tp in state.ends}
        rows = [
            self._row((name, tp), state, at_ms, rates.get(tp)) for name, tps in state.followed().items() for tp in tps
        ]
        produced = {tp: rate for tp, rate in rates.items() if rate is not None}
        inactive = {name for name, group in state.groups.items() if group.members == 0 and self._stands(name, group)}
        for row in rows:
            if row.topic in unreadable and row.lag != 0:
                row.lag_least = 0
        return Snapshot(at_ms, state, rows, produced, inactive, set(state.failed), dict(self._lost.totals))

    def _stands(self, name: str, group: Group) -> bool:
        """Whether the group committed nothing new in the whole window. A client may commit without being a member."""
        windows = [self._samples[name, tp] for tp in group.committed if (name, tp) in self._samples]
        return all(len(window) == self._size and lag_status.stood_still(window) for window in windows)

    def _row(self, key: Key, state: ClusterState, at_ms: int, produced: float | None) -> Row:
        (name, tp), window = key, list(self._samples[key])
        group, sample, lag = state.groups[name], window[-1], window[-1].lag
        consumed = consumer_lag.per_second([(one.at_ms, one.committed) for one in window if one.committed is not None])
        return Row(
            group=name,
            topic=tp[0],
            partition=tp[1],
            end_offset=sample.end,
            status=lag_status.judge(window, self._size),
            committed_offset=sample.committed,
            oldest_offset=state.oldest.get(tp),
            lag=lag,
            lag_least=sample.least,
            lag_most=sample.most if lag is None else None,
            lost=sample.lost,
            undecided=sample.undecided,
            lag_seconds=self._lag_seconds(key, sample, at_ms),
            produced_per_second=produced,
            consumed_per_second=consumed,
            catch_up_seconds=consumer_lag.catch_up_s(lag, consumed, produced),
            retention_used=consumer_lag.retention_used(lag, state.oldest.get(tp), sample.end),
            group_state=group.state,
            members=group.members,
            member=(group.owners or {}).get(tp),
        )

    def _lag_seconds(self, key: Key, sample: Sample, at_ms: int) -> float | None:
        if sample.lag == 0:
            return 0.0
        if (offset := self._next_offset(key, sample)) is None:
            return None
        milliseconds = self._clocks[key[1]].lag_ms(offset, sample.end, at_ms)
        return None if milliseconds is None else milliseconds / 1_000


def _watch(group: Group, tp: Partition, last: Sample | None, at_ms: int, end: int) -> Watch | None:
    # A member that is called the same is another one after a rebalance: it looks for its start again.
    owner = (group.owners or {}).get(tp)
    if last is not None and last.watch is not None:
        return last.watch.then(owner, end)
    return None if owner is None else Watch(at_ms, owner)
