"""How a retry tells what it does: in words for people, or as one JSON object a line for programs (`--format json`).

The objects, by `event`; docs/dead-letters.md has them for whoever reads them:

    plan      what would be sent and where to, what our analytics would say of it, what is left out, the rungs
    progress  how much of a rung is sent
    rung      a rung is settled
    failure   a cause for which events became dead letters again
    end       the last one, whatever happened: `outcome` and how many are through
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from streamgauge.cli import output
from streamgauge.cli.dead_letters import plan
from streamgauge.cli.dead_letters.plan import Options, Plan
from streamgauge.dead_letters.retry.outcomes import Failure
from streamgauge.runtime.printable import printable
from streamgauge.runtime.settings import Settings

# `dry`: only said what would happen. `none`: nothing to send. `stopped`: told to stop. `unsettled`: no answer in time.
Outcome = Literal["dry", "none", "done", "failed", "stopped", "unsettled", "error"]


@dataclass(frozen=True)
class End:
    """How a retry ended: of `total` letters, `through` did not fail again, `unsettled` are sent and not known of."""

    outcome: Outcome
    total: int = 0
    through: int = 0
    failed: int = 0
    unsettled: int = 0
    detail: str = ""

    @property
    def not_sent(self) -> int:
        """Those that stay where they are."""
        return self.total - self.through - self.failed - self.unsettled


class Reporter(Protocol):
    """Whoever is told what a retry does."""

    def plan(self, settings: Settings, made: Plan, options: Options) -> None:
        """What would be sent."""

    def progress(self, rung: int, sent: int, size: int) -> None:
        """So much of a rung is sent."""

    def rung(self, rung: int, through: int, failed: int, took_s: float) -> None:
        """A rung is settled."""

    def failures(self, failures: Sequence[Failure], retried: set[str]) -> None:
        """Events became dead letters again; `retried` are the causes that were to be mended."""

    def end(self, end: End) -> None:
        """The last that is told."""


class TextOutput:
    """For people: answers on standard output, progress on standard error."""

    def plan(self, settings: Settings, made: Plan, options: Options) -> None:
        """The plan, line by line."""
        for line in plan.describe(settings, made, options):
            output.line(line)

    def progress(self, rung: int, sent: int, size: int) -> None:
        """One line for whoever watches."""
        output.note(
            f"rung {rung}: {sent:,} sent, waiting for the consumer" if sent == size else f"  {sent:,} of {size:,}"
        )

    def rung(self, rung: int, through: int, failed: int, took_s: float) -> None:
        """One line for whoever watches."""
        output.note(f"rung {rung}: {through:,} through, {failed:,} failed again, {took_s:.1f} s")

    def failures(self, failures: Sequence[Failure], retried: set[str]) -> None:
        """The failures by cause."""
        for number, first, same in by_cause(failures, retried):
            what = "the same failure returned" if same else "a new failure"
            said = f"{first.fingerprint} {first.reason}: {printable(first.detail)}"
            output.line(f"{what}: {number:,} x {said} (now {first.place})")

    def end(self, end: End) -> None:
        """The last line; of an error the command line tells."""
        through = f"{end.through:,} of {end.total:,} are through"
        said = {
            "dry": "nothing was sent; add --yes to send",
            "none": "there is nothing to send",
            "done": f"{end.through:,} sent again, none failed",
            "failed": f"stopped: {through}; {end.not_sent:,} not sent",
            "stopped": f"stopped when told to: {through}; {end.not_sent:,} not sent",
            "unsettled": f"stopped: {through}, {end.unsettled:,} are sent and not settled",
        }
        if end.outcome in said:
            output.line(said[end.outcome])


class JsonLines:
    """For programs: one JSON object a line on standard output. Text in it is as it came, whatever it contains."""

    def plan(self, settings: Settings, made: Plan, options: Options) -> None:
        """The plan, whole."""
        _line("plan", **plan.summary(settings, made, options))

    def progress(self, rung: int, sent: int, size: int) -> None:
        """How far a rung is."""
        _line("progress", rung=rung, sent=sent, size=size)

    def rung(self, rung: int, through: int, failed: int, took_s: float) -> None:
        """How a rung ended."""
        _line("rung", rung=rung, through=through, failed=failed, seconds=round(took_s, 3))

    def failures(self, failures: Sequence[Failure], retried: set[str]) -> None:
        """A line a cause."""
        for number, first, same in by_cause(failures, retried):
            _line(
                "failure",
                fingerprint=first.fingerprint,
                reason=first.reason,
                detail=first.detail,
                letters=number,
                same=same,
                letter=first.letter.id,
                now=str(first.place),
            )

    def end(self, end: End) -> None:
        """The last line."""
        _line("end", **asdict(end), not_sent=end.not_sent)


def by_cause(failures: Sequence[Failure], retried: set[str]) -> list[tuple[int, Failure, bool]]:
    """Of each cause: how many, the first, and whether it is one that was to be mended."""
    causes = Counter((failure.fingerprint, failure.reason) for failure in failures)
    found = []
    for (fingerprint, _reason), number in causes.most_common():
        first = next(failure for failure in failures if failure.fingerprint == fingerprint)
        found.append((number, first, fingerprint in retried))
    return found


def _line(event: str, **said: Any) -> None:
    output.line(json.dumps({"event": event, **said}, ensure_ascii=False))
