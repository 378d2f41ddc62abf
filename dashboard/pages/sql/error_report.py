"""Error report of a query: a message, its position in the text, and advice. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.warehouse.client import Busy, QueryError

# Lines shown before the marked one, and characters to the sides of the caret.
_BEFORE = 2
_WIDTH = 110
# A message may quote an event's text, which may be a megabyte.
_MOST = 2_000
_OURS = re.compile(r" \(line (\d{1,6}), column (\d{1,6})\)")
_DUCKDB = re.compile(r"^LINE (\d{1,6}): (.*)\n( *)\^", re.MULTILINE)
# Rules of the guard, whose messages have a position and quote only the statement; DuckDB's quote data.
_GUARDS = frozenset({"parse", "function", "statement", "table"})
_KIND = re.compile(r"^[A-Z][A-Za-z ]*? Error: ")
_ADVICE = {
    "function": "Only functions that compute are allowed: none that reads files, settings or the network, waits, or "
    "changes anything.",
    "statement": "One statement, and it reads: SELECT, WITH, FROM, VALUES or DESCRIBE. The warehouse writes by itself, "
    "from the log.",
    "table": "The tables and views are listed under Tables, with their columns.",
    "size": "Shorten the statement.",
    "timeout": "Use a shorter time range, a window table (…_windows) instead of raw events, or aggregate before "
    "you join. Run long queries on a snapshot: streamgauge snapshot FILE.duckdb.",
    "rows": "Aggregate, or add a LIMIT. A whole table is in a snapshot: streamgauge snapshot FILE.duckdb.",
    "not_known": "Raw events are kept for a limited time. Choose a later time, or tick “What is known”.",
    "busy": "Other queries took all slots. Run it again.",
    "cancelled": "",
}
_NAMES = {
    "parse": "This is not valid SQL",
    "function": "This function is not allowed here",
    "statement": "This statement is not allowed here",
    "table": "No such table",
    "size": "The statement is too long",
    "timeout": "It took too long",
    "rows": "The result is too large",
    "not_known": "No longer known",
    "busy": "The warehouse is busy",
    "cancelled": "Cancelled",
    "sql": "DuckDB cannot run this",
    "request": "The warehouse does not understand this",
}


@dataclass(frozen=True)
class ErrorReport:
    """`title` and `advice` are fixed; `message`, `hint` and `marked` may hold text of the reader or of events."""

    rule: str
    title: str
    message: str
    hint: str = ""
    advice: str = ""
    line: int | None = None
    marked: str = ""


def of(error: StreamgaugeError, sql: str) -> ErrorReport:
    """Report of an error of the warehouse about `sql`."""
    rule = error.rule if isinstance(error, QueryError) else "busy" if isinstance(error, Busy) else "unavailable"
    whole = str(error)
    place = _place(whole, sql, rule)
    text = _KIND.sub("", whole.split("\n\n")[0])
    message, _, hint = (_OURS.sub("", text) if rule in _GUARDS else text).partition("\n")
    if rule == "table":
        # The list of all tables is shown beside the editor already.
        message, _, _ = message.partition(" there are: ")
        message, _, hint = message.rstrip(";").partition(", did")
        hint = f"Did{hint}" if hint else ""
    elif rule == "timeout":
        message = f"The query was {message}."
    return ErrorReport(
        rule,
        _NAMES.get(rule, "The warehouse refused this"),
        "" if rule == "cancelled" else _cut(message.strip()),
        _cut(hint.replace("\n", " ").replace("Candidate bindings:", "Did you mean").strip()),
        _ADVICE.get(rule, ""),
        place[0] if place else None,
        marked(sql, *place) if place else "",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def _place(message: str, sql: str, rule: str) -> tuple[int, int] | None:
    """Line and column, from 1, in the reader's text; None if the message names a position outside it."""
    lines = sql.split("\n")
    place = _guards(message) if rule in _GUARDS else _duckdbs(message, lines)
    return place if place and 1 <= place[0] <= len(lines) and 1 <= place[1] <= len(lines[place[0] - 1]) + 1 else None


def _guards(message: str) -> tuple[int, int] | None:
    match = _last(_OURS, message)
    return (int(match[1]), int(match[2])) if match else None


def _duckdbs(message: str, lines: list[str]) -> tuple[int, int] | None:
    match = _last(_DUCKDB, message)
    if match is None:
        return None
    shown, caret = match[2], len(match[3]) - len(f"LINE {match[1]}: ")
    # DuckDB shows a part of a long line, and as of a time it ran a longer statement than the reader's.
    cut = 3 if shown.startswith("...") else 0
    part = shown[cut:].removesuffix("...")
    at = [(number, text.find(part)) for number, text in enumerate(lines, 1) if part and part in text]
    exact = [one for one in at if one[0] == int(match[1])]
    if not at or (len(at) > 1 and not exact):
        return None
    line, begins = (exact or at)[0]
    return line, max(1, begins + caret - cut + 1)


def _last(pattern: re.Pattern[str], message: str) -> re.Match[str] | None:
    """The last match: the warehouse's own text comes after what it quotes."""
    return max(pattern.finditer(message), key=re.Match.start, default=None)


def marked(sql: str, line: int, column: int) -> str:
    """The line with a mark below the position, and the lines before it, numbered."""
    lines = sql.split("\n")
    begins = max(0, column - 1 - _WIDTH // 2) if len(lines[line - 1]) > _WIDTH else 0
    width = len(str(line))
    shown = []
    for number in range(max(1, line - _BEFORE), line + 1):
        text = lines[number - 1].replace("\t", " ")[begins : begins + _WIDTH]
        shown.append(f"{number:>{width}} │ {'…' if begins else ''}{text}".rstrip())
    shown.append(f"{' ' * width} │ {' ' * (column - 1 - begins + bool(begins))}↑")
    return "\n".join(shown)
