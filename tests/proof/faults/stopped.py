"""SIGSTOP past every time-out, and SIGCONT: a process, or its machine, that stands still and then goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from tests.proof.injection import Record, injection
from tests.proof.pipeline import Pipeline, pipeline


def stop_and_continue(record: Record, pid: int, seconds: float) -> None:
    """SIGSTOP, and SIGCONT after `seconds`."""
    os.kill(pid, signal.SIGSTOP)
    try:
        record.injected(f"stopped for {seconds:g} s")
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def _each(shop: Pipeline, names: Sequence[str], seconds: Sequence[float]) -> None:
    for name, length in zip(names, seconds, strict=True):
        shop.wait_at_work()
        time.sleep(0.7)
        pid = shop.rig.kafka.pid if name == "broker" else shop.running[name].process.pid
        stop_and_continue(shop.record, pid, length)
        shop.wait_back()
    shop.compare()


@injection("stop-broker", "Broker stopped (SIGSTOP) for 5, 20, 45 and 75 s", limit_s=480)
def stop_broker(record: Record) -> None:
    """The longer ones exceed the session, transaction and request time-outs of all clients."""
    with pipeline(record) as shop:
        _each(shop, ("broker",) * 4, (5, 20, 45, 75))


@injection("stop-analytics", "Analytics replica, one of two, stopped for 8 and 15 s", limit_s=420)
def stop_analytics(record: Record) -> None:
    """Session (6 s) and transaction (10 s) time out; the other replica takes over, and the first must not go on."""
    with pipeline(record, replicas=2) as shop:
        _each(shop, ("analytics-0", "analytics-1") * 3, (8, 15, 15, 8, 15, 15))


@injection("stop-warehouse", "Warehouse stopped for 5, 20 and 45 s", limit_s=360)
def stop_warehouse(record: Record) -> None:
    """Queries that are open time out; the log waits."""
    with pipeline(record) as shop:
        _each(shop, ("warehouse",) * 3, (5, 20, 45))
