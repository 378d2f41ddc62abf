"""Progress of a retry: text for people, or one JSON object per line for programs (`--format json`).

The objects, by `event` (docs/dead-letters.md):

    plan      what would be sent and where, its precheck, what is left out, the rungs
    progress  how much of a rung has been sent
    rung      a rung has been processed
    failure   a cause for which events became dead letters again
    end       the last one in any case: `outcome` and counts
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from streamgauge.cli import output
from streamgauge.cli.dead_letters.description import describe, summary
from streamgauge.cli.dead_letters.plan import Options, Plan
from streamgauge.dead_letters.retry.outcomes import Failure
from streamgauge.runtime.settings import Settings

# `dry`: dry run. `none`: nothing to send. `stopped`: by a signal. `unsettled`: not processed within the time-out.
Outcome = Literal["dry", "none", "done", "failed", "stopped", "unsettled", "error"]


@dataclass(frozen=True)
class End:
    """How a retry ended: of `total` letters, `through` were processed, `unsettled` were sent with unknown outcome."""

    outcome: Outcome
    total: int = 0
    through: int = 0
    failed: int = 0
    unsettled: int = 0
    detail: str = ""

    @property
    def not_sent(self) -> int:
        """Letters that were not sent."""
        return self.total - self.through - self.failed - self.unsettled


class Reporter(Protocol):
    """Receives the progress of a retry."""

    def plan(self, settings: Settings, plan: Plan, options: Options) -> None:
        """What would be sent."""

    def progress(self, rung: int, sent: int, size: int) -> None:
        """`sent` of the `size` letters of a rung are sent."""

    def rung(self, rung: int, through: int, failed: int, took_s: float) -> None:
        """A rung has been processed."""

    def failures(self, failures: Sequence[Failure], retried: set[str]) -> None:
        """Events became dead letters again; `retried` are the fingerprints of the retried letters."""

    def end(self, end: End) -> None:
        """The retry ended; nothing is reported after it."""


class TextOutput:
    """For people: results on standard output, progress on standard error."""

    def plan(self, settings: Settings, plan: Plan, options: Options) -> None:
        """The plan, line by line."""
        for line in describe(settings, plan, options):
            output.line(line)

    def progress(self, rung: int, sent: int, size: int) -> None:
        """One line on standard error."""
        output.note(
            f"rung {rung}: {sent:,} sent, waiting for the consumer" if sent == size else f"  {sent:,} of {size:,}"
        )

    def rung(self, rung: int, through: int, failed: int, took_s: float) -> None:
        """One line on standard error."""
        output.note(f"rung {rung}: {through:,} through, {failed:,} failed again, {took_s:.1f} s")

    def failures(self, failures: Sequence[Failure], retried: set[str]) -> None:
        """The failures by cause."""
        for number, first, same in by_cause(failures, retried):
            what = "the same failure returned" if same else "a new failure"
            text = f"{first.fingerprint} {first.reason}: {first.detail}"
            output.line(f"{what}: {number:,} x {text} (now {first.position})")

    def end(self, end: End) -> None:
        """The last line; an error is printed by the command line."""
        through = f"{end.through:,} of {end.total:,} are through"
        text = {
            "dry": "nothing was sent; add --yes to send",
            "none": "there is nothing to send",
            "done": f"{end.through:,} sent again, none failed",
            "failed": f"stopped: {through}; {end.not_sent:,} not sent",
            "stopped": f"stopped by a signal: {through}; {end.not_sent:,} not sent",
            "unsettled": f"stopped: {through}; {end.unsettled:,} sent, outcome unknown",
        }
        if end.outcome in text:
            output.line(text[end.outcome])


class JsonLines:
    """For programs: one JSON object per line on standard output, with exact text."""

    def plan(self, settings: Settings, plan: Plan, options: Options) -> None:
        """The whole plan."""
        _line("plan", **summary(settings, plan, options))

    def progress(self, rung: int, sent: int, size: int) -> None:
        """Progress of a rung."""
        _line("progress", rung=rung, sent=sent, size=size)

    def rung(self, rung: int, through: int, failed: int, took_s: float) -> None:
        """Result of a rung."""
        _line("rung", rung=rung, through=through, failed=failed, seconds=round(took_s, 3))

    def failures(self, failures: Sequence[Failure], retried: set[str]) -> None:
        """One line per cause."""
        for number, first, same in by_cause(failures, retried):
            _line(
                "failure",
                fingerprint=first.fingerprint,
                reason=first.reason,
                detail=first.detail,
                letters=number,
                same=same,
                letter=first.letter.id,
                now=str(first.position),
            )

    def end(self, end: End) -> None:
        """The last line."""
        _line("end", **asdict(end), not_sent=end.not_sent)


def by_cause(failures: Sequence[Failure], retried: set[str]) -> list[tuple[int, Failure, bool]]:
    """Per cause: number of failures, the first one, and whether a retried letter had the same fingerprint."""
    causes = Counter((failure.fingerprint, failure.reason) for failure in failures)
    found = []
    for (fingerprint, _reason), number in causes.most_common():
        first = next(failure for failure in failures if failure.fingerprint == fingerprint)
        found.append((number, first, fingerprint in retried))
    return found


def _line(event: str, **values: Any) -> None:
    output.json_line({"event": event, **values})
