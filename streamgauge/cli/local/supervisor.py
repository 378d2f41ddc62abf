"""Processes that are kept running: started, watched, restarted when they die, given up on when they die too often.

The caller's one loop calls `tick`; nothing here runs by itself but a thread a child that passes on what it prints.
Children never outlive us (`child.spawn`), so everything here must be called from the main thread.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streamgauge.cli.local.service import Running, Say, Service
from streamgauge.runtime.errors import FatalError

LOOK_EVERY_S = 0.05
ASK_EVERY_S = 0.1


@dataclass(frozen=True)
class Policy:
    """How often a service may be restarted, and how long each restart waits: twice as long as the one before."""

    restarts: int = 5
    within_s: float = 60.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0


class GaveUp(FatalError):
    """A service cannot be kept running; the message says why. `code` is the exit code that fits."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Supervisor:
    """Keeps services running. `say(name, line, level)` gets every line, theirs and ours."""

    def __init__(self, say: Say, policy: Policy | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._policy = policy or Policy()
        self._clock = clock
        self._closing = False
        self._began: dict[str, float] = {}
        self.running: dict[str, Running] = {}

    def start(self, services: Iterable[Service]) -> None:
        """Start services; returns at once."""
        for service in services:
            self.running[service.name] = Running(service, self._say)
            self._began[service.name] = self._clock()
            self.running[service.name].start()

    def wait_ready(self, stop: threading.Event) -> bool:
        """Wait until all that is essential is ready; False when `stop` is set first. Raises `GaveUp`."""
        while self.unready():
            self.tick()
            if stop.wait(ASK_EVERY_S):
                return False
        return True

    def unready(self) -> list[str]:
        """Ask what is essential and was never ready, once; returns those that are not. Raises `GaveUp` when one takes
        longer than it may. May block for half a second each."""
        waiting = [one for one in self.running.values() if one.wanted and one.service.essential and not one.was_ready]
        waiting = [one for one in waiting if not one.ask()]
        for one in waiting:
            if self._clock() - self._began[one.name] > one.service.ready_within_s:
                raise GaveUp(f"{one.name} is not ready after {one.service.ready_within_s:.0f} s: {one.why_not}")
        return [one.name for one in waiting]

    def tick(self) -> None:
        """Look once at every process; restart what died and is due. Raises `GaveUp`."""
        for one in self.running.values():
            if self._closing or not one.wanted:
                continue
            if one.due is not None:
                if self._clock() >= one.due:
                    one.start()
            elif one.poll() is not None:
                self._died(one)

    def _died(self, one: Running) -> None:
        reason, policy, now = one.reason(), self._policy, self._clock()
        while one.recent and now - one.recent[0] > policy.within_s:
            one.recent.popleft()
        if not one.lost_port:  # such a start never ran: no restart to count
            one.reasons.append(reason)
        elif len(one.recent) < policy.restarts:
            one.recent.append(now)
            self._say(one.name, f"metrics port {one.port} was taken at its start; starts again", logging.WARNING)
            one.start()
            return
        essential = one.service.essential
        if essential and one.poll() == 2 and not one.was_ready:
            # Wrong use or a missing part: another start would say the same. Once it was ready, code 2 is only that
            # something it needs is away for the moment.
            raise GaveUp(f"{one.name} cannot start: {reason.partition(': ')[2] or reason}", 2)
        if essential and len(one.recent) >= policy.restarts:
            raise GaveUp(f"{one.name} died {len(one.recent) + 1} times in {policy.within_s:.0f} s; last: {reason}")
        wait_s = min(policy.first_wait_s * 2 ** len(one.recent), policy.longest_wait_s)
        one.recent.append(now)
        one.due, one.ready = now + wait_s, False
        self._say(one.name, f"{reason}; restart {len(one.reasons)} in {wait_s:g} s", logging.WARNING)

    def stop(self, *names: str) -> bool:
        """Stop services for good, at the same time; the others are watched meanwhile. True when all that were told to
        stop ended by themselves with code 0."""
        told = []
        for one in (self.running[name] for name in names):
            one.wanted = False
            if one.poll() is None:  # else it was waiting for its restart
                one.signal(signal.SIGTERM)
                told.append(one)
        return all([self._ends(one) for one in told])

    def _ends(self, one: Running) -> bool:
        deadline = self._clock() + one.service.stop_within_s
        while one.poll() is None and self._clock() < deadline:
            self.tick()
            time.sleep(LOOK_EVERY_S)
        if one.poll() is None:
            self._say(one.name, f"did not stop within {one.service.stop_within_s:.0f} s: killed", logging.ERROR)
            one.signal(signal.SIGKILL)
            one.wait()
            return False
        if one.poll() != 0:
            self._say(one.name, one.reason(), logging.ERROR)
        return one.poll() == 0

    def close(self) -> bool:
        """Stop everything, the last started first; True when all ended by themselves with code 0. Restarts nothing."""
        self._closing = True
        return all([self.stop(name) for name in reversed(self.running) if self.running[name].wanted])

    def kill(self) -> None:
        """kill -9 for everything; returns when all are gone."""
        self._closing = True
        for one in self.running.values():
            one.signal(signal.SIGKILL)
        for one in self.running.values():
            one.wait()
