"""As-of queries: rewrites a query so that it reads every table as of a past time.

Each table the query names is defined by a CTE in front of it, from the table itself and the model's own SELECT over raw
events. Time is event time: the result has what had happened by `at`, even where events arrived later.

window   windows that had ended by `at` are taken as they are; the one that contains `at` is recomputed from raw events
latest   a row whose event is not after `at` is taken as it is; of other keys the newest event up to `at` is looked up
append   the rows that are not after `at`
view     the view's SELECT over the above; `now()` in it is `at`

Raw events are kept for a limited time. A result that this makes uncertain is refused, or, with `known_only`, leaves out
what is unknown: it never counts the remaining events as if they were all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from streamgauge.catalog.loader import BUILT_IN, Catalog
from streamgauge.catalog.model import SINCE, Model
from streamgauge.catalog.stream import ARRIVED_AT
from streamgauge.warehouse import schema, story
from streamgauge.warehouse.rows import first

_NOW = re.compile(r"\bnow\s*\(\s*\)|\bcurrent_timestamp\b(?:\s*\(\s*\))?", re.IGNORECASE)
_LEADING = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_WITH = re.compile(r"with\b(\s+recursive\b)?", re.IGNORECASE)


class NotKnown(Exception):
    """The tables as of that time are no longer known; the message has the reason, and since when they are known."""


@dataclass(frozen=True)
class Rewritten:
    """The query to run instead, and notes on what its result leaves out."""

    sql: str
    notes: tuple[str, ...]


def parse(text: str) -> datetime:
    """Parse an ISO 8601 time, UTC if it names no zone. Raises `ValueError`."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class AsOfRewriter:
    """Rewrites queries over the tables of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._models = {model.name: model for model in catalog.models}
        self._views = {view.name: view for view in catalog.views}
        self._named: dict[str, set[str]] = {}

    def rewrite(self, db: duckdb.DuckDBPyConnection, sql: str, at: datetime, *, known_only: bool = False) -> Rewritten:
        """Rewrite `sql`, which has passed the guard, to read the tables as of `at`. Raises `NotKnown`.

        Runs queries on `db`, to count what retention has removed.
        """
        at_ms = int(at.timestamp() * 1_000)
        tables, own, qualified = _tables(db, sql)
        if taken := (own | qualified) & (self._models.keys() | self._views.keys()):
            # A qualified name, and a CTE's, would read the table as it is now.
            raise NotKnown(f"name the table `{min(taken)}` without `main.`, and give no CTE its name, with --as-of")
        relations: list[str] = []
        for name in sorted(tables):
            self._collect(db, name, relations)
        notes: list[str] = []
        parts = []
        for name in relations:
            if model := self._models.get(name):
                note, uncertain = self._left_open(db, model, at_ms) or ("", False)
                if uncertain and not known_only:
                    raise NotKnown(f"{note}; --known-only answers with what is known")
                notes += filter(None, (note, self._cut(model, at_ms)))
                parts.append(f'"{name}" AS ({self._model_sql(model, at_ms)})')
            else:
                text = _NOW.sub(f"make_timestamptz({at_ms * 1_000})", self._views[name].sql)
                parts.append(f'"{name}" AS ({text})')
        return Rewritten(_in_front(parts, sql), tuple(notes))

    def _collect(self, db: duckdb.DuckDBPyConnection, name: str, found: list[str]) -> None:
        """Append the relation to `found`, after those it reads from."""
        if name in found:
            return
        if name in self._views:
            if name not in self._named:
                tables, own, _ = _tables(db, self._views[name].sql)
                self._named[name] = tables - own
            for other in sorted(self._named[name]):
                self._collect(db, other, found)
            found.append(name)
        elif name in self._models:
            found.append(name)

    def _time(self, model: Model) -> str:
        """The event-time column of the model's stream."""
        stream = self._catalog.streams.get(model.stream)
        return stream.event_time if stream else BUILT_IN[model.stream][1]

    def _raw(self, model: Model) -> str | None:
        """The raw table with every column that the model may select, if there is one."""
        name = self._catalog.raw_table(model.stream)
        stream = self._catalog.streams.get(model.stream)
        needed = stream.schema.names if stream else BUILT_IN[model.stream][0].names
        return name if name and set(needed) <= set(self._models[name].columns) else None

    def _shown_time(self, model: Model) -> str | None:
        """The model's column that has the event time unchanged, if there is one."""
        return next((column for column, source in model.passthrough.items() if source == self._time(model)), None)

    def _delta(self, model: Model, raw: str, condition: str) -> str:
        """The model's SELECT over the raw events that satisfy a condition, with a latest model's version."""
        delta = model.delta_sql
        if model.merge == "latest":
            delta = f"SELECT coalesce({SINCE}, TIMESTAMPTZ 'epoch') AS {SINCE}, {delta.removeprefix('SELECT ')}"
        return f'(WITH events AS (FROM main."{raw}" WHERE {condition}) {delta})'

    def _model_sql(self, model: Model, at_ms: int) -> str:
        columns = ", ".join(f'"{name}"' for name in model.columns)
        raw, time, shown = self._raw(model), f'epoch_ms("{self._time(model)}")', self._shown_time(model)
        if model.merge == "window":
            ended = f"epoch_ms(window_start) + {model.every_ms} <= {at_ms}"
            whole = f'SELECT {columns} FROM main."{model.name}" WHERE {ended}'
            if raw is None:
                return whole
            begun = at_ms - at_ms % model.every_ms
            rest = self._delta(model, raw, f"{time} BETWEEN {begun} AND {at_ms}")
            return f"{whole} UNION ALL SELECT {columns} FROM {rest}"
        if model.merge == "append":
            if shown or raw is None:
                return f'SELECT {columns} FROM main."{model.name}" WHERE epoch_ms("{shown}") <= {at_ms}'
            selected = ", ".join(f'"{name}"' for name in model.selected)
            delta = self._delta(model, raw, f"{time} <= {at_ms}")
            return f"SELECT {selected}, NULL::TIMESTAMPTZ AS {SINCE} FROM {delta}"
        current = f'(FROM main."{model.name}" WHERE epoch_ms("{shown}") <= {at_ms})'
        if raw is None:
            return f"SELECT {columns} FROM {current}"
        rows = self._alive(model, self._delta(model, raw, f"{time} <= {at_ms}"), at_ms)
        before = f"SELECT {columns} FROM {rows} QUALIFY {schema.newest(model)}"
        if shown is None:
            return before
        same = schema.same_key(model.key, "b", "c")
        return (
            f"SELECT {columns} FROM {current} UNION ALL SELECT {columns} FROM ({before}) b "
            f"WHERE NOT EXISTS (FROM {current} c WHERE {same})"
        )

    def _cut(self, model: Model, at_ms: int) -> str | None:
        """A note where a window model without raw events ends before `at`."""
        if model.merge != "window" or self._raw(model) is not None:
            return None
        end = datetime.fromtimestamp((at_ms - at_ms % model.every_ms) / 1_000, UTC)
        return f"{model.name} ends at {end:%Y-%m-%dT%H:%M:%SZ}: its single events are not kept"

    def _left_open(self, db: duckdb.DuckDBPyConnection, model: Model, at_ms: int) -> tuple[str, bool] | None:
        """What is unknown about the model as of that time, and whether figures are uncertain by it; None if nothing."""
        raw, shown = self._raw(model), self._shown_time(model)
        if raw is None:
            if gone := self._deleted(db, model, at_ms):
                return f"{gone:,} rows of `{model.name}` were deleted since: what they were is not known", True
            if model.merge == "window" or (model.merge == "append" and shown):
                return None
            note = f"the catalog keeps no raw events of `{model.stream}`"
            if shown is None:
                raise NotKnown(f"{note}, so `{model.name}` has no past")
            later = _one(db, f'SELECT count(*) FROM main."{model.name}" WHERE epoch_ms("{shown}") > {at_ms}')
            return (f"{note}: what {later:,} rows of `{model.name}` were is not known", True) if later else None
        removed = self._removed(db, model.stream, raw)
        if not removed:
            return None
        note = f"retention has removed {removed:,} events of `{model.stream}`"
        # Those of each partition that arrived first go first, and events arrive after they happened: since then all are
        # there.
        since = _one(
            db,
            f'SELECT epoch_ms(max(oldest)) FROM (SELECT min({self._models[raw].arrival}) AS oldest FROM main."{raw}" '
            "GROUP BY kafka_partition)",
        )
        if model.merge == "append":
            return f"{note}: `{model.name}` is complete from {_when(since)} on", since is None or at_ms < since
        if model.merge == "window":
            begun = at_ms - at_ms % model.every_ms
            if since is not None and begun > since:
                return None
            return f"{note}, perhaps some of the window of `{model.name}` that begins at {_when(begun)}", True
        later_ones = f'WHERE epoch_ms("{shown}") > {at_ms}' if shown else ""
        same = schema.same_key(model.key, "b", "c")
        condition = f'epoch_ms("{self._time(model)}") <= {at_ms}'
        unknown = _one(
            db,
            f'SELECT count(*) FROM (FROM main."{model.name}" {later_ones}) c '
            f"WHERE NOT EXISTS (FROM {self._delta(model, raw, condition)} b WHERE {same})",
        )
        if not unknown:
            return None
        return (
            f"{note}: {unknown:,} rows of `{model.name}` have no event left from up to {_when(at_ms)}, so either they "
            "were not there yet, or what they were is not known"
        ), True

    def _deleted(self, db: duckdb.DuckDBPyConnection, model: Model, at_ms: int) -> int | None:
        """Number of keys that tombstones have deleted from a latest model since `at`."""
        if not model.tombstone_key:
            return None
        since = f"stream = '{model.stream}' AND epoch_ms({ARRIVED_AT}) > {at_ms}"
        return _one(db, f"SELECT count(*) FROM main.tombstones WHERE {since}")

    def _alive(self, model: Model, rows: str, at_ms: int) -> str:
        """The rows of a latest model without those that a tombstone had deleted by `at`."""
        if not model.tombstone_key:
            return rows
        return (
            f"(SELECT * FROM {rows} r WHERE NOT EXISTS (FROM main.tombstones t WHERE t.stream = '{model.stream}' "
            f'AND t.key = CAST(r."{model.tombstone_key}" AS VARCHAR) AND epoch_ms(t.{ARRIVED_AT}) <= {at_ms} '
            f"AND {schema.newer('t', 'r')}))"
        )

    def _removed(self, db: duckdb.DuckDBPyConnection, stream: str, raw: str) -> int:
        """Number of the stream's events that its raw table no longer has, by the windows, which outlive raw events."""
        counted, where = "events - dead_letters", f"stream = '{stream}'"
        for other in ("repeated", "tombstones"):
            if other in self._models["stream_windows"].columns:
                counted += f" - coalesce({other}, 0)"
        left = f'SELECT count(*) FROM main."{raw}"'
        if stream == "dead_letters":
            # Dead letters of other services are in no window.
            counted, where = "dead_letters", "true"
            left += " WHERE stream IN (SELECT stream FROM main.stream_windows)"
        total = _one(db, f"SELECT sum({counted}) FROM main.stream_windows WHERE {where}")
        return max(0, (total or 0) - (_one(db, left) or 0))


def _one(db: duckdb.DuckDBPyConnection, sql: str) -> int | None:
    row = first(db, sql)
    return None if row is None or row[0] is None else int(row[0])


def _when(ms: int | None) -> str:
    return "now" if ms is None else f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _tables(db: duckdb.DuckDBPyConnection, sql: str) -> tuple[set[str], set[str], set[str]]:
    """Names in a SELECT: the tables it reads, its own CTEs, and the tables it qualifies with their schema."""
    row = first(db, "SELECT json_serialize_sql(?)", [sql])
    nodes = list(_walk(json.loads(row[0])["statements"])) if row else []
    if any(str(node.get("function_name", "")).lower() == story.NAME for node in nodes):
        raise NotKnown("a story spans all times: filter its column `happened_at` instead of --as-of")
    named = [node for node in nodes if node.get("type") == "BASE_TABLE"]
    tables = {str(node["table_name"]).lower() for node in named}
    qualified = {str(node["table_name"]).lower() for node in named if node.get("schema_name")}
    own = {entry["key"].lower() for node in nodes for entry in (node.get("cte_map") or {}).get("map", [])}
    return tables, own, qualified


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _walk(child)


def _in_front(parts: list[str], sql: str) -> str:
    """The query with these CTEs in front of its own."""
    if not parts:
        return sql
    begin = _LEADING.match(sql)
    body = sql[begin.end() if begin else 0 :]
    if found := _WITH.match(body):
        return f"WITH{found[1] or ''} {', '.join(parts)}, {body[found.end() :]}"
    return f"WITH {', '.join(parts)} {body}"
