"""`streamgauge dead-letters retry`: a plan, shown; then rung by rung, until all are settled or one fails."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from processors.letter_headers import Place
from runtime.errors import UsageError
from runtime.settings import Settings
from streamgauge.dead_letters import copies, ladder, letters
from streamgauge.dead_letters.letters import Choice, Letter
from streamgauge.dead_letters.retrier import Retrier, Sendable, Sent, records
from streamgauge.dead_letters.settling import Failure, Watcher
from warehouse.client import Warehouse


@dataclass(frozen=True)
class Options:
    """How to retry. `rate` is events a second, `timeout_s` how long a rung may make no progress."""

    rate: float = 50.0
    group: str | None = None
    timeout_s: float = 60.0
    really: bool = False


@dataclass
class Plan:
    """What a retry would do."""

    ready: list[Sendable] = field(default_factory=list)
    retried: list[Letter] = field(default_factory=list)
    gone: list[Letter] = field(default_factory=list)
    homeless: list[Letter] = field(default_factory=list)


def plan(settings: Settings, choice: Choice) -> Plan:
    """Find the letters and their copies; sends nothing."""
    if choice.empty:
        raise UsageError("say which: ids, --fingerprint, --stream, --reason or --since")
    with Warehouse(settings) as warehouse:
        chosen = letters.find(warehouse, choice)
    if missing := set(choice.ids) - {letter.place for letter in chosen}:
        raise UsageError(f"the table `dead_letters` has no {min(missing)}; `dead-letters list` shows what it has")
    made, done = Plan(), records(settings)
    made.retried = [letter for letter in chosen if letter.id in done]
    made.homeless = [letter for letter in chosen if letter.place.topic == letter.letter_topic]
    left = [letter for letter in chosen if letter.id not in done and letter.place.topic != letter.letter_topic]
    found = copies.fetch(settings, left)
    made.gone = [letter for letter in left if letter.place not in found]
    made.ready = [
        Sendable(letter, found[letter.place], found[letter.place].value) for letter in left if letter.place in found
    ]
    return made


def say(line: str) -> None:
    """Progress, for whoever watches."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def show(made: Plan, options: Options) -> None:
    """The plan, on standard output."""
    kinds = Counter((item.letter.fingerprint, item.letter.stream, item.letter.reason) for item in made.ready)
    for (fingerprint, stream, reason), number in kinds.most_common():
        print_line(f"{number:>9,}  {fingerprint}  {stream}  {reason}")
    steps = ", ".join(f"{len(rung):,}" for rung in ladder.rungs(made.ready)) or "none"
    print_line(f"{len(made.ready):,} to send, in rungs of {steps}, at most {options.rate:g} a second")
    for count, what in (
        (len(made.retried), "already retried: left out"),
        (len(made.gone), "no longer in the dead-letter topic: left out"),
        (len(made.homeless), "do not say which topic they came from: left out"),
    ):
        if count:
            print_line(f"{count:,} {what}")


def print_line(line: str) -> None:
    """One line of the answer."""
    sys.stdout.write(f"{line}\n")


def run(settings: Settings, choice: Choice, options: Options) -> int:
    """Plan, and with `options.really` send. Returns the exit code: 1 where something failed again."""
    made = plan(settings, choice)
    show(made, options)
    if not options.really:
        print_line("nothing was sent; add --yes to send")
        return 0
    if not made.ready:
        return 0
    groups = {options.group or item.letter.consumer or settings.analytics_group for item in made.ready}
    if len(groups) > 1:
        raise UsageError(f"these letters are of several consumers ({', '.join(sorted(groups))}); retry one at a time")
    retrier = Retrier(settings)
    items = [item for item in made.ready if item.letter.id not in retrier.retried]
    with copies.reader(settings) as consumer:
        topics = {item.letter.letter_topic for item in items}
        watcher = Watcher(settings, consumer, groups.pop(), topics)
        try:
            return climb(retrier, watcher, items, options)
        finally:
            watcher.close()


def climb(retrier: Retrier, watcher: Watcher, items: Sequence[Sendable], options: Options) -> int:
    """Rung by rung; stops at the first rung with a failure."""
    done = 0
    for number, rung in enumerate(ladder.rungs(items), 1):
        sent: list[Sent] = []
        began = time.monotonic()
        for batch in ladder.batches(rung, options.rate):
            due = began + len(sent) / options.rate
            time.sleep(max(0.0, due - time.monotonic()))  # the rate that was asked for
            sent += retrier.send(batch)
        failures = watcher.settle(sent, options.timeout_s, lambda left: None)
        done += len(rung) - len(failures)
        say(f"rung {number}: {len(rung):,} sent, {len(failures):,} failed again in {time.monotonic() - began:.1f} s")
        if failures:
            return stopped(failures, done, len(items))
    print_line(f"{done:,} sent again, none failed")
    return 0


def stopped(failures: Sequence[Failure], done: int, total: int) -> int:
    """Say why the ladder ended early."""
    kinds = Counter((failure.fingerprint, failure.reason, failure.detail) for failure in failures)
    known = {failure.letter.fingerprint for failure in failures}
    for (fingerprint, reason, detail), number in kinds.most_common(5):
        same = "the same failure returned" if fingerprint in known else "a failure of another kind"
        print_line(f"{number:,} x {fingerprint} {reason}: {detail} ({same})")
    first: Place = failures[0].place
    print_line(
        f"stopped: {done:,} of {total:,} are through, {len(failures):,} failed again (see `dead-letters show {first}`)"
    )
    return 1
