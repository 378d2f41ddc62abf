"""What a retry would send: found, edited and judged before anything is sent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import UsageError
from runtime.printable import printable
from runtime.settings import Settings
from streamgauge.dead_letters import copies, edit, ladder, letters
from streamgauge.dead_letters.edit import Setting
from streamgauge.dead_letters.foresight import Foresight
from streamgauge.dead_letters.letters import Choice, Letter
from streamgauge.dead_letters.retrier import Sendable, records
from warehouse.client import Warehouse

EXAMPLES = 3


@dataclass(frozen=True)
class Options:
    """How to retry. `rate` is events a second, `timeout_s` how long a rung may make no progress."""

    rate: float = 50.0
    group: str | None = None
    timeout_s: float = 60.0
    really: bool = False
    set: Sequence[Setting] = ()
    file: Path | None = None


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
        chosen = letters.find(warehouse, choice)
    made, done, left = Plan(), records(settings), list[Letter]()
    for letter in chosen:
        if letter.id in done:
            made.retried.append(letter)
        elif letter.place.topic == letter.letter_topic:
            made.homeless.append(letter)
        else:
            left.append(letter)
    found = copies.fetch(settings, left)
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


def describe(settings: Settings, made: Plan, options: Options) -> Iterable[str]:
    """The plan in lines, with what our analytics would say of each event now."""
    foresight = Foresight(settings, int(time.time() * 1_000))
    causes = Counter((item.letter.fingerprint, item.letter.stream, item.letter.reason) for item in made.ready)
    verdicts: dict[tuple[str, str, str], Counter[str | None]] = {cause: Counter() for cause in causes}
    for item in made.ready:
        verdicts[item.letter.fingerprint, item.letter.stream, item.letter.reason][foresight.verdict(item)] += 1
    for (fingerprint, stream, reason), number in causes.most_common():
        yield f"{number:>7,} x {fingerprint} {stream} {reason}"
        for verdict, count in verdicts[fingerprint, stream, reason].most_common(EXAMPLES):
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
    rungs = ladder.rungs(made.ready)
    steps = ", ".join(f"{len(rung):,}" for rung in rungs[:6]) + (", …" if len(rungs) > 6 else "")
    yield f"{len(made.ready):,} to send" + (
        f", at most {options.rate:g} a second, in rungs of {steps}" if rungs else ""
    )
