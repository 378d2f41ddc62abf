"""Facts behind `streamgauge status`, and the rules that find problems in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generators.ledger import CATALOG
from streamgauge.runtime.health import ProcessHealth

# Events are waiting, and none has become visible for this long: the pipeline is stuck.
STUCK_AFTER_S = 10.0


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
class Facts:
    """All facts. None is unknown: the process or broker that would know does not answer."""

    bootstrap: str
    processes: Sequence[ProcessHealth] = ()
    figures: Mapping[int, str] = field(default_factory=dict)
    broker: str | None = None
    broker_why: str = ""
    missing_topics: Sequence[str] = ()
    replicas: int | None = None
    analytics_waiting: int | None = None
    warehouse_waiting: int | None = None
    streams: Sequence[StreamState] | None = None
    warehouse_why: str = ""
    notice: str | None = None
    catalog: str = CATALOG

    @property
    def nothing(self) -> bool:
        """Whether nothing of ours runs."""
        return not self.processes and self.broker is None and self.streams is None


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
    elif facts.missing_topics:
        wrong.append(f"topics are missing: {', '.join(facts.missing_topics)}; create them with `streamgauge topics`")
    if facts.streams is None:
        wrong.append(facts.warehouse_why)
    if facts.broker is not None and facts.replicas == 0:
        wrong.append("no analytics replica runs; start one with `streamgauge process analytics`")
    waiting = (facts.analytics_waiting or 0) + (facts.warehouse_waiting or 0)
    ages = [stream.age_s for stream in facts.streams or () if stream.age_s is not None]
    if waiting and facts.streams is not None and (not ages or min(ages) > STUCK_AFTER_S):
        wrong.append(f"{waiting:,} messages wait, and nothing new became visible for {STUCK_AFTER_S:.0f} s")
    return wrong
