"""What `streamgauge status` knows, and the judgement of it: pure, so that a table can test it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generators.ledger import CATALOG
from streamgauge.runtime.health import ProcessHealth

# With events waiting, this long without a new one becoming visible is a pipeline that stands.
STANDS_S = 10.0


@dataclass(frozen=True)
class StreamState:
    """One stream as the warehouse shows it; `age_s` is the age of its newest event."""

    name: str
    events: int
    dead_letters: int
    age_s: float | None


@dataclass(frozen=True)
class Facts:
    """Everything `status` looks at. None is unknown: whom one would have to ask does not answer."""

    bootstrap: str
    found: Sequence[ProcessHealth] = ()
    figures: Mapping[int, str] = field(default_factory=dict)
    broker: str | None = None
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
        """Whether nothing of ours runs at all."""
        return not self.found and self.broker is None and self.streams is None


def problems(facts: Facts) -> list[str]:
    """What is not well, in words; empty when all is."""
    wrong = [f"{one.name} (process {one.pid}): {one.why}" for one in facts.found if not one.ready]
    if facts.broker is None:
        wrong.append(f"no Kafka broker answers on {facts.bootstrap}")
    elif facts.missing_topics:
        wrong.append(f"topics are missing: {', '.join(facts.missing_topics)}; create them with `streamgauge topics`")
    if facts.streams is None:
        wrong.append(facts.warehouse_why)
    if facts.broker is not None and facts.replicas == 0:
        wrong.append("no analytics replica runs; start one with `streamgauge process analytics`")
    waiting = (facts.analytics_waiting or 0) + (facts.warehouse_waiting or 0)
    ages = [stream.age_s for stream in facts.streams or () if stream.age_s is not None]
    if waiting and facts.streams is not None and (not ages or min(ages) > STANDS_S):
        wrong.append(f"{waiting:,} messages wait, and nothing new became visible for {STANDS_S:.0f} s")
    return wrong
