"""`streamgauge dead-letters retry`: the plan, shown; then rung by rung, until all are settled or one fails."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

from runtime.errors import StreamgaugeError, UsageError
from runtime.printable import printable
from runtime.settings import Settings
from streamgauge.dead_letters import copies, ladder, plan
from streamgauge.dead_letters.letters import Choice
from streamgauge.dead_letters.plan import Options
from streamgauge.dead_letters.retrier import Retrier, Sendable, Sent
from streamgauge.dead_letters.settling import Failure, Watcher


def run(settings: Settings, choice: Choice, options: Options) -> int:
    """Plan, show, and with `options.really` send. Returns the exit code: 1 where something failed again."""
    made = plan.make(settings, choice, options)
    for line in plan.describe(settings, made, options):
        answer(line)
    if not options.really:
        answer("nothing was sent; add --yes to send" if made.ready else "there is nothing to send")
        return 0
    if not made.ready:
        return 0
    group = group_of(settings, made.ready, options)
    retrier = Retrier(settings)
    items = [item for item in made.ready if item.letter.id not in retrier.retried]
    with copies.reader(settings) as consumer:
        watcher = Watcher(settings, consumer, group, {item.letter.letter_topic for item in items})
        try:
            return climb(retrier, watcher, items, options)
        finally:
            watcher.close()


def group_of(settings: Settings, items: Sequence[Sendable], options: Options) -> str:
    """The consumer group that failed at these events, and must get past them now. Raises `UsageError` for several."""
    if options.group:
        return options.group
    groups = set()
    for item in items:
        own = item.letter.letter_topic == f"{item.letter.place.topic}.dlq"
        group = item.letter.consumer or (settings.analytics_group if own else None)
        if group is None:
            raise UsageError(f"{item.letter.id} does not say which consumer group failed; name it with --group")
        groups.add(group)
    if len(groups) > 1:
        raise UsageError(f"these are letters of several consumers ({', '.join(sorted(groups))}): retry one's at a time")
    return groups.pop()


def climb(retrier: Retrier, watcher: Watcher, items: Sequence[Sendable], options: Options) -> int:
    """Rung by rung; stops at the first rung with a failure."""
    through = 0
    pace = ladder.Pace(options.rate, time.monotonic())
    fingerprints = {item.letter.fingerprint for item in items}
    for number, rung in enumerate(ladder.rungs(items), 1):
        began = time.monotonic()
        sent = send(retrier, rung, options.rate, pace)
        progress(f"rung {number}: {len(sent):,} sent, waiting for the consumer")
        try:
            failures = watcher.settle(sent, options.timeout_s)
        except StreamgaugeError:
            answer(f"stopped: {through:,} of {len(items):,} are through, {len(sent):,} are sent and not settled")
            raise
        through += len(rung) - len(failures)
        took = time.monotonic() - began
        progress(f"rung {number}: {len(rung) - len(failures):,} through, {len(failures):,} failed again, {took:.1f} s")
        if failures:
            for line in why_stopped(failures, fingerprints):
                answer(line)
            answer(
                f"stopped: {through:,} of {len(items):,} are through; {len(items) - through - len(failures):,} not sent"
            )
            return 1
    answer(f"{through:,} sent again, none failed")
    return 0


def send(retrier: Retrier, rung: Sequence[Sendable], rate: float, pace: ladder.Pace) -> list[Sent]:
    """Send a rung, at no more than `rate` a second."""
    sent: list[Sent] = []
    for batch in ladder.batches(rung, rate):
        time.sleep(pace.wait_s(len(batch), time.monotonic()))
        sent += retrier.send(batch)
        if len(sent) < len(rung):
            progress(f"  {len(sent):,} of {len(rung):,}")
    return sent


def why_stopped(failures: Sequence[Failure], retried: set[str]) -> list[str]:
    """The failures by cause, and whether it is one that was to be mended."""
    causes = Counter((failure.fingerprint, failure.reason) for failure in failures)
    lines = []
    for (fingerprint, reason), number in causes.most_common():
        first = next(failure for failure in failures if failure.fingerprint == fingerprint)
        what = "the same failure returned" if fingerprint in retried else "a new failure"
        lines.append(f"{what}: {number:,} x {fingerprint} {reason}: {printable(first.detail)} (now {first.place})")
    return lines


def answer(line: str) -> None:
    """One line on standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def progress(line: str) -> None:
    """One line for whoever watches."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
