"""What a retry would send: found, edited and judged before anything is sent."""

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
from streamgauge.runtime.printable import printable
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse

EXAMPLES, VERDICTS = 3, 20


@dataclass(frozen=True)
class Options:
    """How to retry. `rate` is events a second, `timeout_s` how long a rung may make no progress.

    `by` is who retries, for the record; None is who runs this process.
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
    """What to send, in order; and what not, and why."""

    ready: list[Sendable] = field(default_factory=list)
    retried: list[Letter] = field(default_factory=list)
    gone: list[Letter] = field(default_factory=list)
    homeless: list[Letter] = field(default_factory=list)


def make(settings: Settings, choice: Choice, options: Options) -> Plan:
    """Find the letters and their copies, and edit them. Sends nothing. Raises `UsageError`."""
    if choice.empty:
        raise UsageError("say which: ids, --fingerprint, --stream, --reason or --since")
    with Warehouse(settings) as warehouse:
        chosen = selection.find(warehouse, choice)
    made, done, left = Plan(), retried_letters(settings), list[Letter]()
    for letter in chosen:
        if letter.id in done:
            made.retried.append(letter)
        elif letter.place.topic == letter.letter_topic:
            made.homeless.append(letter)
        else:
            left.append(letter)
    found = records.fetch(settings, left)
    for letter in left:
        copy = found.get(letter.place)
        if copy is None:
            made.gone.append(letter)
        else:
            made.ready.append(Sendable(copy.completes(letter), copy, copy.value))
    made.ready.sort(key=lambda item: (item.letter.root, item.letter.attempts))
    _edit(made, options)
    return made


def _edit(made: Plan, options: Options) -> None:
    if options.file is not None:
        if len(made.ready) != 1 or options.set:
            raise UsageError(f"--edit is for one letter, alone; {len(made.ready):,} are chosen")
        try:
            made.ready = [edit.whole(made.ready[0], options.file.read_bytes(), options.file.name)]
        except OSError as error:
            raise UsageError(f"cannot read {options.file}: {error.strerror}") from None
    elif options.set:
        made.ready = [edit.apply(item, options.set) for item in made.ready]


@dataclass
class Cause:
    """Letters of one cause that would be sent, and what our analytics would say of them now (`Precheck.verdict`)."""

    fingerprint: str
    stream: str
    reason: str
    letters: int = 0
    verdicts: Counter[str | None] = field(default_factory=Counter)


def judge(settings: Settings, made: Plan) -> list[Cause]:
    """By cause, the most frequent first."""
    precheck = Precheck(settings, int(time.time() * 1_000))
    causes: dict[tuple[str, str, str], Cause] = {}
    for item in made.ready:
        name = item.letter.fingerprint, item.letter.stream, item.letter.reason
        cause = causes.setdefault(name, Cause(*name))
        cause.letters += 1
        cause.verdicts[precheck.verdict(item)] += 1
    return sorted(causes.values(), key=lambda cause: -cause.letters)


def summary(settings: Settings, made: Plan, options: Options) -> dict[str, Any]:
    """The plan as plain values, for programs; verdicts are as `Precheck.verdict` has them."""
    to = Counter((item.letter.place.topic, item.letter.place.partition) for item in made.ready)
    return {
        "ready": len(made.ready),
        "causes": [
            {
                "fingerprint": cause.fingerprint,
                "stream": cause.stream,
                "reason": cause.reason,
                "letters": cause.letters,
                "verdicts": [
                    {"says": says, "letters": number} for says, number in cause.verdicts.most_common(VERDICTS)
                ],
            }
            for cause in judge(settings, made)[:VERDICTS]
        ],
        "to": [{"topic": topic, "partition": number, "letters": letters} for (topic, number), letters in to.items()],
        "edits": [{"letter": item.letter.id, "edit": item.edit} for item in made.ready[:EXAMPLES] if item.edit],
        "left_out": {"retried": len(made.retried), "gone": len(made.gone), "homeless": len(made.homeless)},
        "rungs": [len(rung) for rung in canary.rungs(made.ready)],
        "rate": options.rate,
    }


def describe(settings: Settings, made: Plan, options: Options) -> Iterable[str]:
    """The plan in lines, with what our analytics would say of each event now."""
    for cause in judge(settings, made):
        yield f"{cause.letters:>7,} x {cause.fingerprint} {cause.stream} {cause.reason}"
        for verdict, count in cause.verdicts.most_common(EXAMPLES):
            if verdict is not None:
                said = f"would fail again: {printable(verdict)}" if verdict else "would pass now"
                yield f"{count:>9,} {said}"
    for item in made.ready[:EXAMPLES]:
        if item.edit is not None:
            yield f"edited {item.letter.id}: {printable(item.edit)}"
    for letters_left_out, why in (
        (made.retried, "already retried"),
        (made.gone, "no longer in the dead-letter topic"),
        (made.homeless, "do not say which topic they came from"),
    ):
        if letters_left_out:
            yield f"{len(letters_left_out):,} left out: {why}"
    rungs = canary.rungs(made.ready)
    steps = ", ".join(f"{len(rung):,}" for rung in rungs[:6]) + (", …" if len(rungs) > 6 else "")
    yield f"{len(made.ready):,} to send" + (
        f", at most {options.rate:g} a second, in rungs of {steps}" if rungs else ""
    )
