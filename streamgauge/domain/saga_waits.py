"""Waits of a saga: what it waits for in each state, and which consumer group has to act first. Pure.

A service reads the request on `requested_on`, as the consumer group `service`, and answers on `answered_on`, where the
group of the saga reads it. If services of your own answer, their groups belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streamgauge.domain import format, lag_status, saga

SAGA = "fulfilment"
SERVICES = "services"
# A group that is behind by less than this is not the reason that a saga stands still.
BEHIND_S = 5.0


@dataclass(frozen=True)
class Wait:
    """What a saga in `state` waits for; any one of `answers` moves it."""

    state: str
    requested_on: str
    answers: tuple[str, ...]
    answered_on: str
    service: str = SERVICES
    back: bool = False

    @property
    def expected(self) -> str:
        """`payment.authorised or payment.declined`."""
        return " or ".join(self.answers)


WAITS = {
    str(state): Wait(
        state, saga.REQUESTED_ON[state], saga.answers(state), saga.answered_on(state), back=state in saga.BACK
    )
    for state in (*saga.FORWARD, *saga.BACK)
}


@dataclass(frozen=True)
class Lag:
    """How far a group is behind on what it reads of one topic; None is not known."""

    group: str
    topic: str
    events: int | None
    seconds: float | None
    status: str

    @property
    def behind(self) -> bool:
        """Whether it is far enough behind, or makes no progress with something to read."""
        return (self.seconds or 0.0) > BEHIND_S or (self.status in lag_status.ALARMING and self.events != 0)

    @property
    def text(self) -> str:
        """`12 events, 0.3 s behind`, `up to date`, or that it is not known."""
        if self.events is None:
            return "lag unknown"
        if not self.events:
            return "up to date"
        time = "" if self.seconds is None else f", {format.duration(self.seconds)} behind"
        return f"{format.count(self.events)} events{time}"


@dataclass(frozen=True)
class Responsible:
    """The group that has to act first, with its lag on what it has to read, and the reason."""

    lag: Lag
    why: str

    @property
    def group(self) -> str:
        """Its name."""
        return self.lag.group


def lag_of(rows: Iterable[Mapping[str, Any]], group: str, topic: str) -> Lag:
    """Lag of a group on a topic, and on the repartition topic by which it re-keys that topic for itself.

    `rows` have group, topic, lag, lag_seconds and status.
    """
    repartition = f"repartition__{group}--{topic}--"
    chosen = [
        row
        for row in rows
        if row["group"] == group and (row["topic"] == topic or str(row["topic"]).startswith(repartition))
    ]
    events = [row["lag"] for row in chosen]
    seconds = [row["lag_seconds"] for row in chosen if row["lag_seconds"] is not None]
    worst = lag_status.worst([row["status"] for row in chosen])
    return Lag(group, topic, sum(events) if events and None not in events else None, max(seconds, default=None), worst)


def service_lag(wait: Wait, rows: Iterable[Mapping[str, Any]]) -> Lag:
    """How far the service is behind on the requests."""
    return lag_of(rows, wait.service, wait.requested_on)


def saga_lag(wait: Wait, rows: Iterable[Mapping[str, Any]]) -> Lag:
    """How far the saga's processor is behind on the answers."""
    return lag_of(rows, SAGA, wait.answered_on)


def responsible(wait: Wait, service: Lag, answers: Lag) -> Responsible:
    """The first of the chain that is behind; if none is, the service has read the request and owes an answer."""
    if service.behind:
        return Responsible(service, f"has not read all requests on {wait.requested_on}: {service.text}")
    if answers.behind:
        return Responsible(answers, f"has not read all answers on {wait.answered_on}: {answers.text}")
    if service.events is None:
        return Responsible(service, f"owes an answer; its lag on {wait.requested_on} is not known")
    return Responsible(service, f"has read {wait.requested_on} and owes an answer on {wait.answered_on}")
