"""A planted bug, which the comparison must find: a proof that cannot fail proves nothing."""

from __future__ import annotations

from tests.proof.injection import Record, injection
from tests.proof.pipeline import pipeline
from tests.support.waiting import wait_until

BUG = "tests.chaos.planted_bug_offsets_outside_transaction"


@injection("planted-bug", "A planted bug: offsets are committed outside the transaction, and kill -9 between the two")
def planted_bug(record: Record) -> None:
    """The replica dies by its own kill -9; the comparison of the other injections must count what it repeats."""
    hidden = Record("hidden")
    with pipeline(hidden) as shop:
        assert shop.running.pop("analytics-0").stop() == 0
        saboteur = shop.rig.start("process", "analytics", ready=False, entry=BUG)
        wait_until(lambda: saboteur.process.poll() is not None, "the saboteur's death", 120)
        record.injected("planted bug")
        record.require(saboteur.process.returncode == -9, f"the saboteur ended with {saboteur.process.returncode}")
        shop.rig.start("process", "analytics")
        shop.compare()
    record.require(hidden.repeated > 0, "the planted bug was not found")
    record.note(f"Found: {hidden.repeated:,} repeated")
