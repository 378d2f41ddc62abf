"""Request for a retry, its command line, and its plan in words. Pure.

Every value is an argument of its own, with `=` or after `--`: whatever text an event contains, it is a value, never an
option, and no shell is involved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamgauge.dead_letters.headers import Position
from streamgauge.domain import format

RATE = 50.0
EXAMPLES = 5
_FINGERPRINT = re.compile(r"[0-9a-f]{4,12}")


@dataclass(frozen=True)
class Request:
    """One dead letter or, without `letter`, all of the cause that became one before `until`; edited or unchanged.

    `field` and `value` set one field in each; `payload` replaces the payload of the one letter.
    """

    cause: str
    letter: str | None = None
    field: str = ""
    value: str = ""
    payload: str | None = None
    rate: float = RATE
    until: str | None = None

    def same(self, other: Request) -> bool:
        """Whether both are equal, apart from `until`."""
        return replace(self, until=None) == replace(other, until=None)

    @property
    def target(self) -> str:
        """Its target in the audit stream; begins with the cause."""
        return f"{self.cause} {self.letter or 'all'}"


def is_fingerprint(text: str) -> bool:
    """Whether the text can be a fingerprint or a prefix of one."""
    return bool(_FINGERPRINT.fullmatch(text))


def is_position(text: str) -> bool:
    """Whether the text can be `topic:partition:offset`, with or without `:topic-id`."""
    return not text.startswith("-") and Position.parse(text) is not None


def retry(request: Request, *, by: str | None = None, file: Path | None = None) -> list[str]:
    """Arguments of a retry; without `by` a dry run. `file` holds the payload. Raises `ValueError`."""
    arguments = ["dead-letters", "retry", "--format=json", f"--rate={request.rate:g}"]
    if request.field:
        arguments.append(f"--set={request.field}={request.value}")
    if file is not None:
        arguments.append(f"--edit={file}")
    if by is not None:
        arguments += ["--yes", f"--by={by}"]
    if request.letter is not None:
        if not is_position(request.letter):
            raise ValueError("not a position of a dead letter")
        return [*arguments, "--", request.letter]
    if not is_fingerprint(request.cause):
        raise ValueError("not a fingerprint")
    return [*arguments, *([f"--until={request.until}"] if request.until else []), f"--fingerprint={request.cause}"]


def show(letter: str) -> list[str]:
    """Arguments that read one whole dead letter. Raises `ValueError`."""
    if not is_position(letter):
        raise ValueError("not a position of a dead letter")
    return ["dead-letters", "show", "--format=json", "--", letter]


def verdict(error: str | None) -> str:
    """The predicted result of analytics for an event: its error, "" for none, None for unknown."""
    if error is None:
        return "unknown: another service failed at it"
    return f"would fail again: {error}" if error else "would pass now"


def predictions(plan: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Predicted results with their counts, the most frequent first."""
    counts: dict[str, int] = {}
    for cause in plan.get("causes", []):
        for one in cause["verdicts"]:
            words = verdict(one["says"])
            counts[words] = counts.get(words, 0) + one["letters"]
    return sorted(((number, words) for words, number in counts.items()), reverse=True)


def destinations(plan: Mapping[str, Any]) -> list[str]:
    """Where the events would go, one line per topic."""
    topics: dict[str, list[Mapping[str, Any]]] = {}
    for one in plan.get("to", []):
        topics.setdefault(one["topic"], []).append(one)
    lines = []
    for topic, parts in topics.items():
        numbers = ", ".join(str(one["partition"]) for one in sorted(parts, key=lambda one: one["partition"]))
        word = "partition" if len(parts) == 1 else "partitions"
        lines.append(f"{format.count(sum(one['letters'] for one in parts))} to topic {topic}, {word} {numbers}")
    return lines


def left_out(plan: Mapping[str, Any]) -> list[str]:
    """What would be left out, and why."""
    why = {
        "retried": "were sent again before",
        "gone": "are no longer in Kafka",
        "homeless": "do not name the topic they came from",
    }
    out: Mapping[str, int] = plan.get("left_out", {})
    lines = [f"{format.count(out[name])} left out: they {words}" for name, words in why.items() if out.get(name)]
    if out.get("refused"):
        lines.append(f"{format.count(out['refused'])} left out: they would be refused")
        # They come first.
        refusals = plan.get("refusals", [])[: min(out["refused"], EXAMPLES)]
        lines += [f"{one['letter']}: {one['why']}" for one in refusals]
    return lines


def batch_sizes(sizes: Sequence[int]) -> str:
    """`1, 5, 20, 74`"""
    return ", ".join(format.count(size) for size in sizes)


def announcement(plan: Mapping[str, Any]) -> list[str]:
    """What will happen, one line each, for the confirmation."""
    lines = [f"{line}: each once, with its own key and headers." for line in destinations(plan)]
    lines += [f"Analytics predicts for {format.count(number)}: {words}." for number, words in predictions(plan)]
    lines += [f"Edited {one['letter']}: {one['edit']}" for one in plan.get("edits", [])]
    lines += [f"{line}." for line in left_out(plan)]
    lines.append(f"In batches of {batch_sizes(plan.get('rungs', []))}; the first failure stops it.")
    lines.append("Every consumer of the topic reads these events again, also those that processed them before.")
    return lines
