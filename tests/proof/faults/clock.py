"""A clock that is an hour off, ahead or behind, in one process at a time, by libfaketime."""

from __future__ import annotations

from pathlib import Path

from tests.proof.injection import Record, injection
from tests.proof.pipeline import pipeline

LIBRARY = "libfaketimeMT.so.1"


def library() -> Path:
    """libfaketime's library. Raises `FileNotFoundError` with what to install."""
    for found in sorted(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}")):
        return found
    raise FileNotFoundError("needs libfaketime: apt-get install libfaketime")


@injection(
    "clock-off",
    "Clock of analytics or the warehouse an hour ahead, an hour behind (libfaketime), and set right again",
    limit_s=480,
)
def clock_off(record: Record) -> None:
    """Each is started with the wrong clock, works with it, and is started with the right one."""
    false = {"LD_PRELOAD": str(library()), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with pipeline(record) as shop:
        for name in ("analytics-0", "warehouse"):
            right = dict(shop.running[name].environ)
            for offset in ("+1h", "-1h", None):
                shop.running[name].environ = {**right, **false, "FAKETIME": offset} if offset else right
                shop.restart(name)
                if offset:
                    record.injected(f"{name} {offset}")
                shop.wait_back()
        shop.compare()
