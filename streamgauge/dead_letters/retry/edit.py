"""Edits of payloads: `--set field=value` for every chosen letter, `--edit FILE` for one. Pure; originals are kept.

A field's value is replaced in the text of the payload: every other byte stays as it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from streamgauge.dead_letters import json_text
from streamgauge.dead_letters.payload import steps
from streamgauge.dead_letters.retry.retrier import Sendable
from streamgauge.runtime.errors import UsageError

NOTE_CHARACTERS, VALUE_CHARACTERS = 2_000, 500
# A path, and the JSON text of the value to write there.
Setting = tuple[str, str]


def parse(text: str) -> Setting:
    """Parse `field=value` or `$.items[0].quantity=2` to path and JSON text; a value that is not JSON is a string."""
    name, equals, value = text.partition("=")
    path = name if name.startswith("$") else f"$.{name}"
    if not equals or not steps(path) or _format(steps(path) or ()) != path:
        raise UsageError(f"--set `{text}`: write field=value, e.g. currency=EUR or items[0].quantity=2")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"--set of {path}: the text is not UTF-8") from None
    try:
        # As written: a number has the digits that were typed.
        json.loads(value, parse_constant=_no_json, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return path, json_text.quoted(value)
    return path, value.strip()


def apply(item: Sendable, settings: Sequence[Setting]) -> Sendable:
    """The item with these fields set, all else byte for byte as it was.

    Of a field that is there several times the last is set, which is the one that readers take. A field that is absent
    is added as the last of its object. Raises `UsageError` where the payload is no JSON, or has no such path.
    """
    try:
        text = (item.value or b"").decode()
    except UnicodeDecodeError:
        raise _no_json_in(item) from None
    notes = []
    for path, value in settings:
        try:
            text, before = _set(text, path, value)
        except LookupError:
            raise UsageError(f"{item.letter.id} has no field {path}, and nowhere to add it") from None
        except (ValueError, RecursionError):
            raise _no_json_in(item) from None
        notes.append(f"{path}: {before} → {value[:VALUE_CHARACTERS]}")
    return replace(item, value=text.encode(), edit="; ".join(notes)[:NOTE_CHARACTERS])


def whole(item: Sendable, value: bytes, source: str) -> Sendable:
    """The item with its payload replaced."""
    return replace(item, value=value, edit=f"the whole payload, from {source}"[:NOTE_CHARACTERS])


def _set(text: str, path: str, value: str) -> tuple[str, str]:
    """The text with one value replaced or added, and the old one for the audit record. Raises `LookupError`."""
    *parents, last = steps(path) or ()
    at = json_text.parse(text)
    for step in parents:
        found = at.at(step)
        if found is None:
            raise LookupError(path)
        at = found
    old = at.at(last)
    if old is not None:
        same = sum(one.name == last for one in at.members or ())
        which = f" (the last of {same})" if same > 1 else ""
        return text[: old.start] + value + text[old.end :], text[old.start : old.end][:VALUE_CHARACTERS] + which
    if at.members is None or not isinstance(last, str):
        raise LookupError(path)
    end = at.members[-1].value.end if at.members else at.start + 1
    return f"{text[:end]}{',' if at.members else ''}{json_text.quoted(last)}:{value}{text[end:]}", "absent"


def _no_json(constant: str) -> None:
    raise ValueError(constant)


def _no_json_in(item: Sendable) -> UsageError:
    return UsageError(f"{item.letter.id} is not JSON; replace it with --edit FILE")


def _format(path: Sequence[str | int]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
