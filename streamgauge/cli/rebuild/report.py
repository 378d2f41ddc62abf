"""Report of a comparison: one line per table, then what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from streamgauge.cli.rebuild.compare import Difference
from streamgauge.cli.rebuild.reread import InputLog


def lines(differences: Iterable[Difference]) -> Iterator[str]:
    """Lines for people."""
    for one in differences:
        rows = f"{one.rebuilt:,} row{'' if one.rebuilt == 1 else 's'}"
        if one.identical and not one.explained:
            yield f"  {one.table}: identical, {rows}{_besides(one)}"
            continue
        parts = [
            f"{number:,} {what}"
            for number, what in (
                (one.only_running, "only in the running file"),
                (one.only_rebuilt, "only in the new one"),
                (one.changed, "changed"),
                *((number, cause) for cause, number in one.explained.items()),
            )
            if number
        ]
        text = one.problem or ", ".join(parts)
        yield f"{' ' if one.identical else '!'} {one.table}: {text}; {one.running:,} rows → {rows}{_besides(one)}"
        for measure in one.measures:
            yield f"      {measure.column} differs in {measure.rows:,} rows{_totals(measure.running, measure.rebuilt)}"


def _besides(one: Difference) -> str:
    return f" (not compared: {', '.join(one.not_compared)})" if one.not_compared else ""


def _totals(running: Decimal | None, rebuilt: Decimal | None) -> str:
    if running is None and rebuilt is None:
        return ""
    left, right = running or Decimal(), rebuilt or Decimal()
    return f": {left:,f} → {right:,f} there ({right - left:+,f})"


def limits(log: InputLog, unrecorded: bool) -> Iterator[str]:
    """What the log no longer has, and what it has beyond the running file."""
    if unrecorded:
        yield "part of the running file was merged before provenance was recorded: all of the log counts as merged"
    if log.truncated:
        topics = sorted({topic for topic, _ in log.truncated})
        yield (
            f"the log of {', '.join(topics)} begins after what the running file contains ({len(log.truncated)} "
            "partitions): older events are only in the running file"
        )
    for topic, offsets in sorted(log.gone.items()):
        yield (
            f"{topic} was deleted and made anew: {offsets:,} offsets of the earlier topic cannot be read again, and "
            "what they gave is only in the running file"
        )
    if log.unreflected:
        number = sum(log.unreflected.values())
        yield f"the log has up to {number:,} older events that the running file never received: they are left out"
