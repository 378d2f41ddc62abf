"""Disk full under the warehouse: it ends clearly, again and again, and has every row once there is room."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.proof.injection import Record, injection
from tests.proof.pipeline import Options, Pipeline, pipeline
from tests.proof.words import require_clear_end

DISK_MIB, STARTS = 64, 3


@contextmanager
def small_disk() -> Iterator[Path]:
    """A folder on a disk of `DISK_MIB`. Raises `CalledProcessError` where mounting is not allowed (it needs root)."""
    with TemporaryDirectory(prefix="streamgauge-disk-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def fill(disk: Path, left: int) -> Path:
    """Write a file that leaves `left` bytes; returns its path."""
    ballast = disk / "ballast"
    # The warehouse writes meanwhile: that there is less room than there was is no failure.
    with contextlib.suppress(OSError):
        ballast.write_bytes(b"\0" * (shutil.disk_usage(disk).free - left))
    return ballast


@injection(
    "disk-full",
    f"Disk of the warehouse full ({DISK_MIB} MiB, root mounts it): it ends, is started {STARTS} times while full, then "
    "gets room",
    limit_s=360,
    holds="each end names the cause",
)
def disk_full(record: Record) -> None:
    """Twice: with room for some merges left, and with none."""
    with small_disk() as disk:
        options = Options(warehouse={"data_dir": disk / "data"})
        with pipeline(record, options=options, sql_token="disk-full") as shop:
            for left in (2 * 2**20, 0):
                _fill_and_free(shop, disk, left)
            shop.compare()


def _fill_and_free(shop: Pipeline, disk: Path, left: int) -> None:
    shop.wait_at_work()
    ballast = fill(disk, left)
    shop.record.injected(f"{left / 2**20:g} MiB left")
    require_clear_end(shop.record, shop.running["warehouse"], 120, "space")
    for _ in range(STARTS):
        shop.running["warehouse"] = shop.rig.restart(shop.running["warehouse"])
        shop.record.injected("started while full")
        require_clear_end(shop.record, shop.running["warehouse"], 120, "space")
    ballast.unlink()
    shop.restart("warehouse")
    shop.wait_back()
