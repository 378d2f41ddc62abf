"""Replica slot: a stable number for each replica on a machine, held by a lock that ends with the process.

A restarted replica takes the slot of the one that died, and so its transactional id: Kafka then aborts the transaction
that was left open at once. With a random id later records would stay hidden until that transaction times out.
"""

from __future__ import annotations

import socket
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from streamgauge.runtime import files
from streamgauge.runtime.errors import UsageError

MOST = 256


@dataclass(frozen=True)
class Slot:
    """Slot `number` of process `name` on this host, held as long as the object exists."""

    name: str
    number: int
    _lock: IO[str]

    @property
    def id(self) -> str:
        """`name-host-number`: unique in the cluster, and the same after a restart."""
        return f"{self.name}-{socket.gethostname()}-{self.number}"

    def spread(self, count: int) -> int:
        """A number below `count`, the same after a restart, different for neighbouring slots.

        Hosts begin at different numbers: in containers each replica has slot 0 of its own host.
        """
        return (zlib.crc32(socket.gethostname().encode()) + self.number) % count


def take(name: str, data_dir: Path) -> Slot:
    """Take the first free slot. Raises `UsageError` if none of 256 is free."""
    for number in range(MOST):
        if lock := files.try_lock(data_dir / "run" / f"{name}-{number}.lock"):
            return Slot(name, number, lock)
    raise UsageError(f"{MOST} replicas of {name} run here already")
