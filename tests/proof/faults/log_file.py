"""A torn or damaged write-ahead log of the DuckDB file, as a failing disk leaves it."""

from __future__ import annotations

import random
import shutil
from typing import Any

from tests.proof.injection import Record, injection
from tests.proof.open_copy import opened
from tests.proof.pipeline import Pipeline, pipeline
from tests.support.figures import events_visible
from tests.support.waiting import wait_until

CUTS, FLIPS, RESTARTS, EVENTS = 30, 50, 3, 15_000
FILE, LOG = "warehouse.duckdb", "warehouse.duckdb.wal"


class Torn:
    """Copies of the file and its log as they were when the warehouse was killed."""

    def __init__(self, shop: Pipeline) -> None:
        self._data, self._copy = shop.rig.settings.data_dir, shop.rig.folder / "copy"
        self.log = (self._data / LOG).read_bytes()

    def open(self, log: bytes) -> dict[str, Any]:
        """Open a copy with `log` as its write-ahead log."""
        shutil.rmtree(self._copy, ignore_errors=True)
        self._copy.mkdir()
        shutil.copy(self._data / FILE, self._copy / FILE)
        (self._copy / LOG).write_bytes(log)
        return opened(self._copy)

    def keep(self, log: bytes) -> None:
        """Give the warehouse's own file that log."""
        (self._data / LOG).write_bytes(log)


@injection(
    "torn-log",
    f"Write-ahead log of the warehouse cut at {CUTS} places and {FLIPS} of its bytes flipped, one at a time",
    limit_s=480,
    holds="a cut one gives what was merged up to some merge, a flipped one that or a refusal",
)
def torn_log(record: Record) -> None:
    """Three of the cut ones are then opened by the warehouse itself, which reads the rest from the log of Kafka."""
    rng = random.Random(20261130)
    with pipeline(record) as shop:
        wait_until(lambda: events_visible(shop.sql) > EVENTS, "a log to tear", 300)
        shop.running["warehouse"].kill()
        torn = Torn(shop)
        whole = torn.open(torn.log)
        record.require(whole.get("kept", 0) >= EVENTS, f"the whole log gives {whole}")
        cuts = sorted(rng.randrange(len(torn.log)) for _ in range(CUTS))
        results = {cut: _judged(record, torn.open(torn.log[:cut]), whole, f"cut at {cut:,}") for cut in cuts}
        record.require("refused" not in results.values(), f"{list(results.values()).count('refused')} cut logs refused")
        flipped = []
        for _ in range(FLIPS):
            at = rng.randrange(len(torn.log))
            log = bytearray(torn.log)
            log[at] ^= 1 << rng.randrange(8)
            flipped.append(_judged(record, torn.open(bytes(log)), whole, f"flipped at {at:,}"))
        record.note(
            f"Of {FLIPS} flipped logs {flipped.count('refused')} refused, {flipped.count('consistent')} consistent"
        )
        for cut in rng.sample(cuts, RESTARTS):
            shop.running["warehouse"].kill()
            torn.keep(torn.log[:cut])
            shop.restart("warehouse")
            record.injected(f"the warehouse itself, cut at {cut:,}")
            shop.wait_back()
        shop.compare()


def _judged(record: Record, found: dict[str, Any], whole: dict[str, Any], what: str) -> str:
    """`refused`, `consistent`, or `wrong`, which is recorded."""
    record.injected(f"{what}: {found}")
    if "refused" in found:
        record.require("another warehouse" not in found["refused"], f"{what}: misleading: {found['refused']}")
        return "refused"
    if "crashed" in found:
        record.require(False, f"{what}: {found['crashed']}")
        return "wrong"
    right = found["kept"] == found["events"] <= whole["events"]
    record.require(right, f"{what}: opened silently with {found}, whole {whole}")
    return "consistent" if right else "wrong"
