"""A wall clock that is an hour off, ahead or behind, in one process at a time."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.proof.injection import Record, injection
from tests.proof.pipeline import Pipeline, pipeline

SOURCE = Path(__file__).parents[1] / "wrong_clock.c"
HOUR_S = 3_600


def library(folder: Path) -> Path:
    """The library that sets a clock wrong, compiled. Raises `FileNotFoundError` where there is no C compiler."""
    made = folder / "wrong_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"], check=True)
    return made


@injection(
    "clock-off",
    "Wall clock of analytics, then of the warehouse, an hour ahead, an hour behind, and right again",
    limit_s=480,
)
def clock_off(record: Record) -> None:
    """Each is started with the wrong clock, works with it, and is started with the right one."""
    with pipeline(record) as shop:
        preload = str(library(shop.rig.folder))
        for name in ("analytics-0", "warehouse"):
            right = dict(shop.running[name].environ)
            for offset in (HOUR_S, -HOUR_S, 0):
                shop.running[name].environ = {**right, "LD_PRELOAD": preload, "WRONG_CLOCK_S": str(offset)}
                shop.restart(name)
                record.injected(f"{name} {offset:+} s")
                shop.wait_back()
                record.require(_is_off(shop, name, offset), f"the clock of {name} is not off by {offset:+} s")
            shop.running[name].environ = right
        shop.compare()


def _is_off(shop: Pipeline, name: str, offset: int) -> bool:
    """Whether the newest line of its log, which is in UTC, is dated by a clock that is so many seconds off."""
    dated = shop.running[name].log.read_text().splitlines()[-1][:19]
    now = time.time() + offset
    return any(dated == time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now - back)) for back in range(600))
