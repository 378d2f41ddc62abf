"""Payload for people: pretty-printed, the wrong field marked, long values cut. Pure, and never raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

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
            tree = json.loads(value)
        except (ValueError, RecursionError):
            return _raw(value, mark)
        try:
            return _cut(list(_tree(tree, steps(field), mark, "", "", ("",))))
        except RecursionError:
            pass
    return _raw(value, mark)


def steps(field: str | None) -> tuple[str | int, ...] | None:
    """A JSON path's steps: names and indices; None where the error names no field."""
    if not field or not field.startswith("$"):
        return None
    return tuple(name or int(index) for name, index in _STEP.findall(field))


def _tree(
    value: Any, wrong: tuple[str | int, ...] | None, mark: str, indent: str, label: str, comma: tuple[str]
) -> Iterator[Line]:
    """Lines of a value. `wrong` is the rest of the path to the wrong field from here, None outside it."""
    here = mark if wrong == () else None
    deeper = indent + "  "
    if isinstance(value, dict):
        yield Line(f"{indent}{label}{{", here)
        for number, (name, child) in enumerate(value.items(), 1):
            end = ("," if number < len(value) else "",)
            yield from _tree(child, _below(wrong, name), mark, deeper, f"{_text(name)}: ", end)
        if wrong and len(wrong) == 1 and wrong[0] not in value:
            yield Line(f"{deeper}{_text(str(wrong[0]))}: ?", mark)
        yield Line(f"{indent}}}{comma[0]}")
    elif isinstance(value, list):
        yield Line(f"{indent}{label}[", here)
        for index, child in enumerate(value):
            below = _below(wrong, index)
            if index < ITEMS_SHOWN or below is not None:
                yield from _tree(child, below, mark, deeper, "", ("," if index + 1 < len(value) else "",))
            elif index == ITEMS_SHOWN:
                yield Line(f"{deeper}… {len(value):,} items")
        yield Line(f"{indent}]{comma[0]}")
    else:
        yield Line(f"{indent}{label}{_text(value)}{comma[0]}", here)


def _below(wrong: tuple[str | int, ...] | None, step: str | int) -> tuple[str | int, ...] | None:
    return wrong[1:] if wrong and wrong[0] == step else None


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > STRING_SHOWN:
        text = f"{text[:STRING_SHOWN]}… ({len(text):,} characters)"
    return printable(text)


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
