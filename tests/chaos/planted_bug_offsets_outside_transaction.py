"""Planted bug, which the chaos test must catch: analytics commits its offsets outside the transaction.

The process is killed by kill -9 after a batch is committed and before its offsets are.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import TopicPartition

from processors.analytics.transactions import Outgoing, Transactions
from streamgauge.cli import main as cli

_commit = Transactions.commit
_left = [int(os.environ.get("BATCHES_BEFORE_DEATH", "3"))]


def _outside(
    self: Transactions,
    messages: Iterable[Outgoing],
    offsets: list[TopicPartition],
    group: Any,
    then: Callable[[], None],
) -> None:
    _commit(self, messages, [], group, then)
    self.settle()
    _left[0] -= 1
    if _left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _commit(self, [], offsets, group, lambda: None)


def main() -> None:
    """Run the command line with the bug."""
    Transactions.commit = _outside  # type: ignore[method-assign]
    cli.main()
