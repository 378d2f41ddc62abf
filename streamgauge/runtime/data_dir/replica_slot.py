"""A stable number for each replica on a machine: the first free slot, held by a lock that ends with the process.

A restarted replica takes the slot of the one that died, so its transactional id is the same, and Kafka aborts what the
dead one left open at once instead of after its time-out (PITFALLS: a random id hides later records for so long).
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
    """Slot `number` of `name` on this host; held as long as the object lives."""

    name: str
    number: int
    _lock: IO[str]

    @property
    def id(self) -> str:
        """`name-host-number`: unique in the cluster, the same after a restart."""
        return f"{self.name}-{socket.gethostname()}-{self.number}"

    def spread(self, count: int) -> int:
        """One of `count` places, the same after a restart. Neighbours get different ones.

        Hosts begin at different places: in containers, where each replica has the first slot of a host of its own,
        they would all take the same one otherwise.
        """
        return (zlib.crc32(socket.gethostname().encode()) + self.number) % count


def take(name: str, data_dir: Path) -> Slot:
    """Take the first free slot. Raises `UsageError` when none of 256 is free."""
    for number in range(MOST):
        if lock := files.try_lock(data_dir / "run" / f"{name}-{number}.lock"):
            return Slot(name, number, lock)
    raise UsageError(f"{MOST} replicas of {name} run here already")
