"""Plan of a retry: the letters to send, edited and prechecked before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streamgauge.catalog.builtin.retries import RETRIES_TOPIC
from streamgauge.cli.dead_letters import selection
from streamgauge.cli.dead_letters.selection import Choice
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import edit, records, targets
from streamgauge.dead_letters.retry.edit import Setting
from streamgauge.dead_letters.retry.retrier import Sendable, retried_letters
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse

BATCH_BYTES = 1_000_000
RETRIED, EXPIRED = "already retried", "no longer in Kafka"
NO_ORIGIN = "without the topic they came from"


@dataclass(frozen=True)
class Options:
    """How to retry: `rate` in events a second; `timeout_s` is how long a rung may make no progress.

    `by` names who retries, for the audit record; None is the user of this process.
    """

    rate: float = 50.0
    group: str | None = None
    timeout_s: float = 60.0
    really: bool = False
    set: Sequence[Setting] = ()
    file: Path | None = None
    by: str | None = None


@dataclass
class Plan:
    """What to send, in order; and what is left out: already retried, expired from its topic, of unknown origin, or
    refused with a reason: Kafka would not take it, or the edit does not fit. `blocked` is why no run can begin.
    """

    ready: list[Sendable] = field(default_factory=list)
    retried: list[Letter] = field(default_factory=list)
    expired: list[Letter] = field(default_factory=list)
    no_origin: list[Letter] = field(default_factory=list)
    refused: list[tuple[Letter, str]] = field(default_factory=list)
    batch_bytes: int = BATCH_BYTES
    blocked: str = ""

    @property
    def left_out(self) -> list[tuple[Letter, str]]:
        """Every letter that is left out, and why."""
        known = ((self.retried, RETRIED), (self.expired, EXPIRED), (self.no_origin, NO_ORIGIN))
        return [*self.refused, *((letter, why) for letters, why in known for letter in letters)]


def make(settings: Settings, choice: Choice, options: Options) -> Plan:
    """Find the letters and their records, and apply the edits. Sends nothing. Raises `UsageError`."""
    if choice.empty:
        raise UsageError("choose letters: ids, --fingerprint, --stream, --reason or --since")
    with warehouse_errors(), Warehouse(settings) as warehouse:
        chosen = selection.find(warehouse, choice)
    plan, retried, remaining = Plan(), retried_letters(settings), list[Letter]()
    for letter in chosen:
        if letter.position.exact in retried:
            plan.retried.append(letter)
        elif letter.position.topic == letter.letter_topic:
            plan.no_origin.append(letter)
        else:
            remaining.append(letter)
    found = records.fetch(settings, remaining)
    for letter in remaining:
        record = found.get(letter.position)
        if record is None or record.lost:
            plan.expired.append(letter)
        elif (whole := record.complete(letter)).position.exact in retried:
            plan.retried.append(whole)
        else:
            plan.ready.append(Sendable(whole, record, record.value))
    order = selection.in_order([item.letter for item in plan.ready])
    place = {letter.position: number for number, letter in enumerate(order)}
    plan.ready.sort(key=lambda item: place[item.letter.position])
    _edit(plan, options)
    _check(settings, plan, options)
    return plan


def group_of(settings: Settings, items: Sequence[Sendable], options: Options) -> str:
    """The consumer group that failed at these events and must now process them. Raises `UsageError` for several."""
    if options.group:
        return options.group
    groups = set()
    for item in items:
        own = item.letter.letter_topic == f"{item.letter.position.topic}.dlq"
        group = item.letter.consumer or (settings.analytics_group if own else None)
        if group is None:
            raise UsageError(f"{item.letter.id} does not name the consumer group that failed; name it with --group")
        groups.add(group)
    if len(groups) > 1:
        raise UsageError(f"letters of several consumers ({', '.join(sorted(groups))}): retry those of one at a time")
    return groups.pop()


def _check(settings: Settings, plan: Plan, options: Options) -> None:
    """Leave out what Kafka would refuse, and find what would refuse the whole run."""
    known = targets.read(settings, [RETRIES_TOPIC, *(item.letter.position.topic for item in plan.ready)])
    ready = []
    for item in plan.ready:
        why = targets.refusal(item, known[item.letter.position.topic])
        if why is None:
            ready.append(item)
        else:
            plan.refused.append((item.letter, why))
    plan.ready = ready
    limits = [known[item.letter.position.topic].most_bytes for item in ready]
    plan.batch_bytes = min([BATCH_BYTES, *(limit for limit in limits if limit)])
    plan.blocked = known[RETRIES_TOPIC].closed
    if not plan.blocked and ready:
        try:
            group_of(settings, ready, options)
        except UsageError as error:
            plan.blocked = str(error)


def _edit(plan: Plan, options: Options) -> None:
    if options.file is not None:
        if len(plan.ready) != 1 or options.set:
            raise UsageError(f"--edit takes exactly one letter, and no --set; {len(plan.ready):,} are chosen")
        try:
            plan.ready = [edit.whole(plan.ready[0], options.file.read_bytes(), options.file.name)]
        except OSError as error:
            raise UsageError(f"cannot read {options.file}: {error.strerror}") from None
    elif options.set:
        ready, problems = [], []
        for item in plan.ready:
            try:
                ready.append(edit.apply(item, options.set))
            except UsageError as error:
                problems.append((item.letter, str(error)))
        if problems and not ready:
            raise UsageError(problems[0][1])
        plan.ready, plan.refused = ready, [*plan.refused, *problems]
