"""Supervisor: starts processes, restarts those that die, and gives up on those that die too often.

The caller's loop calls `tick`; the only threads are those that forward the output of a child. Children never outlive
their parent (`child.spawn`), so everything must be called from the main thread.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streamgauge.cli.local.supervised import ProcessSpec, SupervisedProcess, WriteLine
from streamgauge.runtime.errors import FatalError

POLL_S = 0.05
HEALTH_POLL_S = 0.1


@dataclass(frozen=True)
class Policy:
    """How often a process may be restarted, and the delay before a restart, doubled each time."""

    restarts: int = 5
    within_s: float = 60.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0


class GaveUp(FatalError):
    """A process cannot be kept running; the message says why. `code` is the exit code for it."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Supervisor:
    """Keeps processes running. `write(name, line, level)` gets every line of theirs and of the supervisor."""

    def __init__(
        self, write: WriteLine, policy: Policy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = write
        self._policy = policy or Policy()
        self._clock = clock
        self._closing = False
        self._began: dict[str, float] = {}
        self.running: dict[str, SupervisedProcess] = {}

    def start(self, specs: Iterable[ProcessSpec]) -> None:
        """Start processes; returns at once."""
        for spec in specs:
            self.running[spec.name] = SupervisedProcess(spec, self._log)
            self._began[spec.name] = self._clock()
            self.running[spec.name].start()

    def wait_ready(self, stop: threading.Event) -> bool:
        """Wait until all essential processes are ready; False where `stop` is set first. Raises `GaveUp`."""
        while self.unready():
            self.tick()
            if stop.wait(HEALTH_POLL_S):
                return False
        return True

    def unready(self) -> list[str]:
        """Check the health of essential processes that were never ready; returns the names of those that still are not.

        Raises `GaveUp` where one takes longer than it may. May block for half a second each.
        """
        waiting = [one for one in self.running.values() if one.wanted and one.spec.essential and not one.was_ready]
        waiting = [one for one in waiting if not one.check_health()]
        for one in waiting:
            if self._clock() - self._began[one.name] > one.spec.ready_within_s:
                raise GaveUp(f"{one.name} is not ready after {one.spec.ready_within_s:.0f} s: {one.why_not}")
        return [one.name for one in waiting]

    def tick(self) -> None:
        """Check every process once; restart those that died when due. Raises `GaveUp`."""
        for one in self.running.values():
            if self._closing or not one.wanted:
                continue
            if one.due is not None:
                if self._clock() >= one.due:
                    one.start()
            elif one.poll() is not None:
                self._died(one)

    def _died(self, one: SupervisedProcess) -> None:
        reason, policy, now = one.reason(), self._policy, self._clock()
        while one.recent and now - one.recent[0] > policy.within_s:
            one.recent.popleft()
        if not one.lost_port:  # it never ran: not counted as a restart
            one.reasons.append(reason)
        elif len(one.recent) < policy.restarts:
            one.recent.append(now)
            self._log(one.name, f"metrics port {one.port} was taken at its start; starting again", logging.WARNING)
            one.start()
            return
        essential = one.spec.essential
        if essential and one.poll() == 2 and not one.was_ready:
            # Wrong use or a missing part: another start would fail the same way. After it was ready, code 2 only means
            # that something it needs is away for the moment.
            raise GaveUp(f"{one.name} cannot start: {reason.partition(': ')[2] or reason}", 2)
        if essential and len(one.recent) >= policy.restarts:
            raise GaveUp(f"{one.name} died {len(one.recent) + 1} times in {policy.within_s:.0f} s; last: {reason}")
        wait_s = min(policy.first_wait_s * 2 ** len(one.recent), policy.longest_wait_s)
        one.recent.append(now)
        one.due, one.ready = now + wait_s, False
        self._log(one.name, f"{reason}; restart {len(one.reasons)} in {wait_s:g} s", logging.WARNING)

    def stop(self, *names: str) -> bool:
        """Stop processes for good, all at once; the others are watched meanwhile.

        True where all that were running ended by themselves with code 0.
        """
        stopping = []
        for one in (self.running[name] for name in names):
            one.wanted = False
            if one.poll() is None:  # else it is waiting for its restart
                one.signal(signal.SIGTERM)
                stopping.append(one)
        return all([self._ends(one) for one in stopping])

    def _ends(self, one: SupervisedProcess) -> bool:
        deadline = self._clock() + one.spec.stop_within_s
        while one.poll() is None and self._clock() < deadline:
            self.tick()
            time.sleep(POLL_S)
        if one.poll() is None:
            self._log(one.name, f"did not stop within {one.spec.stop_within_s:.0f} s: killed", logging.ERROR)
            one.signal(signal.SIGKILL)
            one.wait()
            return False
        if one.poll() != 0:
            self._log(one.name, one.reason(), logging.ERROR)
        return one.poll() == 0

    def close(self) -> bool:
        """Stop everything, the last started first; True where all ended by themselves with code 0."""
        self._closing = True
        return all([self.stop(name) for name in reversed(self.running) if self.running[name].wanted])

    def kill(self) -> None:
        """SIGKILL to everything; returns when all have ended."""
        self._closing = True
        for one in self.running.values():
            one.signal(signal.SIGKILL)
        for one in self.running.values():
            one.wait()
