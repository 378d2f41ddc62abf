"""A storm of rebalances: replicas that leave and join again before the group has settled."""

from __future__ import annotations

import random
import time

from tests.proof.injection import Record, injection
from tests.proof.pipeline import Pipeline, pipeline

STORM_S, PROGRESS_S = 60.0, 30.0


@injection(
    "rebalance-storm",
    "Storm of rebalances: for 60 s one of three analytics replicas is stopped, killed or started every 0.3 to 1.5 s, "
    "except the last that is ready",
    limit_s=360,
    holds="events become visible at least every 30 s",
)
def rebalance_storm(record: Record) -> None:
    """By SIGTERM, so that each leaves its group, and by kill -9, so that the group waits for its session to end.

    The last that is ready is spared: where all are starting, no group could make progress.
    """
    rng = random.Random(20261130)
    with pipeline(record, replicas=3) as shop:
        still = _storm(shop, rng)
        for name in list(shop.running):
            if shop.running[name].process.poll() is not None:
                shop.restart(name)
        shop.wait_back()
        shop.compare()
    record.require(still <= PROGRESS_S, f"nothing became visible for {still:.0f} s")
    record.note(f"At most {still:.0f} s without progress")


def _storm(shop: Pipeline, rng: random.Random) -> float:
    """Toggle replicas; returns the longest time, in seconds, in which nothing became visible."""
    names = [name for name in shop.running if name.startswith("analytics")]
    now = time.monotonic()
    until, most, grown, still, due = now + STORM_S, shop.visible(), now, 0.0, now
    while (now := time.monotonic()) < until:
        if now >= due:
            ready = [name for name in names if shop.running[name].healthy()]
            _toggle(shop, rng.choice([name for name in names if ready != [name]]), rng)
            due = now + rng.uniform(0.3, 1.5)
        if (visible := shop.visible()) > most:
            most, grown = visible, now
        still = max(still, now - grown)
        time.sleep(0.05)
    return still


def _toggle(shop: Pipeline, name: str, rng: random.Random) -> None:
    worker = shop.running[name]
    if worker.process.poll() is not None:
        shop.restart(name)
    elif rng.random() < 0.7:
        worker.process.terminate()
    else:
        worker.process.kill()
    shop.record.injected(name)
