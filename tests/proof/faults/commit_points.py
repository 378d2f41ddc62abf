"""kill -9 of the warehouse at the points around COMMIT and CHECKPOINT."""

from __future__ import annotations

import random

from tests.proof.dying_warehouse import POINTS
from tests.proof.injection import Record, injection
from tests.proof.pipeline import pipeline
from tests.support.waiting import wait_until

EACH = 4


@injection(
    "commit-points",
    "kill -9 of the warehouse before, in and after COMMIT, and in and after CHECKPOINT, four times each",
    limit_s=480,
)
def commit_points(record: Record) -> None:
    """It dies by itself in its third to twentieth merge, is started again and dies at another point."""
    rng = random.Random(20261130)
    points = [point for point in POINTS for _ in range(EACH)]
    rng.shuffle(points)
    with pipeline(record) as shop:
        worker = shop.running["warehouse"]
        entry, environ = worker.entry, dict(worker.environ)
        worker.entry = "tests.proof.dying_warehouse"
        for point in points:
            shop.running["warehouse"].environ |= {"PROOF_DIE_AT": point, "PROOF_DIE_AFTER": str(rng.randint(3, 20))}
            shop.restart("warehouse")
            dying = shop.running["warehouse"].process
            wait_until(lambda dying=dying: dying.poll() is not None, f"the death {point}", 300)  # type: ignore[misc]
            record.require(dying.returncode == -9, f"{point}: ended with {dying.returncode}")
            record.injected(point)
        shop.running["warehouse"].entry, shop.running["warehouse"].environ = entry, environ
        shop.restart("warehouse")
        shop.wait_back()
        shop.compare()
