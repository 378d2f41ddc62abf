"""One readable log of many processes: time, name, what it said; colours on a terminal only."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.text import Text

# What `streamgauge.runtime.process.set_up_logging` writes.
_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d (?P<time>\d\d:\d\d:\d\d),\d+ (?P<level>[A-Z]+) +(?P<text>.*)$")
# Kafka's client tells of one outage in dozens of lines, each of its threads for itself.
_CHATTER = re.compile(r"^(?:[A-Z]{4,} \[|Kafka (?:consumer|producer) error|\d+/\d+ brokers are down)")
CHATTER_EVERY_S = 10.0
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
_LEVELS = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


class Journal:
    """`say` may be called from any thread; a line is never torn.

    Of what Kafka's client says during an outage, one line a process in ten seconds is shown, unless `everything`.
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
        # Lines are not wrapped: a terminal does that better, and a file needs none.
        self.console = Console(file=output or sys.stderr, soft_wrap=True, highlight=False)

    def say(self, name: str, line: str, level: int = logging.INFO) -> None:
        """Print one line of `name`. At level NOTSET the line may be a log entry, which keeps its own time and level."""
        now = datetime.now().astimezone().strftime("%H:%M:%S")
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
        text = Text.assemble((now, "dim"), " ", (name.ljust(self._width), colour), " ")
        if word in _LEVELS:
            text.append(f"{word} ", _LEVELS[word])
        text.append(_printable(line))
        with self._lock:
            self.console.print(text)


def _printable(line: str) -> str:
    """Without what would move a terminal's cursor; children may log what events contain."""
    return "".join(letter if letter.isprintable() else " " for letter in line)
