"""An injection: a fault, and the function that causes it on real parts and records what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Characters of a sentence that a result keeps; a difference of tables may have thousands.
MOST = 300


@dataclass
class Record:
    """What an injection has found so far; its function fills it in.

    `lost` and `repeated` count events, rows or letters against a truth of the injection's own, `leaked` places where a
    secret was found. `wrong` are sentences: anything else that did not hold. `back_s` are the seconds from the end of
    each fault until events published after it were visible again.
    """

    name: str
    times: int = 0
    lost: int = 0
    repeated: int = 0
    leaked: int = 0
    back_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, repeated, leaked or otherwise wrong."""
        return not (self.lost or self.repeated or self.leaked or self.wrong)

    def injected(self, what: str = "") -> None:
        """Count one injection, and report it as progress."""
        self.times += 1
        self.report(f"{self.times}: {what}" if what else str(self.times))

    def report(self, text: str) -> None:
        """One line of progress."""
        sys.stderr.write(f"    {text}\n")
        sys.stderr.flush()

    def note(self, sentence: str) -> None:
        """Add a figure or sentence for the table."""
        self.notes.append(sentence)
        self.report(sentence)

    def require(self, condition: bool, sentence: str) -> None:
        """Record `sentence` as wrong unless `condition`."""
        if not condition:
            self.report(f"WRONG: {sentence}")
            self.wrong.append(sentence if len(sentence) <= MOST else f"{sentence[:MOST]} …")

    @contextmanager
    def coming_back(self) -> Iterator[None]:
        """Measure the block as one time to recover."""
        began = time.monotonic()
        yield
        self.back_s.append(round(time.monotonic() - began, 1))
        self.report(f"back after {self.back_s[-1]:.1f} s")


@dataclass(frozen=True)
class Injection:
    """A row of the table: `fault` says what is done, `holds` what else must be so; killed after `limit_s`.

    `exception` names what may be lost, repeated or stand still by design, where something may. One `by_itself` runs
    only where it is named.
    """

    name: str
    fault: str
    inject: Callable[[Record], None]
    limit_s: float
    holds: str = ""
    exception: str = ""
    by_itself: bool = False


INJECTIONS: dict[str, Injection] = {}


def injection(
    name: str,
    fault: str,
    *,
    limit_s: float = 240.0,
    holds: str = "",
    exception: str = "",
    by_itself: bool = False,
) -> Callable[[Callable[[Record], None]], Callable[[Record], None]]:
    """Register the decorated function as the injection `name`."""

    def register(inject: Callable[[Record], None]) -> Callable[[Record], None]:
        INJECTIONS[name] = Injection(name, fault, inject, limit_s, holds, exception, by_itself)
        return inject

    return register
