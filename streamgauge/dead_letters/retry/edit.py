"""Edits of payloads: `--set field=value` for every chosen letter, `--edit FILE` for one. Pure; originals are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from streamgauge.dead_letters.payload import steps
from streamgauge.dead_letters.retry.retrier import Sendable
from streamgauge.runtime.errors import UsageError

NOTE_CHARACTERS = 2_000
Setting = tuple[str, Any]


def parse(text: str) -> Setting:
    """Parse `field=value` or `$.items[0].quantity=2` to (path, value); a value that is not JSON is text."""
    name, equals, value = text.partition("=")
    path = name if name.startswith("$") else f"$.{name}"
    if not equals or not steps(path) or _format(steps(path) or ()) != path:
        raise UsageError(f"--set `{text}`: write field=value, e.g. currency=EUR or items[0].quantity=2")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


def apply(item: Sendable, settings: Sequence[Setting]) -> Sendable:
    """The item with these fields set. Raises `UsageError` where the payload is no JSON object or has no such path."""
    try:
        event = json.loads(item.value or b"")
    except (ValueError, RecursionError):
        raise UsageError(f"{item.letter.id} is not JSON; replace it with --edit FILE") from None
    notes = []
    for path, value in settings:
        before = _set(event, path, value, item.letter.id)
        notes.append(f"{path}: {before} → {_json(value)}")
    try:
        changed = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:
        raise UsageError(f"{item.letter.id} cannot be written as JSON ({error}); use --edit FILE") from None
    return replace(item, value=changed, edit="; ".join(notes)[:NOTE_CHARACTERS])


def whole(item: Sendable, value: bytes, source: str) -> Sendable:
    """The item with its payload replaced."""
    return replace(item, value=value, edit=f"the whole payload, from {source}"[:NOTE_CHARACTERS])


def _set(event: Any, path: str, value: Any, letter: str) -> str:
    """Set one field; returns the old value as JSON, for the audit record."""
    *parents, last = steps(path) or ()
    at = event
    try:
        for step in parents:
            at = at[step]
        fits = isinstance(at, dict) if isinstance(last, str) else isinstance(at, list) and last < len(at)
    except (KeyError, IndexError, TypeError):
        fits = False
    if not fits:
        raise UsageError(f"{letter} has no field {path}, and nowhere to add it")
    before = _json(at[last]) if isinstance(last, int) or last in at else "absent"
    at[last] = value
    return before


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:500]


def _format(path: Sequence[str | int]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
