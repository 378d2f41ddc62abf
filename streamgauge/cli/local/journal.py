"""Journal: one readable log of many processes, with time (UTC) and process name; colours on a terminal only."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from streamgauge.cli.terminal import Screen, Text

# What `streamgauge.runtime.process.set_up_logging` writes.
_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d (?P<time>\d\d:\d\d:\d\d),\d+ (?P<level>[A-Z]+) +(?P<text>.*)$")
# Kafka's client reports one outage in dozens of lines, several per thread.
_CHATTER = re.compile(r"^(?:[A-Z]{4,} \[|Kafka (?:consumer|producer) error|\d+/\d+ brokers are down)")
CHATTER_EVERY_S = 10.0
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
_LEVELS = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


class Journal:
    """Writes whole lines; thread-safe.

    During an outage, one line of Kafka's client is shown per process and ten seconds, unless `everything`.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        output: TextIO | None = None,
        *,
        everything: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._everything = everything
        self._clock = clock
        self._quiet_until: dict[str, float] = {}
        self._hidden: Counter[str] = Counter()
        self._colours = dict(zip(names, _COLOURS, strict=False))
        self._width = max(map(len, names))
        self._lock = threading.Lock()
        # Not wrapped here: the terminal wraps, and a file needs no wrapping.
        self.console = Screen(output or sys.stderr, soft_wrap=True)

    def write(self, name: str, line: str, level: int = logging.INFO) -> None:
        """Write one line of the process `name`. At level NOTSET a log entry keeps its own time and level."""
        now = f"{datetime.now(UTC):%H:%M:%S}"
        word = logging.getLevelName(level) if level else "INFO"
        if not level and (entry := _ENTRY.match(line)):
            now, word, line = entry["time"], entry["level"], entry["text"]
        with self._lock:
            if not self._everything and _CHATTER.match(line):
                if self._clock() < self._quiet_until.get(name, 0.0):
                    self._hidden[name] += 1
                    return
                self._quiet_until[name] = self._clock() + CHATTER_EVERY_S
                if hidden := self._hidden.pop(name, 0):
                    line = f"{line} (and {hidden} more lines of Kafka's client)"
        colour = self._colours.get(name, "white")
        text = Text.of((now, "dim"), " ", (name.ljust(self._width), colour), " ")
        if word in _LEVELS:
            text.append(f"{word} ", _LEVELS[word])
        # Children may log content of events, and traces with tabs.
        text.append(line.expandtabs(4))
        with self._lock:
            self.console.print(text)
