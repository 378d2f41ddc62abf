"""Model: a `.sql` file with a SELECT over one stream's batch, and how its rows merge into a table.

The header has `model`, `stream` and `merge`, `every` for windows, `key` for latest, and optionally `metrics`, which
exposes a window's measures to Prometheus (kpi.py). Table, key and columns follow from the SELECT. All errors of a model
are found at start, with file and line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from streamgauge.catalog import kpi, passthrough
from streamgauge.catalog.kpi import Kpis
from streamgauge.catalog.sql_file import NAME, SqlFile, described
from streamgauge.catalog.stream import ARRIVED_AT, Stream
from streamgauge.runtime.metric import Metric

Merge = Literal["window", "latest", "append"]
_HEADER = re.compile(r"^--\s*(model|stream|merge|every|key|metrics)\s*:\s*(.*?)\s*$")
_EVERY = re.compile(r"^(\d+)\s*(seconds?|minutes?|hours?)$")
_UNIT_MS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000}
_ADDED = {"count", "count_star", "countif", "count_if", "sum", "sum_no_overflow"}
VERSION = "kafka_offset"
# Column of append and latest tables, added by the warehouse (streamgauge/deltas/provenance.py): since when the topic
# that the row was read from is known. A topic made anew has a later one, and its offsets begin again.
SINCE = "kafka_topic_since"
_SINCE_COLUMN = {SINCE: "TIMESTAMP WITH TIME ZONE"}


@dataclass(frozen=True)
class Model:
    """A checked model. `delta_sql` selects a batch's delta from the relation `events`.

    `columns` are those of the table, with DuckDB's types; `selected` are those of the delta.
    """

    name: str
    stream: str
    merge: Merge
    key: tuple[str, ...]
    columns: Mapping[str, str]
    delta_sql: str
    every_ms: int = 0
    kpis: Kpis | None = None
    # Columns taken unchanged from the batch, when the delta has the batch's rows in their order: they need no SQL.
    passthrough: Mapping[str, str] = field(default_factory=dict)
    # The column of a latest model over a compacted stream with the stream's key, by which tombstones delete rows.
    tombstone_key: str | None = None
    # For display: the prose of the file's header, and its SELECT as written.
    about: str = ""
    select: str = ""

    def with_tombstones(self, stream: Stream | None) -> Model:
        """The model as tombstones of its stream delete rows from it; a model without the stream's key has none."""
        if stream is None or not stream.compacted or self.merge != "latest":
            return self
        own = [column for column, source in self.passthrough.items() if source == stream.key]
        own += [stream.key] if not self.passthrough and stream.key in self.columns else []
        return replace(self, tombstone_key=own[0] if own else None)

    @property
    def selected(self) -> tuple[str, ...]:
        """Columns of the delta: those of the table without the one that the warehouse adds."""
        return tuple(name for name in self.columns if name != SINCE)

    @property
    def arrival(self) -> str:
        """The column of an append model that retention goes by."""
        return arrival(self.stream)

    @property
    def is_copy(self) -> bool:
        """Whether the delta is the batch itself: every event unchanged."""
        return bool(self.passthrough) and all(self.passthrough.get(name) == name for name in self.selected)

    @property
    def computed(self) -> tuple[str, ...]:
        """Columns that are computed by SQL."""
        return tuple(name for name in self.selected if name not in self.passthrough)

    @property
    def measures(self) -> tuple[str, ...]:
        """Columns that are merged, not matched (windows only)."""
        return tuple(name for name in self.columns if name not in self.key)

    def merged(self, measure: str) -> Literal["add", "min", "max"]:
        """How a measure merges: names with the prefix `min_`/`max_` take the minimum/maximum, others are added."""
        prefix = measure[:4]
        return "min" if prefix == "min_" else "max" if prefix == "max_" else "add"


def arrival(stream: str) -> str:
    """The column with the arrival of a relation's rows: a dead letter stays from when it became one."""
    return "dead_at" if stream == "dead_letters" else ARRIVED_AT


def load(
    con: duckdb.DuckDBPyConnection, path: Path, schemas: Mapping[str, pa.Schema], event_times: Mapping[str, str]
) -> Model:
    """Read and check one model file.

    `con` is any database, whose relation `events` is replaced. `schemas` has the relation `events` of each stream,
    `event_times` the stream's event-time column.
    Raises `UsageError` that begins `file:line:`.
    """
    source = SqlFile(path, _HEADER)
    header, first = source.header()
    for entry in ("model", "stream", "merge"):
        if not header.get(entry):
            raise source.error(f"the header lacks `-- {entry}: …`")
    name, stream, merge = header["model"], header["stream"], header["merge"]
    about = source.about(first)
    if not NAME.match(name) or name != path.stem:
        raise source.error(f"model `{name}` must be lower_case and named as its file, {path.stem}", 1)
    if stream not in schemas:
        raise source.error(
            f"there is no stream `{stream}`; there are: {', '.join(sorted(schemas))}", source.line_of_header("stream")
        )
    body = source.body(first)
    if not re.match(r"(?i)select\s", body):
        raise source.error("a model is one SELECT over `events`", first + 1)
    con.register("events", schemas[stream].empty_table())
    tree = _parse(con, source, body, first)
    if merge == "window":
        return replace(_window(con, source, header, body, tree, first, event_times[stream]), about=about, select=body)
    for entry in ("every", "metrics"):
        if entry in header:
            raise source.error(f"only `merge: window` takes `{entry}`", source.line_of_header(entry))
    columns = described(con, source, body, first)
    if merge == "append":
        for needed in ("kafka_partition", "kafka_offset", arrival(stream)):
            if needed not in columns:
                raise source.error(f"an append model must select {needed}: retention and provenance need it", first + 1)
        unchanged = passthrough.columns(tree, schemas[stream])
        columns |= _SINCE_COLUMN
        return Model(name, stream, "append", (), columns, body, passthrough=unchanged, about=about, select=body)
    if merge == "latest":
        return replace(
            _latest(con, source, header, body, first, passthrough.columns(tree, schemas[stream])),
            about=about,
            select=body,
        )
    raise source.error(f"merge must be window, latest or append, not `{merge}`", source.line_of_header("merge"))


def metrics(models: Iterable[Model]) -> tuple[Metric, ...]:
    """All KPI counters of a catalog's models. Raises `ValueError` when two would have the same name."""
    found: dict[str, Metric] = {}
    for model in models:
        if model.kpis is None:
            continue
        for measure in model.kpis.measures:
            made = kpi.metric(model.name, measure, model.kpis.by)
            if made.name in found:
                raise ValueError(f"model `{model.name}`: another model's header defines the metric {made.name} too")
            found[made.name] = made
    return tuple(found.values())


@cache
def _aggregates() -> frozenset[str]:
    """The names of DuckDB's aggregate functions."""
    with duckdb.connect(":memory:") as con:
        rows = con.execute("SELECT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'").fetchall()
    return frozenset(str(name) for (name,) in rows)


def _parse(con: duckdb.DuckDBPyConnection, source: SqlFile, body: str, first: int) -> dict[str, Any]:
    row = con.execute("SELECT json_serialize_sql(?)", [body]).fetchone()
    parsed: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if parsed["error"]:
        line = body[: int(parsed.get("position") or 0)].count("\n") + first + 1
        raise source.error(str(parsed.get("error_message", "this is not a SELECT")), line)
    nodes = [statement["node"] for statement in parsed["statements"]]
    if len(nodes) != 1 or nodes[0]["type"] != "SELECT_NODE":
        raise source.error("a model is one plain SELECT over `events`", first + 1)
    node: dict[str, Any] = nodes[0]
    origin = node.get("from_table") or {}
    if origin.get("type") != "BASE_TABLE" or origin.get("table_name") != "events":
        raise source.error("a model selects FROM events, and from nothing else", source.line_of("FROM"))
    return node


def _window(
    con: duckdb.DuckDBPyConnection,
    source: SqlFile,
    header: Mapping[str, str],
    body: str,
    tree: Mapping[str, Any],
    first: int,
    event_time: str,
) -> Model:
    every = _EVERY.match(header.get("every", ""))
    if not every or int(every[1]) == 0:
        raise source.error("a window model needs `-- every: N seconds|minutes|hours`", 1)
    every_ms = int(every[1]) * _UNIT_MS[every[2].rstrip("s")]
    if tree.get("aggregate_handling") != "FORCE_AGGREGATES":
        raise source.error("a window model ends with GROUP BY ALL", first + 1)
    if tree.get("modifiers") or tree.get("having") or tree.get("qualify"):
        raise source.error("ORDER BY, LIMIT, DISTINCT, HAVING and QUALIFY cannot be merged", first + 1)
    aggregates = _aggregates()
    key, columns = ["window_start"], {"window_start": "TIMESTAMP WITH TIME ZONE"}
    types = described(con, source, body, first)
    outputs = []
    for column, item in zip(types, tree["select_list"], strict=True):
        if not _has_aggregate(item, aggregates):
            key.append(column)
            columns[column] = types[column]
            outputs.append(f'"{column}"')
            continue
        least_or_greatest = {"min_": "min", "max_": "max"}.get(column[:4])
        if not _mergeable(item, {least_or_greatest} if least_or_greatest else _ADDED):
            raise source.error(
                f"measure `{column}` cannot be added: use count or sum (or min/max in a name that begins min_/max_)",
                source.line_of(column),
            )
        # sum(BIGINT) is a HUGEINT; fields are bounded so that sums fit 64 bits, and the cast fails rather than wraps.
        columns[column] = "BIGINT" if types[column] in ("HUGEINT", "UBIGINT", "INTEGER") else types[column]
        inner = f'"{column}"' if least_or_greatest else f'coalesce("{column}", 0)'
        outputs.append(f'CAST({inner} AS {columns[column]}) AS "{column}"')
    start = f"epoch_ms({event_time}) - epoch_ms({event_time}) % {every_ms}"
    delta = (
        f"SELECT CAST(epoch_ms(window_start) AS TIMESTAMPTZ) AS window_start, {', '.join(outputs)} "
        f"FROM (SELECT {start} AS window_start, {body[6:]})"
    )
    described(con, source, delta, first)
    try:
        kpis = kpi.parse(header["metrics"], key, columns) if "metrics" in header else None
    except ValueError as error:
        raise source.error(str(error), source.line_of_header("metrics")) from None
    return Model(header["model"], header["stream"], "window", tuple(key), columns, delta, every_ms, kpis)


def _latest(
    con: duckdb.DuckDBPyConnection,
    source: SqlFile,
    header: Mapping[str, str],
    body: str,
    first: int,
    passthrough: Mapping[str, str],
) -> Model:
    columns = described(con, source, body, first)
    key = tuple(part.strip() for part in header.get("key", "").split(",") if part.strip())
    if not key:
        raise source.error("a latest model needs `-- key: column, …`", 1)
    for part in key:
        if part not in columns:
            raise source.error(f"key column `{part}` is not selected", source.line_of_header("key"))
    delta = f"SELECT {VERSION}, {body[6:]}"
    columns = described(con, source, delta, first)
    return Model(
        header["model"],
        header["stream"],
        "latest",
        key,
        _SINCE_COLUMN | columns,
        delta,
        passthrough={**passthrough, VERSION: VERSION} if passthrough else {},
    )


def _has_aggregate(node: Any, aggregates: frozenset[str]) -> bool:
    if isinstance(node, dict):
        if node.get("class") == "FUNCTION" and node.get("function_name") in aggregates:
            return True
        return any(_has_aggregate(child, aggregates) for child in node.values())
    return isinstance(node, list) and any(_has_aggregate(child, aggregates) for child in node)


def _mergeable(node: Mapping[str, Any], functions: set[str]) -> bool:
    """Whether merging the measures of two batches gives the measure of both together."""
    if node["class"] == "CAST":
        return _mergeable(node["child"], functions)
    if node["class"] != "FUNCTION":
        return False
    if node["function_name"] in ("+", "-") and "sum" in functions:
        return all(_mergeable(child, functions) for child in node["children"])
    return node["function_name"] in functions and not node["distinct"]
