"""SQL guard: admits one SELECT over the catalog's tables that calls reviewed functions only.

DuckDB's own parser analyses the text (`json_serialize_sql`); this module walks its parse tree. A function passes only
if `harmless_functions.txt` lists it, so one that a new DuckDB version adds is refused until somebody has reviewed it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.resources import files
from typing import Any

import duckdb

from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.warehouse import story
from streamgauge.warehouse.rows import first

# These compute rows from their arguments and reach nothing else; `story` is the catalog's macro over the tables.
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", story.NAME})
SCHEMAS = frozenset({"", "main"})
INFORMATION = frozenset({"tables", "columns"})
MOST_BYTES = 100_000


class RefusedSql(StreamgaugeError):
    """SQL that may not run. `rule` is one of: parse, statement, function, table, size."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@cache
def harmless() -> frozenset[str]:
    """Names of the reviewed functions."""
    return frozenset(files(__package__).joinpath("harmless_functions.txt").read_text(encoding="utf-8").split())


def check(cursor: duckdb.DuckDBPyConnection, sql: str, tables: frozenset[str]) -> None:
    """Raise `RefusedSql` unless `sql` is one SELECT over `tables` (names in `main`) with harmless functions."""
    if len(sql.encode(errors="replace")) > MOST_BYTES:
        raise RefusedSql("size", f"a statement is at most {MOST_BYTES:,} bytes long")
    row = first(cursor, "SELECT json_serialize_sql(?)", [sql])
    try:
        parsed: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        raise RefusedSql("size", "expressions are nested too deeply") from None
    if parsed["error"]:
        message = str(parsed.get("error_message", "this cannot be parsed"))
        if parsed.get("error_type") == "not implemented":
            raise RefusedSql("statement", "only SELECT is allowed: clients cannot change the warehouse")
        position = parsed.get("position")
        raise RefusedSql("parse", f"{message}{'' if position is None else _line_and_column(sql[: int(position)])}")
    statements = parsed["statements"]
    if len(statements) != 1:
        raise RefusedSql("statement", f"one statement at a time, not {len(statements)}")
    try:
        nodes = list(_walk(statements[0]))
    except RecursionError:
        raise RefusedSql("size", "expressions are nested too deeply") from None
    own = {entry["key"].lower() for node in nodes for entry in (node.get("cte_map") or {}).get("map", [])}
    for node in nodes:
        _check(node, tables, own, partial(_location, sql, node))


def _line_and_column(before: str) -> str:
    return f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"


def _location(sql: str, node: dict[str, Any]) -> str:
    """Line and column of a node of the tree; it has a byte offset, where the parser's own errors count characters."""
    text, at = sql.encode(errors="replace"), (node.get("function") or node).get("query_location")
    # A node without a location has a huge offset.
    return _line_and_column(text[:at].decode(errors="replace")) if isinstance(at, int) and at <= len(text) else ""


def _check(node: dict[str, Any], tables: frozenset[str], own: set[str], position: Callable[[], str]) -> None:
    kind = node.get("type")
    if node.get("class") == "FUNCTION" or "function_name" in node:
        name = str(node.get("function_name", "")).lower()
        if name not in harmless() and name not in TABLE_FUNCTIONS:
            raise RefusedSql("function", f"function `{name}` is not among those allowed here{position()}")
        if node.get("catalog") not in (None, "", "system") or node.get("schema") not in (None, "", "main"):
            raise RefusedSql("function", f"function `{name}` is called by a qualified name{position()}")
    if kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            raise RefusedSql("function", f"table function `{name}` is not among those allowed here{position()}")
    elif kind == "BASE_TABLE":
        schema, name = str(node.get("schema_name", "")).lower(), str(node.get("table_name", "")).lower()
        if node.get("catalog_name"):
            raise RefusedSql("table", f"`{node['catalog_name']}` is another database{position()}")
        if schema == "information_schema" and name in INFORMATION:
            return
        if schema not in SCHEMAS or (name not in tables and not (schema == "" and name in own)):
            meant = "".join(
                f", did you mean `{near}`?" for near in difflib.get_close_matches(name, sorted(tables - {name}), 1)
            )
            listed = ", ".join(sorted(tables))
            raise RefusedSql("table", f"there is no table `{name}`{position()}{meant or ';'} there are: {listed}")
    elif kind == "SHOW_REF" and not node.get("query"):
        raise RefusedSql("statement", "SHOW is not allowed; `GET /tables` lists the tables")


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parse tree."""
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from _walk(child)
