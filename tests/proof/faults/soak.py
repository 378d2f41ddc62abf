"""Hours of ordinary work: figures stay exact, memory and open files level off."""

from __future__ import annotations

import os
import time

import psutil

from benchmarks.sessions import Session
from streamgauge.cli.local.ports import free_port
from tests.proof.injection import Record, injection
from tests.proof.pipeline import Pipeline, pipeline

MINUTES = "PROOF_SOAK_MINUTES"
RATE, FRESH_S = 500, 30.0


def minutes() -> float:
    """How long it lasts."""
    return float(os.environ.get(MINUTES, "120"))


@injection("soak", "Soak: every process at work, a page open", limit_s=minutes() * 60 + 900, by_itself=True)
def soak(record: Record) -> None:
    """From the first third to the end no process may grow by half and 100 MiB, nor by 50 open files."""
    with pipeline(record, replicas=2, rate=RATE, lag_interval_s=5.0) as shop:
        port = free_port()
        shop.running["lag"] = shop.rig.start("process", "lag")
        shop.running["dashboard"] = shop.rig.start("dashboard", dashboard_port=port)
        session = Session(port, "orders", "").open()
        began, until = time.monotonic(), time.monotonic() + minutes() * 60
        early: dict[str, tuple[float, int]] = {}
        stalest, reported = 0.0, began
        while (now := time.monotonic()) < until:
            time.sleep(2.0)
            stalest = max(stalest, _stale_s(shop))
            if not early and now - began > minutes() * 20:
                early = _sizes(shop)
            if now - reported > 60:
                reported = now
                record.report(f"{(now - began) / 60:.0f} min: {_text(_sizes(shop))}; at most {stalest:.1f} s stale")
        late = _sizes(shop)
        record.injected(f"{minutes():g} minutes")
        for name, (mib, files) in late.items():
            before, before_files = early.get(name, (mib, files))
            record.require(mib < 1.5 * before + 100, f"{name} grew from {before:,.0f} to {mib:,.0f} MiB")
            record.require(files < before_files + 50, f"{name}: from {before_files} to {files} open files")
            record.require(shop.running[name].process.poll() is None, f"{name} ended")
        failed = session.close().failed
        record.require(not failed, f"the page shows {failed[:1]}")
        record.require(stalest < FRESH_S, f"{stalest:.1f} s without a new order")
        record.note(f"{minutes():g} minutes; at most {stalest:.1f} s stale; {_text(late)}")
        for name in ("lag", "dashboard"):
            del shop.running[name]
        shop.compare()


def _stale_s(shop: Pipeline) -> float:
    """Seconds since the newest visible order."""
    newest = shop.figure(
        "SELECT epoch_ms(max(kafka_timestamp)) FROM order_events WHERE kafka_timestamp > now() - INTERVAL 10 MINUTE"
    )
    return time.time() - newest / 1_000 if newest > 0 else 0.0


def _sizes(shop: Pipeline) -> dict[str, tuple[float, int]]:
    """Resident MiB and open files of each process."""
    return {
        name: (worker.memory_mib(), psutil.Process(worker.process.pid).num_fds())
        for name, worker in shop.running.items()
        if worker.process.poll() is None
    }


def _text(sizes: dict[str, tuple[float, int]]) -> str:
    return ", ".join(f"{name} {mib:,.0f} MiB" for name, (mib, _) in sizes.items())
