"""SQL file of a model or view: a header of `-- name: value` lines, then one SELECT; errors name file and line."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from streamgauge.runtime.errors import UsageError

# Prefixes of DuckDB's numeric types.
NUMBERS = ("BIGINT", "INTEGER", "HUGEINT", "DOUBLE", "UBIGINT", "DECIMAL")
NAME = re.compile(r"^[a-z][a-z0-9_]{0,60}$")


class SqlFile:
    """One file. `entries` matches a header line: group 1 is its name, group 2 its value."""

    def __init__(self, path: Path, entries: re.Pattern[str]) -> None:
        self.path = path
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self._entries = entries

    def error(self, message: str, line: int | None = None) -> UsageError:
        """An error that begins `file:line:`."""
        return UsageError(f"{self.path}:{line or 1}: {message}")

    def header(self) -> tuple[dict[str, str], int]:
        """The header's entries and the (0-based) line where the SELECT begins."""
        entries: dict[str, str] = {}
        for number, line in enumerate(self.lines):
            if line.strip() and not line.lstrip().startswith("--"):
                return entries, number
            if found := self._entries.match(line):
                if found[1] in entries:
                    raise self.error(f"`{found[1]}` is given twice in the header", number + 1)
                entries[found[1]] = found[2]
        raise self.error("there is no SELECT below the header")

    def about(self, first: int) -> str:
        """The header's prose: its comments that are not entries, as one text."""
        prose = [line.lstrip("- \t").strip() for line in self.lines[:first] if not self._entries.match(line)]
        return " ".join(filter(None, prose))

    def body(self, first: int) -> str:
        """The SELECT, which begins at line `first` (0-based)."""
        return "\n".join(self.lines[first:]).strip().rstrip(";")

    def line_of_header(self, entry: str) -> int:
        """Line number of a header entry that exists."""
        return next(n + 1 for n, line in enumerate(self.lines) if (m := self._entries.match(line)) and m[1] == entry)

    def line_of(self, text: str) -> int:
        """Line number that names something `text` (`AS text`), or the first that contains it as a word, or 1."""
        for pattern in (rf"\bAS\s+{re.escape(text)}\b", rf"\b{re.escape(text)}\b"):
            word = re.compile(pattern, re.IGNORECASE)
            for number, line in enumerate(self.lines):
                if word.search(line) and not line.startswith("--"):
                    return number + 1
        return 1


def described(con: duckdb.DuckDBPyConnection, source: SqlFile, sql: str, first: int) -> dict[str, str]:
    """Columns and types of the SELECT; binder errors become `UsageError`, at their line."""
    try:
        rows = con.execute(f"DESCRIBE {sql}").fetchall()
    except duckdb.Error as error:
        text = str(error).split("\n\n")[0].replace("\n", " ")
        found = re.search(r"LINE (\d+):", str(error))
        raise source.error(text, first + (int(found[1]) if found else 1)) from None
    return {str(row[0]): str(row[1]) for row in rows}
