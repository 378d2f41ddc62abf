"""JSON as text: where each value lies, so that one can be shown or replaced without writing the others anew.

A parser of doubles and dictionaries would change 0.30000000000000000001, 1E3, `\\/` and doubled names. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(r'[ \t\n\r]*([{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^{}\[\],:" \t\n\r]+)', re.DOTALL)
# Numbers stay text: Python refuses integers of more than 4,300 digits.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
_BOM = "\ufeff"


class Member(NamedTuple):
    """A name as written, with quotes and escapes; the name it means; its value."""

    written: str
    name: str
    value: Value


class Value(NamedTuple):
    """A value at `text[start:end]`; with its members if it is an object, its items if an array, else neither."""

    start: int
    end: int
    members: tuple[Member, ...] | None = None
    items: tuple[Value, ...] | None = None

    def at(self, step: str | int) -> Value | None:
        """The member of that name, the last if there are several, as readers do; or the item at that index."""
        if isinstance(step, int):
            return self.items[step] if self.items and step < len(self.items) else None
        return next((one.value for one in reversed(self.members or ()) if one.name == step), None)


def parse(text: str) -> Value:
    """Parse a JSON text, NaN and Infinity included. Raises `ValueError`, or `RecursionError` for deep nesting."""
    _DECODER.decode(text.removeprefix(_BOM))
    tokens = _TOKEN.finditer(text, len(_BOM) if text.startswith(_BOM) else 0)
    return _value(tokens, next(tokens))


def _value(tokens: Iterator[re.Match[str]], token: re.Match[str]) -> Value:
    start = token.start(1)
    if token[1] == "{":
        members = []
        while (token := next(tokens))[1] != "}":
            if token[1] != ",":
                next(tokens)  # the colon
                members.append(Member(token[1], json.loads(token[1]), _value(tokens, next(tokens))))
        return Value(start, token.end(1), members=tuple(members))
    if token[1] == "[":
        items = []
        while (token := next(tokens))[1] != "]":
            if token[1] != ",":
                items.append(_value(tokens, token))
        return Value(start, token.end(1), items=tuple(items))
    return Value(start, token.end(1))


def quoted(text: str) -> str:
    """The text as a JSON string."""
    return json.dumps(text, ensure_ascii=False)
