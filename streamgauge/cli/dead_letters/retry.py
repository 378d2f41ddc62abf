"""`streamgauge dead-letters retry`: shows the plan, then sends rung by rung until all are processed or one fails."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from threading import Event
from types import FrameType

from streamgauge.cli.dead_letters import plan
from streamgauge.cli.dead_letters.output import End, Reporter, TextOutput
from streamgauge.cli.dead_letters.plan import Options
from streamgauge.cli.dead_letters.selection import Choice
from streamgauge.dead_letters.retry import canary, records
from streamgauge.dead_letters.retry.outcomes import Watcher
from streamgauge.dead_letters.retry.retrier import Retrier, Sendable, Sent
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.runtime.settings import Settings


def run(
    settings: Settings, choice: Choice, options: Options, reporter: Reporter | None = None, stop: Event | None = None
) -> int:
    """Plan, report, and with `options.really` send. Returns the exit code: 1 where something failed again.

    Once `stop` is set nothing more is sent; outcomes of what was sent are still awaited.
    """
    reporter, stop = reporter or TextOutput(), stop or Event()
    made = plan.make(settings, choice, options)
    reporter.plan(settings, made, options)
    if not options.really or not made.ready:
        reporter.end(End("dry" if made.ready else "none", len(made.ready)))
        return 0
    if made.blocked:
        raise UsageError(made.blocked)
    group = plan.group_of(settings, made.ready, options)
    retrier = Retrier(settings, options.by, made.batch_bytes)
    items = [item for item in made.ready if item.letter.position.exact not in retrier.retried]
    with records.reader(settings) as consumer:
        watcher = Watcher(settings, consumer, group, {item.letter.letter_topic for item in items})
        try:
            return send_rungs(retrier, watcher, items, options, reporter, stop)
        finally:
            watcher.close()


def stop_on_signal() -> Event:
    """An event set by the first SIGTERM or SIGINT; the second ends the process at once. Main thread only."""
    stop = Event()

    def handle(_signum: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            sys.exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop


def send_rungs(
    retrier: Retrier, watcher: Watcher, items: Sequence[Sendable], options: Options, reporter: Reporter, stop: Event
) -> int:
    """Send rung by rung; stops after the first rung with a failure, or when `stop` is set. Returns the exit code."""
    through = 0
    pace = canary.Pace(options.rate, time.monotonic())
    fingerprints = {item.letter.fingerprint for item in items}
    for number, rung in enumerate(canary.rungs(items), 1):
        if stop.is_set():
            break
        began = time.monotonic()
        sent = list[Sent]()
        try:
            for batch in canary.batches(rung, options.rate):
                if stop.wait(pace.wait_s(len(batch), time.monotonic())):
                    break
                sent += retrier.send(batch)
                reporter.progress(number, len(sent), len(rung))
            failures = watcher.settle(sent, options.timeout_s)
        except StreamgaugeError as error:
            reporter.end(End("unsettled" if sent else "error", len(items), through, 0, len(sent), str(error)))
            raise
        through += len(sent) - len(failures)
        reporter.rung(number, len(sent) - len(failures), len(failures), time.monotonic() - began)
        if failures:
            reporter.failures(failures, fingerprints)
            reporter.end(End("failed", len(items), through, len(failures)))
            return 1
    reporter.end(End("done" if through == len(items) else "stopped", len(items), through))
    return 0
