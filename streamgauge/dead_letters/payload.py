"""Payload for people: each value as it is written, a line each, the wrong field marked, long ones cut.

Pure, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from streamgauge.dead_letters import json_text
from streamgauge.dead_letters.json_text import Value
from streamgauge.runtime.printable import printable

STRING_SHOWN, ITEMS_SHOWN, LINES_SHOWN, RAW_SHOWN = 200, 50, 400, 2_000
_AROUND = 100
_BYTE = re.compile(r"\(byte (\d+)\)|in position (\d+)")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


class Line(NamedTuple):
    """A line of text; `wrong` is the error to show beside it, where it holds the wrong field."""

    text: str
    wrong: str | None = None


def lines(value: bytes | None, reason: str, field: str | None, detail: str) -> list[Line]:
    """The payload as lines. `field` is a JSON path (`$.items[0].quantity`), marked where it is or should be."""
    if value is None:
        return [Line("null: the message has no value", reason)]
    if not value:
        return [Line("empty: the value has no bytes", reason)]
    mark = f"{reason}: {detail}"
    if reason != "invalid_json":
        try:
            text = value.decode()
            return _cut(list(_tree(text, json_text.parse(text), steps(field), mark, "", "", "")))
        except (ValueError, RecursionError):
            pass
    return _raw(value, mark)


def steps(field: str | None) -> tuple[str | int, ...] | None:
    """A JSON path's steps: names and indices; None where the error names no field."""
    if not field or not field.startswith("$"):
        return None
    return tuple(name or int(index) for name, index in _STEP.findall(field))


def _tree(
    text: str, value: Value, wrong: tuple[str | int, ...] | None, mark: str, indent: str, label: str, comma: str
) -> Iterator[Line]:
    """Lines of a value. `wrong` is the rest of the path to the wrong field from here, None outside it."""
    here = mark if wrong == () else None
    deeper = indent + "  "
    if value.members is not None:
        yield Line(f"{indent}{label}{{", here)
        for number, (written, name, child) in enumerate(value.members, 1):
            end = "," if number < len(value.members) else ""
            yield from _tree(text, child, _below(wrong, name), mark, deeper, f"{_shown(written)}: ", end)
        if wrong and len(wrong) == 1 and isinstance(wrong[0], str) and value.at(wrong[0]) is None:
            yield Line(f"{deeper}{_shown(json_text.quoted(wrong[0]))}: ?", mark)
        yield Line(f"{indent}}}{comma}")
    elif value.items is not None:
        yield Line(f"{indent}{label}[", here)
        for index, child in enumerate(value.items):
            below = _below(wrong, index)
            if index < ITEMS_SHOWN or below is not None:
                yield from _tree(text, child, below, mark, deeper, "", "," if index + 1 < len(value.items) else "")
            elif index == ITEMS_SHOWN:
                yield Line(f"{deeper}… {len(value.items):,} items")
        yield Line(f"{indent}]{comma}")
    else:
        yield Line(f"{indent}{label}{_shown(text[value.start : value.end])}{comma}", here)


def _below(wrong: tuple[str | int, ...] | None, step: str | int) -> tuple[str | int, ...] | None:
    return wrong[1:] if wrong and wrong[0] == step else None


def _shown(written: str) -> str:
    if len(written) > STRING_SHOWN:
        written = f"{written[:STRING_SHOWN]}… ({len(written):,} characters)"
    return printable(written)


def _cut(shown: list[Line]) -> list[Line]:
    """At most `LINES_SHOWN` lines, and all that are marked."""
    if len(shown) <= LINES_SHOWN:
        return shown
    rest = [line for line in shown[LINES_SHOWN:] if line.wrong]
    return [*shown[:LINES_SHOWN], Line(f"… {len(shown):,} lines in total"), *rest]


def _raw(value: bytes, mark: str) -> list[Line]:
    """Bytes that are not JSON: around the byte that the error names, else from the start."""
    found = _BYTE.search(mark)
    at = min(int(found[1] or found[2]), len(value)) if found else None
    start, end = (0, RAW_SHOWN) if at is None else (max(0, at - _AROUND), at + _AROUND)
    before, after = _readable(value[start:at] if at is not None else value[:end]), ""
    if at is not None:
        after = _readable(value[at:end])
    head, tail = "…" if start else "", "…" if end < len(value) else ""
    shown = [Line(f"{head}{before}{after}{tail}", mark if at is None else None)]
    if at is not None:
        shown.append(Line(" " * len(head + before) + "^", mark))
    return shown


def _readable(value: bytes) -> str:
    """Text; bytes that are not UTF-8 as \\xNN."""
    return printable(value.decode("utf-8", errors="backslashreplace"))
