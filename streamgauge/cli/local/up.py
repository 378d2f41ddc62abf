"""`streamgauge up`: everything on this machine, until Ctrl-C, SIGTERM or `--for`.

Order: broker → topics → warehouse, analytics, dashboard, lag → traffic → the services and processors of the commerce
catalog. It stops the traffic first, then all else that writes events; then it waits until everything in the log is
visible, so that the summary is exact.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from generators.options import Options as TrafficOptions
from streamgauge.catalog import loader
from streamgauge.catalog.loader import ANALYTICS_TOPIC, Catalog
from streamgauge.cli.local import consent, fault_plan, stack, target
from streamgauge.cli.local.instance_lock import instance_lock, interruptible
from streamgauge.cli.local.journal import Journal
from streamgauge.cli.local.live_count import LiveCount
from streamgauge.cli.local.summary import Summary, hints, show
from streamgauge.cli.local.supervisor import GaveUp, Supervisor
from streamgauge.cli.local.tally import Tally
from streamgauge.cli.local.target import Target
from streamgauge.cli.topics import setup
from streamgauge.cli.topics.specs import of_catalog
from streamgauge.runtime import kafka, settings
from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.errors import StreamgaugeError, UsageError

SETTLE_S = 60.0
POLL_S = 0.1


@dataclass(frozen=True)
class Options:
    """Options of `streamgauge up`."""

    rate: float = 200.0
    for_s: float | None = None
    traffic: bool = True
    bootstrap: str | None = None
    faults: tuple[str, ...] = ()
    mode: str | None = None
    catalog: str | None = None
    begin: str | None = None
    demo: bool = False
    yes: bool = False

    def check(self) -> None:
        """Raise `UsageError`, naming the option, for invalid values."""
        TrafficOptions(rate=self.rate, for_s=self.for_s).check()
        fault_plan.parse(self.faults)


def main(options: Options) -> int:
    """Run the stack; returns the exit code. Raises `UsageError` before anything has started."""
    options.check()
    to = target.resolve(
        settings.load(),
        bootstrap=options.bootstrap,
        mode=options.mode,
        catalog=options.catalog,
        begin=options.begin,
        demo=options.demo,
    )
    config = to.settings
    catalog = loader.load(config.catalog)
    ledgers = config.data_dir / "traffic"
    with instance_lock(config.data_dir):
        shutil.rmtree(ledgers, ignore_errors=True)
        stack.check_ports(config)
        if not to.ours:
            kafka.require_broker(config)
        if not to.ours and not to.observed:
            consent.ask(config, catalog, demo=to.shop, yes=options.yes)
        plan = stack.plan(to, options.rate if options.traffic else None, ledgers)
        journal = Journal(("up", *stack.NAMES), everything=config.log_level == "DEBUG")
        return _Up(to, options, plan, journal, ledgers, catalog).run()


class _Up:
    def __init__(
        self,
        to: Target,
        options: Options,
        plan: stack.Stack,
        journal: Journal,
        ledgers: Path,
        catalog: Catalog,
    ) -> None:
        self._config = config = to.settings
        self._to, self._for_s, self._plan, self._catalog = to, options.for_s, plan, catalog
        self._journal, self._ledgers = journal, ledgers
        self._supervisor = Supervisor(journal.write)
        self._stop = threading.Event()
        self._summary = Summary()
        self._tally: Tally | None = None
        self._live: LiveCount | None = None
        self._faults = fault_plan.FaultPlan(config, options.faults, self._supervisor, self._log)
        self._began = time.monotonic()

    def run(self) -> int:
        """Start, watch, stop and print the summary; returns the exit code."""
        code = 0
        with interruptible(self._stop):
            try:
                code = self._work()
                if self._live is not None:  # while the broker still answers
                    self._live.close()
                self._log("stopping")
                self._summary.clean = self._supervisor.close()
            except KeyboardInterrupt:
                self._journal.write("up", "interrupted again: killing everything", logging.ERROR)
                return 1
            finally:
                self._supervisor.kill()
        self._summary.restarts = {name: one.reasons for name, one in self._supervisor.running.items()}
        show(self._summary)
        return code or (0 if self._summary.well else 1)

    def _work(self) -> int:
        """Start, watch and settle; returns 0, or the exit code of a failure."""
        code = 0
        try:
            if self._start():
                self._watch()
            self._settle()
        except StreamgaugeError as error:
            code = error.code if isinstance(error, GaveUp) else 2 if isinstance(error, UsageError) else 1
            self._summary.gave_up = str(error)
            self._journal.write("up", f"{error}; stopping everything", logging.ERROR)
        return code

    def _log(self, line: str) -> None:
        self._journal.write("up", line)

    def _start(self) -> bool:
        """Start everything in order; False where stopped meanwhile."""
        supervisor, plan = self._supervisor, self._plan
        self._log(f"data in {self._config.data_dir}")
        supervisor.start(plan.broker)
        if not supervisor.wait_ready(self._stop):
            return False
        marker = broker_marker.read(self._config.data_dir) if self._to.ours else None
        if marker and marker.notice:
            self._summary.notice = marker.notice
            self._journal.write("up", marker.notice, logging.WARNING)
        exact = marker is None or marker.exactly_once
        if not exact and plan.commerce:
            left_out = ", ".join(service.name for service in plan.commerce)
            self._journal.write("up", f"this broker has no transactions: no {left_out}, and scripted traffic")
            plan = plan.without_transactions()
        if not self._to.observed:
            self._topics()
        supervisor.start(plan.pipeline)
        if not supervisor.wait_ready(self._stop):
            return False
        if plan.traffic:
            self._tally = Tally(self._config, self._catalog.own, self._ledgers, count_log=exact)
            self._start_live_count(self._tally)
        supervisor.start(plan.traffic)
        if not supervisor.wait_ready(self._stop):
            return False
        self._summary.ready_s = time.monotonic() - self._began
        # Last, so that figures come first: these take longer to start, and catch up from the log.
        supervisor.start(plan.commerce)
        metrics = {name: one.port for name, one in supervisor.running.items()}
        for line in hints(self._to, metrics, self._summary.ready_s):
            self._log(line)
        return True

    def _start_live_count(self, tally: Tally) -> None:
        """Start the live count, with which the dashboard compares what SQL shows."""
        if tally.log_before is not None and tally.before_by_stream is not None:
            since_ms = int(tally.since.timestamp() * 1_000)
            self._live = LiveCount(self._config, tally.log_before, tally.before_by_stream, self._catalog.own, since_ms)

    def _topics(self) -> None:
        states = setup.ensure(self._config, of_catalog(self._config, self._catalog))
        created = [state.name for state in states if state.created]
        if not self._to.ours:
            consent.note(self._config, created)
        self._log(f"{len(states)} topics" + (f", {len(created)} created" if created else ""))
        for state in states:
            for difference in state.differences:
                if difference.breaks and state.name == ANALYTICS_TOPIC:
                    raise UsageError(f"topic {state.name}: {difference.text}; see `streamgauge topics`")
                self._journal.write("up", f"topic {state.name}: {difference.text}", logging.WARNING)

    def _watch(self) -> None:
        """Watch until stopped, or until `--for` seconds after everything was ready."""
        ready: float | None = None
        while not self._stop.wait(POLL_S):
            self._supervisor.tick()
            self._first_figure()
            if ready is None:
                if self._supervisor.unready():
                    continue
                ready = time.monotonic()
                self._summary.all_ready_s = ready - self._began
                if stack.SERVICES in self._supervisor.running:
                    self._log(f"all services are ready {self._summary.all_ready_s:.1f} s after the start")
            self._faults.tick(time.monotonic() - ready)
            if self._for_s is not None and time.monotonic() - ready >= self._for_s:
                self._log(f"--for {self._for_s:g} s is over")
                return

    def _first_figure(self) -> None:
        if self._summary.first_figure_s is None and self._tally and (visible := self._tally.read()) and visible.events:
            self._summary.first_figure_s = time.monotonic() - self._began
            self._log(f"first figures in SQL {self._summary.first_figure_s:.1f} s after the start")

    def _settle(self) -> None:
        """Stop all writers of events, and wait until what they wrote is visible."""
        self._faults.end()
        if self._tally is None or stack.TRAFFIC not in self._supervisor.running:
            return
        self._log("stopping the traffic and the services; waiting until all events are visible")
        visible = self._tally.read()
        self._summary.freshness_s = visible.age_s if visible else None
        self._supervisor.stop(stack.TRAFFIC)
        self._supervisor.stop(*(name for name in stack.WRITERS if name in self._supervisor.running))
        self._summary.figures = self._tally.settle(SETTLE_S, self._supervisor.tick)
