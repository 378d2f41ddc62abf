"""The warehouse, which kills itself with kill -9 at a point around COMMIT or CHECKPOINT: `PROOF_DIE_AT`.

It dies in its merge number `PROOF_DIE_AFTER`, in the middle of a statement after a random part of its usual time.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from typing import Any

import duckdb

from streamgauge.cli import main as cli
from streamgauge.warehouse.store import Store

POINTS = ("before COMMIT", "in COMMIT", "after COMMIT", "in CHECKPOINT", "after CHECKPOINT")


def die() -> None:
    """kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A cursor; of the statements of the deadly merge one is the last."""

    def __init__(self, cursor: Any, point: str, merges: int) -> None:
        self._cursor, self._point, self._left = cursor, point, merges
        self._usual_s = 0.01

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str, *values: Any) -> Any:
        """Run the statement, and die before, in or after it where it is time."""
        if sql != "COMMIT":
            return self._cursor.execute(sql, *values)
        self._left -= 1
        result = self._statement("COMMIT")
        if "CHECKPOINT" in self._point:
            self._statement("CHECKPOINT")
        return result

    def _statement(self, statement: str) -> Any:
        deadly = self._left == 0 and self._point.endswith(statement)
        if deadly and self._point.startswith("before"):
            die()
        if deadly and self._point.startswith("in"):
            threading.Timer(random.uniform(0.0, self._usual_s), die).start()
        began = time.perf_counter()
        try:
            result = self._cursor.execute(statement)
        except duckdb.TransactionException:  # a CHECKPOINT while another transaction writes
            result = None
        if self._point.endswith(statement):
            self._usual_s = time.perf_counter() - began
        if deadly:
            time.sleep(0.0 if self._point.startswith("after") else self._usual_s)
            die()
        return result


def main() -> None:
    """Run the command line with a store that dies."""
    store: Any = Store
    make = store.__init__

    def made(self: Any, *arguments: Any) -> None:
        make(self, *arguments)
        self._db = Dying(self._db, os.environ["PROOF_DIE_AT"], int(os.environ["PROOF_DIE_AFTER"]))

    store.__init__ = made
    cli.main()
