"""What to send again, as the page asks and as the command line is told. Pure.

Everything is an argument of its own, with `=` or after `--`: whatever an event's text contains, it is a value, never an
option, and no shell ever sees it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamgauge.domain import format

RATE = 50.0
_FINGERPRINT = re.compile(r"[0-9a-f]{4,12}")
_POSITION = re.compile(r"[A-Za-z0-9._-]{1,249}:[0-9]{1,10}:[0-9]{1,19}")


@dataclass(frozen=True)
class Request:
    """One letter or, without `letter`, all of the cause that became letters before `until`; edited or as they are.

    `field` and `value` set one field in each; `payload` is what to send instead of the one letter's own.
    """

    cause: str
    letter: str | None = None
    field: str = ""
    value: str = ""
    payload: str | None = None
    rate: float = RATE
    until: str | None = None

    def same(self, other: Request) -> bool:
        """Whether both ask for the same, apart from the moment up to which they look."""
        return replace(self, until=None) == replace(other, until=None)

    @property
    def target(self) -> str:
        """What it is about, for the record: begins with the cause."""
        return f"{self.cause} {self.letter or 'all'}"


def is_fingerprint(text: str) -> bool:
    """Whether the text can be a fingerprint, or how one begins."""
    return bool(_FINGERPRINT.fullmatch(text))


def is_position(text: str) -> bool:
    """Whether the text can be `topic:partition:offset`."""
    return bool(_POSITION.fullmatch(text))


def retry(request: Request, *, by: str | None = None, file: Path | None = None) -> list[str]:
    """The arguments of a retry; without `by` it is a dry run. `file` holds the payload. Raises `ValueError`."""
    arguments = ["dead-letters", "retry", "--format=json", f"--rate={request.rate:g}"]
    if request.field:
        arguments.append(f"--set={request.field}={request.value}")
    if file is not None:
        arguments.append(f"--edit={file}")
    if by is not None:
        arguments += ["--yes", f"--by={by}"]
    if request.letter is not None:
        if not is_position(request.letter):
            raise ValueError("no such letter")
        return [*arguments, "--", request.letter]
    if not is_fingerprint(request.cause):
        raise ValueError("no such cause")
    return [*arguments, *([f"--until={request.until}"] if request.until else []), f"--fingerprint={request.cause}"]


def show(letter: str) -> list[str]:
    """The arguments to read one letter, whole. Raises `ValueError`."""
    if not is_position(letter):
        raise ValueError("no such letter")
    return ["dead-letters", "show", "--format=json", "--", letter]


def verdict(says: str | None) -> str:
    """What our analytics would say of an event, in words."""
    if says is None:
        return "nobody can tell: another service failed at it"
    return f"would fail again: {says}" if says else "would pass now"


def predictions(plan: Mapping[str, Any]) -> list[tuple[int, str]]:
    """How many would fare how, the most frequent first."""
    counts: dict[str, int] = {}
    for cause in plan.get("causes", []):
        for one in cause["verdicts"]:
            words = verdict(one["says"])
            counts[words] = counts.get(words, 0) + one["letters"]
    return sorted(((number, words) for words, number in counts.items()), reverse=True)


def destinations(plan: Mapping[str, Any]) -> list[str]:
    """Where the events would go, a line a topic."""
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
    """What would not be sent, and why."""
    why = {
        "retried": "were sent again before",
        "gone": "are no longer in the dead-letter topic",
        "homeless": "do not say which topic they came from",
    }
    out: Mapping[str, int] = plan.get("left_out", {})
    return [f"{format.count(out[name])} left out: they {words}" for name, words in why.items() if out.get(name)]


def batch_sizes(sizes: Sequence[int]) -> str:
    """`1, 5, 20, 74`"""
    return ", ".join(format.count(size) for size in sizes)


def announcement(plan: Mapping[str, Any]) -> list[str]:
    """What will happen, a line each, for whoever is asked to confirm it."""
    lines = [f"{line}: each once, with its own key and headers." for line in destinations(plan)]
    lines += [f"Of {format.count(number)} our analytics says: {words}." for number, words in predictions(plan)]
    lines += [f"Edited {one['letter']}: {one['edit']}" for one in plan.get("edits", [])]
    lines += [f"{line}." for line in left_out(plan)]
    lines.append(f"In rungs of {batch_sizes(plan.get('rungs', []))}; the first that fails again stops it.")
    lines.append("Every consumer of the topic sees these events again, also those that had no trouble with them.")
    return lines
