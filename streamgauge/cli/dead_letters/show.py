"""`streamgauge dead-letters show`: one letter: why, where from, its headers, its payload with the wrong field."""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from streamgauge.catalog.builtin.retries import LetterRetried
from streamgauge.cli.dead_letters import selection
from streamgauge.cli.dead_letters.selection import Choice
from streamgauge.dead_letters import payload
from streamgauge.dead_letters.headers import Headers, number
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import records
from streamgauge.dead_letters.retry.records import Copy
from streamgauge.dead_letters.retry.retrier import retried_letters
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.printable import printable
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse

HEADER_SHOWN = 300
# Of a payload, as JSON: more is for a file (`--output`).
JSON_BYTES = 256 * 1024


def run(settings: Settings, choice: Choice, output: Path | None, *, as_json: bool = False) -> None:
    """Write the letter to standard output, or its payload, byte by byte, to `output`."""
    with Warehouse(settings) as warehouse:
        found = selection.find(warehouse, choice)
    if not found:
        raise UsageError(f"no dead letter has the fingerprint {choice.fingerprint}")
    newest = max(found, key=lambda letter: letter.dead_at)
    copy = records.fetch(settings, [newest]).get(newest.place)
    if copy is None:
        raise UsageError(f"{newest.letter_topic} has no letter about {newest.id} (any more)")
    letter = copy.completes(newest)
    if output is not None:
        output.write_bytes(copy.value or b"")
        sys.stdout.write(f"{output}: {len(copy.value or b''):,} bytes\n")
        return
    if as_json:
        sys.stdout.write(json.dumps(plain(letter, copy), ensure_ascii=False) + "\n")
        return
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, soft_wrap=True, no_color=not terminal)
    for line in page(letter, copy, retried_letters(settings).get(letter.id)):
        console.print(line)
    if len(found) > 1:
        console.print(Text(f"\n{len(found) - 1:,} more with the fingerprint {letter.fingerprint}", style="dim"))


def plain(letter: Letter, copy: Copy) -> dict[str, Any]:
    """The letter for programs. `payload` is None where it is no text, or longer than a program should ask for."""
    text = None
    with contextlib.suppress(UnicodeDecodeError):
        text = None if copy.value is None or len(copy.value) > JSON_BYTES else copy.value.decode()
    return {
        "letter": letter.id,
        "fingerprint": letter.fingerprint,
        "reason": letter.reason,
        "field": letter.field,
        "detail": letter.detail,
        "attempts": letter.attempts,
        "consumer": letter.consumer,
        "lies_at": str(copy.lies_at),
        "key": None if copy.key is None else _value(copy.key),
        "headers": [{"name": printable(name), "value": _value(value)} for name, value in copy.headers],
        "bytes": len(copy.value or b""),
        "payload": text,
    }


def page(letter: Letter, copy: Copy, retried: LetterRetried | None) -> list[Text]:
    """What is shown, line by line."""
    place, lies_at = letter.place, copy.lies_at
    key = "no key" if copy.key is None else f"key {_value(copy.key)}"
    attempt = f", attempt {letter.attempts} at {letter.root}" if letter.attempts > 1 else ""
    facts = [
        ("reason", f"{letter.reason}{f' at {letter.field}' if letter.field else ''}"),
        ("detail", letter.detail),
        ("fingerprint", letter.fingerprint),
        ("event", f"{place.topic}[{place.partition}] offset {place.offset}, {key}{attempt}"),
        ("letter", f"{lies_at.topic}[{lies_at.partition}] offset {lies_at.offset}, {_time(copy.timestamp)}"),
    ]
    if letter.consumer:
        facts.append(("consumer", letter.consumer))
    if retried:
        edited = f", edited: {retried.edit}" if retried.edited else ""
        sent = f"{retried.sent_topic}[{retried.sent_partition}] offset {retried.sent_offset}"
        facts.append(("retried", f"{_time(retried.retried_at)} by {retried.retried_by} to {sent}{edited}"))
    shown = [Text.assemble((f"{name:<12}", "bold"), printable(text)) for name, text in facts]
    shown += [Text(), Text("headers", style="bold"), *_headers(copy.headers)]
    size = "null" if copy.value is None else f"{len(copy.value):,} bytes"
    shown += [Text(), Text.assemble(("payload", "bold"), f" {size}")]
    for line in payload.lines(copy.value, letter.reason, letter.field, letter.detail):
        shown.append(Text(line.text))
        if line.wrong:
            shown[-1] = Text.assemble((line.text, "bold red"), (f"   ◀ {printable(line.wrong)}", "red"))
    return shown


def _headers(headers: Headers) -> list[Text]:
    if not headers:
        return [Text("  none", style="dim")]
    width = min(max(len(name) for name, _ in headers), 45)
    return [Text(f"  {printable(name):<{width}}  {_value(value)}") for name, value in headers]


def _value(value: bytes | None) -> str:
    """A header's value: text, a number as Spring writes them, or hexadecimal digits."""
    if value is None:
        return "null"
    try:
        text = value.decode()
        if all(letter.isprintable() or letter in "\n\t" for letter in text):
            return printable(text[:HEADER_SHOWN]) + ("…" if len(text) > HEADER_SHOWN else "")
    except UnicodeDecodeError:
        pass
    whole = number(value)
    return str(whole) if whole is not None else f"0x{value[:HEADER_SHOWN].hex()}"


def _time(stamp_ms: int) -> str:
    return f"{datetime.fromtimestamp(stamp_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
