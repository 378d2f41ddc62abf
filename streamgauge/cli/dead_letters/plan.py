"""Plan of a retry: the letters to send, edited and prechecked before anything is sent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamgauge.cli.dead_letters import selection
from streamgauge.cli.dead_letters.precheck import Precheck
from streamgauge.cli.dead_letters.selection import Choice
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import canary, edit, records
from streamgauge.dead_letters.retry.edit import Setting
from streamgauge.dead_letters.retry.retrier import Sendable, retried_letters
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse

EXAMPLES, VERDICTS = 3, 20


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
    """What to send, in order; and what is left out: already retried, expired from its topic, or of unknown origin."""

    ready: list[Sendable] = field(default_factory=list)
    retried: list[Letter] = field(default_factory=list)
    expired: list[Letter] = field(default_factory=list)
    no_origin: list[Letter] = field(default_factory=list)


def make(settings: Settings, choice: Choice, options: Options) -> Plan:
    """Find the letters and their records, and apply the edits. Sends nothing. Raises `UsageError`."""
    if choice.empty:
        raise UsageError("choose letters: ids, --fingerprint, --stream, --reason or --since")
    with Warehouse(settings) as warehouse:
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
        if record is None:
            plan.expired.append(letter)
        elif (whole := record.complete(letter)).position.exact in retried:
            plan.retried.append(whole)
        else:
            plan.ready.append(Sendable(whole, record, record.value))
    order = selection.in_order([item.letter for item in plan.ready])
    place = {letter.position: number for number, letter in enumerate(order)}
    plan.ready.sort(key=lambda item: place[item.letter.position])
    _edit(plan, options)
    return plan


def _edit(plan: Plan, options: Options) -> None:
    if options.file is not None:
        if len(plan.ready) != 1 or options.set:
            raise UsageError(f"--edit takes exactly one letter, and no --set; {len(plan.ready):,} are chosen")
        try:
            plan.ready = [edit.whole(plan.ready[0], options.file.read_bytes(), options.file.name)]
        except OSError as error:
            raise UsageError(f"cannot read {options.file}: {error.strerror}") from None
    elif options.set:
        plan.ready = [edit.apply(item, options.set) for item in plan.ready]


@dataclass
class Cause:
    """Letters of one cause that would be sent, and their precheck verdicts (`Precheck.verdict`)."""

    fingerprint: str
    stream: str
    reason: str
    letters: int = 0
    verdicts: Counter[str | None] = field(default_factory=Counter)


def causes_of(settings: Settings, plan: Plan) -> list[Cause]:
    """The plan's letters by cause, the most frequent cause first."""
    precheck = Precheck(settings, int(time.time() * 1_000))
    causes: dict[tuple[str, str, str], Cause] = {}
    for item in plan.ready:
        name = item.letter.fingerprint, item.letter.stream, item.letter.reason
        cause = causes.setdefault(name, Cause(*name))
        cause.letters += 1
        cause.verdicts[precheck.verdict(item)] += 1
    return sorted(causes.values(), key=lambda cause: -cause.letters)


def summary(settings: Settings, plan: Plan, options: Options) -> dict[str, Any]:
    """The plan for JSON; verdicts as `Precheck.verdict` returns them."""
    targets = Counter((item.letter.position.topic, item.letter.position.partition) for item in plan.ready)
    return {
        "ready": len(plan.ready),
        "causes": [
            {
                "fingerprint": cause.fingerprint,
                "stream": cause.stream,
                "reason": cause.reason,
                "letters": cause.letters,
                "verdicts": [
                    {"says": verdict, "letters": number} for verdict, number in cause.verdicts.most_common(VERDICTS)
                ],
            }
            for cause in causes_of(settings, plan)[:VERDICTS]
        ],
        "to": [
            {"topic": topic, "partition": number, "letters": letters} for (topic, number), letters in targets.items()
        ],
        "edits": [{"letter": item.letter.id, "edit": item.edit} for item in plan.ready[:EXAMPLES] if item.edit],
        "left_out": {"retried": len(plan.retried), "gone": len(plan.expired), "homeless": len(plan.no_origin)},
        "rungs": [len(rung) for rung in canary.rungs(plan.ready)],
        "rate": options.rate,
    }


def describe(settings: Settings, plan: Plan, options: Options) -> Iterable[str]:
    """The plan for people, line by line."""
    for cause in causes_of(settings, plan):
        yield f"{cause.letters:>7,} x {cause.fingerprint} {cause.stream} {cause.reason}"
        for verdict, count in cause.verdicts.most_common(EXAMPLES):
            if verdict is not None:
                text = f"would fail again: {verdict}" if verdict else "would pass now"
                yield f"{count:>9,} {text}"
    for item in plan.ready[:EXAMPLES]:
        if item.edit is not None:
            yield f"edited {item.letter.id}: {item.edit}"
    for letters_left_out, why in (
        (plan.retried, "already retried"),
        (plan.expired, "no longer in the dead-letter topic"),
        (plan.no_origin, "without the topic they came from"),
    ):
        if letters_left_out:
            yield f"{len(letters_left_out):,} left out: {why}"
    rungs = canary.rungs(plan.ready)
    steps = ", ".join(f"{len(rung):,}" for rung in rungs[:6]) + (", …" if len(rungs) > 6 else "")
    yield f"{len(plan.ready):,} to send" + (
        f", at most {options.rate:g} a second, in rungs of {steps}" if rungs else ""
    )
