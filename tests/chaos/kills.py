"""kill -9 in the middle of work: of analytics, of the warehouse, and of streaming services with or without state."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tests.support.rig import Rig, Worker
from tests.support.waiting import wait_until


def analytics_at_work(worker: Worker) -> bool:
    """Whether an analytics replica or the warehouse is ready and past its first batch or merge."""
    samples = worker.metrics()
    done = samples.get("streamgauge_batch_events_count", samples.get("streamgauge_merge_seconds_count", 0.0))
    return worker.healthy() and done > 0


def kill_at_work(
    rig: Rig, running: dict[str, Worker], victims: Sequence[str], rng: random.Random, *, joins: int, leaves: int
) -> None:
    """kill -9 of `victims`, names in `running`, each at a random moment once it is at work, and restart it.

    After kill number `joins` another replica of analytics joins, which stops after kill number `leaves` (from 0).
    Returns when all are ready again.
    """
    joined: Worker | None = None
    for number, name in enumerate(victims):
        wait_until(partial(analytics_at_work, running[name]), f"{name} at work", 90)
        threading.Event().wait(rng.uniform(0.0, 1.0))
        running[name] = rig.restart(running[name])
        if number == joins:
            joined = rig.start("process", "analytics", entry=running[name].entry)
        if number == leaves and joined:
            assert joined.stop() == 0, joined.log.read_text()[-2000:]
    rig.wait_ready(*running.values(), timeout_s=90)


class SlicedPublisher:
    """Publishes `count` events in a thread, a slice at a time, so that every kill finds some of them in flight.

    `publish(first, end)` sends those of a slice; between two slices it waits `every_s`, until `finish`.
    """

    def __init__(self, publish: Callable[[int, int], None], count: int, size: int, every_s: float) -> None:
        self._publish, self._count, self._size, self._every_s = publish, count, size, every_s
        self._hurry = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for first in range(0, self._count, self._size):
                self._publish(first, min(first + self._size, self._count))
                self._hurry.wait(self._every_s)
        except BaseException as failure:  # noqa: BLE001 - raised again in the test's own thread
            self._failure = failure

    @property
    def done(self) -> bool:
        """Whether everything has been published."""
        return not self._thread.is_alive()

    def finish(self, timeout_s: float = 300.0) -> None:
        """Publish the rest at once and wait for it. Raises what a slice raised."""
        self._hurry.set()
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), f"not published within {timeout_s:g} s"
        if self._failure is not None:
            raise self._failure


class Replicas:
    """Two replicas of a streaming service. `metric` is a sample that is above 0 once one of them is at work."""

    def __init__(self, rig: Rig, service: str, metric: str) -> None:
        self._rig, self._service, self._metric = rig, service, metric
        self.running = [rig.start("process", service) for _ in range(2)]

    def kill_in_turn(
        self, with_state: Sequence[bool], traffic: SlicedPublisher, rng: random.Random, pause_s: tuple[float, float]
    ) -> Iterator[int]:
        """Kill one and start it again, once for each of `with_state`; where that is False its state is deleted first.

        Each kill comes a random pause after both are at work. Yields the number of kills so far.
        """

        def at_work(worker: Worker) -> bool:
            # On a slow machine the traffic may end before the kills do.
            return worker.healthy() and (traffic.done or worker.metrics().get(self._metric, 0) > 0)

        for number, kept in enumerate(with_state):
            # Both: one that is still starting holds no slot yet, and would take the slot of the one that is killed.
            for worker in self.running:
                wait_until(partial(at_work, worker), f"at work; {worker.log}", 180, alive=worker.process)
            threading.Event().wait(rng.uniform(*pause_s))
            slot = number % 2
            self.running[slot].kill()
            if not kept:
                shutil.rmtree(self._rig.settings.data_dir / "state" / self._service / str(slot))
            self.running[slot] = self._rig.restart(self.running[slot])
            yield number + 1
