"""Facts behind `streamgauge status`, and the rules that find problems in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generators.ledger import CATALOG
from streamgauge.runtime.connection.missing import Missing
from streamgauge.runtime.health import ProcessHealth

# Events are waiting, and none has become visible for this long: the pipeline is stuck.
STUCK_AFTER_S = 10.0
# Ranges of lost events that are named.
MOST_NAMED = 5


@dataclass(frozen=True)
class StreamState:
    """A stream in the warehouse; `age_s` is the age of its newest event in seconds.

    `outdated` events were older than any window is kept.
    """

    name: str
    events: int
    dead_letters: int
    age_s: float | None
    outdated: int = 0


@dataclass(frozen=True)
class LostRange:
    """Offsets that retention deleted before analytics read them; `recent`: found within the last 24 hours."""

    stream: str
    partition: int
    first_offset: int
    last_offset: int
    recent: bool

    def __str__(self) -> str:
        count = self.last_offset - self.first_offset + 1
        return (
            f"{self.stream}[{self.partition}]: offsets {self.first_offset:,} to {self.last_offset:,} were deleted "
            f"before analytics read them; the figures lack up to {count:,} events"
        )


@dataclass(frozen=True)
class Facts:
    """All facts. None is unknown: the process or broker that would know does not answer.

    `observed`: the cluster is only read, so that nothing of ours is there.
    """

    bootstrap: str
    processes: Sequence[ProcessHealth] = ()
    figures: Mapping[int, str] = field(default_factory=dict)
    broker: str | None = None
    broker_why: str = ""
    missing_topics: Sequence[str] = ()
    hidden_why: str = ""
    replicas: int | None = None
    analytics_waiting: int | None = None
    warehouse_waiting: int | None = None
    streams: Sequence[StreamState] | None = None
    lost: Sequence[LostRange] = ()
    warehouse_why: str = ""
    notice: str | None = None
    catalog: str = CATALOG
    observed: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing of ours runs."""
        return not self.processes and self.broker is None and self.streams is None

    @property
    def missing(self) -> list[Missing]:
        """Rights on the cluster with which more would be shown; that is not unwell."""
        return list(dict.fromkeys(right for process in self.processes for right in process.missing))


def problems(facts: Facts) -> list[str]:
    """Problems in words; empty when all is well."""
    wrong = [
        f"{one.name} (process {one.pid}): {text}"
        for one in facts.processes
        for text in (one.why, *one.problems)
        if text
    ]
    if facts.broker is None:
        wrong.append(facts.broker_why)
    elif facts.hidden_why:
        wrong.append(facts.hidden_why)
    elif facts.missing_topics and facts.observed:
        wrong.append(f"topics are missing: {', '.join(facts.missing_topics)}")
    elif facts.missing_topics:
        wrong.append(f"topics are missing: {', '.join(facts.missing_topics)}; create them with `streamgauge topics`")
    if facts.streams is None:
        wrong.append(facts.warehouse_why)
    if facts.broker is not None and facts.replicas == 0:
        wrong.append("no analytics replica runs; start one with `streamgauge process analytics`")
    recent = [str(one) for one in facts.lost if one.recent]
    wrong += recent[:MOST_NAMED]
    if len(recent) > MOST_NAMED:
        wrong.append(f"{len(recent) - MOST_NAMED:,} more ranges were deleted unread: see the table lost_events")
    waiting = (facts.analytics_waiting or 0) + (facts.warehouse_waiting or 0)
    ages = [stream.age_s for stream in facts.streams or () if stream.age_s is not None]
    if waiting and facts.streams is not None and (not ages or min(ages) > STUCK_AFTER_S):
        wrong.append(f"{waiting:,} messages wait, and nothing new became visible for {STUCK_AFTER_S:.0f} s")
    return wrong
