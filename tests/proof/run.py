"""Runs an injection in a process of its own: one that hangs is killed with all it started."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from benchmarks.machine import machine
from tests.proof import plan
from tests.proof.injection import INJECTIONS, Injection, Record
from tests.proof.results import Result

# On a machine that others use it may take up to so many times as long.
BUSY = 3.0


def run_one(one: Injection, version: str) -> Result:
    """Run an injection in a process of its own, which is killed with all it started when it takes too long."""
    load, began, date = os.getloadavg()[0], time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_inject, args=(one.name, sending), daemon=False)
    process.start()
    sending.close()
    limit_s = one.limit_s * min(BUSY, max(1.0, load / (os.cpu_count() or 1)))
    record = Record(one.name, wrong=[f"not finished within {limit_s:.0f} s"])
    try:
        if receiving.poll(limit_s):
            record = receiving.recv()
    except EOFError:
        record.wrong[:] = ["it ended without a result"]
    finally:
        process.kill()
        process.join()
    if not record.times:
        record.wrong.append("nothing was injected")
    return Result(
        name=one.name,
        date=date,
        version=version,
        machine=machine(),
        load=round(load, 1),
        seconds=round(time.monotonic() - began, 1),
        **{name: getattr(record, name) for name in ("times", "lost", "repeated", "leaked", "back_s", "wrong", "notes")},
    )


def _inject(name: str, sending: Connection) -> None:
    """Run the injection and send its record; what it raises is something that did not hold."""
    plan.load()
    record = Record(name)
    try:
        INJECTIONS[name].inject(record)
    except BaseException as error:  # noqa: BLE001 - the process's edge
        traceback.print_exc()
        record.require(False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    sending.send(record)
    sending.close()
