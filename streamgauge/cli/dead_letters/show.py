"""`streamgauge dead-letters show`: one letter with reason, origin, headers, and payload with the wrong field marked."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streamgauge.catalog.builtin.retries import LetterRetried
from streamgauge.cli import output as stdout
from streamgauge.cli.dead_letters import selection
from streamgauge.cli.dead_letters.selection import Choice
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.cli.terminal import Screen, Text
from streamgauge.dead_letters import payload, reference
from streamgauge.dead_letters.headers import Headers, big_integer, number
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import records
from streamgauge.dead_letters.retry.records import Record
from streamgauge.dead_letters.retry.retrier import retried_letters
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.printable import printable
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse

HEADER_SHOWN = 300
# Longest payload in JSON output; a longer one goes to a file (`--output`).
JSON_BYTES = 256 * 1024


def run(settings: Settings, choice: Choice, output: Path | None, *, as_json: bool = False) -> None:
    """Write the letter to standard output, or its payload, unchanged, to `output`. Raises `UsageError` for none."""
    with warehouse_errors(), Warehouse(settings) as warehouse:
        found = selection.find(warehouse, choice)
    if not found:
        raise UsageError(f"no dead letter has the fingerprint {choice.fingerprint}")
    newest = max(found, key=lambda letter: letter.dead_at)
    record = records.fetch(settings, [newest]).get(newest.position)
    if record is None:
        raise UsageError(f"{newest.letter_topic} no longer has the letter about {newest.id}")
    letter = record.complete(newest)
    if output is not None:
        if record.lost:
            raise UsageError(_lost(record))
        output.write_bytes(record.value or b"")
        stdout.line(f"{output}: {len(record.value or b''):,} bytes")
        return
    if as_json:
        stdout.json_line(plain(letter, record))
        return
    console = Screen(soft_wrap=True, no_color=not sys.stdout.isatty())
    for part in page(letter, record, retried_letters(settings).get(letter.position.exact)):
        console.print(part)
    if len(found) > 1:
        console.print()
        console.print(Text(f"{len(found) - 1:,} more with the fingerprint {letter.fingerprint}", style="dim"))


def plain(letter: Letter, record: Record) -> dict[str, Any]:
    """The letter for JSON. `payload` is None where it is not UTF-8, or longer than `JSON_BYTES`."""
    text = None
    with contextlib.suppress(UnicodeDecodeError):
        text = None if record.value is None or len(record.value) > JSON_BYTES else record.value.decode()
    return {
        "letter": letter.id,
        "topic_id": letter.position.topic_id,
        "fingerprint": letter.fingerprint,
        "reason": letter.reason,
        "field": letter.field,
        "detail": letter.detail,
        "attempts": letter.attempts,
        "consumer": letter.consumer,
        "lies_at": str(record.position),
        "key": None if record.key is None else _value(record.key),
        "headers": [{"name": printable(name), "value": _header(name, value)} for name, value in record.headers],
        "bytes": len(record.value or b""),
        "lost": record.lost,
        "payload": text,
    }


def page(letter: Letter, record: Record, retried: LetterRetried | None) -> list[Text]:
    """The letter for people, line by line."""
    event, stored = letter.position, record.position
    key = "no key" if record.key is None else f"key {_value(record.key)}"
    attempt = f", attempt {letter.attempts} at {letter.root}" if letter.attempts > 1 else ""
    facts = [
        ("reason", f"{letter.reason}{f' at {letter.field}' if letter.field else ''}"),
        ("detail", letter.detail),
        ("fingerprint", letter.fingerprint),
        ("event", f"{event.topic}[{event.partition}] offset {event.offset}, {key}{attempt}"),
        ("letter", f"{stored.topic}[{stored.partition}] offset {stored.offset}, {_time(record.timestamp)}"),
    ]
    if event.topic_id:
        facts.append(("topic id", event.topic_id))
    if letter.consumer:
        facts.append(("consumer", letter.consumer))
    if record.lost:
        facts.append(("lost", _lost(record)))
    if retried:
        edited = f", edited: {retried.edit}" if retried.edited else ""
        sent = f"{retried.sent_topic}[{retried.sent_partition}] offset {retried.sent_offset}"
        facts.append(("retried", f"{_time(retried.retried_at)} by {retried.retried_by} to {sent}{edited}"))
    shown = [Text.of((f"{name:<12}", "bold"), text) for name, text in facts]
    shown += [Text(), Text("headers", style="bold"), *_headers(record.headers)]
    size = "null" if record.value is None else f"{len(record.value):,} bytes"
    shown += [Text(), Text.of(("payload", "bold"), f" {size}")]
    for line in payload.lines(record.value, letter.reason, letter.field, letter.detail):
        shown.append(Text(line.text))
        if line.wrong:
            shown[-1] = Text.of((line.text, "bold red"), (f"   ◀ {line.wrong}", "red"))
    return shown


def _lost(record: Record) -> str:
    size = (reference.of(record.headers) or ("", 0))[1]
    return (
        f"the event was too large for its dead-letter topic, and {record.event_position.topic} no longer has it: left "
        f"are the first {len(record.value or b''):,} of {size:,} bytes"
    )


def _headers(headers: Headers) -> list[Text]:
    if not headers:
        return [Text("  none", style="dim")]
    width = min(max(len(name) for name, _ in headers), 45)
    return [Text(f"  {printable(name):<{width}}  {_header(name, value)}") for name, value in headers]


def _header(name: str, value: bytes | None) -> str:
    text = _value(value)
    whole = big_integer(value or b"") if name.startswith("retry_topic-") else None
    return str(whole) if whole is not None else text


def _value(value: bytes | None) -> str:
    """A key or a header's value: text, a number as Spring writes them, or hexadecimal digits."""
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
    if stamp_ms < 0:
        return "without a time"
    return f"{datetime.fromtimestamp(stamp_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
