"""Query service: runs checked queries on cursors of their own, within limits of time, size and concurrency."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from streamgauge.catalog.loader import Catalog
from streamgauge.runtime import metrics
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql import as_of as asof
from streamgauge.warehouse.sql import guard, results
from streamgauge.warehouse.sql.as_of import AsOfRewriter
from streamgauge.warehouse.sql.query_registry import ActiveQuery, QueryRegistry
from streamgauge.warehouse.sql.results import LANES, Lane

WAIT_FOR_TURN_S = 2.0
DEAF_S = 20.0
RESULT_BYTES = 256 * 1024 * 1024
# Statements that passed the guard; pages and dashboards send the same few again and again.
CHECKED_KEPT = 1_000
# UHUGEINT loses its highest bit, TIME WITH TIME ZONE its zone, and the others are bytes of DuckDB's own.
_NOT_IN_ARROW = re.compile(r"\b(UHUGEINT|BIGNUM|BIT|TIME WITH TIME ZONE)\b")
# DuckDB takes minutes for the type of a parameter of hundreds of levels, and cannot be interrupted then.
PARAMETER_LEVELS = 20


class QueryRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /sql`."""

    sql: str
    params: list[Any] | dict[str, Any] = []
    name: str | None = None
    lane: Lane = "adhoc"
    as_of: str | None = None
    known_only: bool = False


class QueryRefused(Exception):
    """A query that is not answered: HTTP status, rule and reason."""

    def __init__(self, status: int, rule: str, message: str) -> None:
        super().__init__(message)
        self.status, self.rule = status, rule


def parse_request(body: bytes) -> QueryRequest:
    """Parse the body of `POST /sql`. Raises `QueryRefused`."""
    try:
        request = msgspec.json.decode(body, type=QueryRequest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise QueryRefused(400, "request", f"the body must be {{'sql': …, 'params': […]}}: {error}") from None
    if _deeper(request.params, PARAMETER_LEVELS):
        raise QueryRefused(400, "request", f"parameters are nested at most {PARAMETER_LEVELS} levels deep")
    return request


def _deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (levels == 0 or any(_deeper(one, levels - 1) for one in inner))


class QueryService:
    """Runs queries on cursors of the warehouse's connection; safe to call from many threads."""

    def __init__(self, db: duckdb.DuckDBPyConnection, settings: Settings, catalog: Catalog) -> None:
        self._db = db
        self._settings = settings
        self._tables = frozenset([*(model.name for model in catalog.models), *(view.name for view in catalog.views)])
        self._as_of = AsOfRewriter(catalog)
        self._turns = {lane: threading.BoundedSemaphore(settings.sql_max_queries) for lane in LANES}
        self._registry = QueryRegistry()
        self._checked = set[bytes]()

    def query(self, request: QueryRequest) -> tuple[pa.Table, tuple[str, ...]]:
        """Run a query; returns its rows and notes on what they leave out. Blocks until done or refused.

        Raises `QueryRefused` (400 wrong or forbidden SQL, 408 timeout or cancelled, 413 too large, 503 too busy).
        """
        with self._registry.enter(request.name, request.sql) as active, self._turn(request.lane):
            try:
                return self._run(active, request)
            except duckdb.InterruptException:
                if active.why == "cancelled":
                    raise QueryRefused(408, "cancelled", "cancelled") from None
                if active.why == "memory":
                    raise self.too_large() from None
                raise QueryRefused(408, "timeout", f"cut after {self._settings.sql_timeout_s:g} s") from None
            except guard.RefusedSql as error:
                metrics.counter("streamgauge_sql_refusals_total").labels(error.rule).inc()
                raise QueryRefused(400, error.rule, str(error)) from None
            except (duckdb.OutOfMemoryException, MemoryError):
                raise self.too_large() from None
            except duckdb.Error as error:
                raise QueryRefused(400, "sql", str(error)) from None

    def too_large(self) -> QueryRefused:
        """The refusal of a query that needs more memory than there is."""
        return QueryRefused(
            413,
            "memory",
            f"the query needs more memory than the warehouse has ({self._settings.warehouse_memory}); "
            "aggregate in smaller steps, or raise STREAMGAUGE_WAREHOUSE_MEMORY",
        )

    def cut(self) -> int:
        """End the queries that run, because the memory is used up; returns how many."""
        return self._registry.cut("memory")

    def deaf(self, seconds: float | None = None) -> str | None:
        """The text of a query that has ignored its end for `DEAF_S`: only a new process gets rid of it."""
        return self._registry.deaf(DEAF_S if seconds is None else seconds)

    def cancel(self, name: str) -> bool:
        """Cancel the queries that run or wait under this name; False if there is none."""
        return self._registry.cancel(name)

    @contextlib.contextmanager
    def _turn(self, lane: Lane) -> Iterator[None]:
        turns = self._turns[lane]
        if not turns.acquire(timeout=WAIT_FOR_TURN_S):
            raise QueryRefused(503, "busy", f"{self._settings.sql_max_queries} queries are running; try again")
        try:
            yield
        finally:
            turns.release()

    def _run(self, active: ActiveQuery, request: QueryRequest) -> tuple[pa.Table, tuple[str, ...]]:
        cursor = self._db.cursor()
        with active.limited(cursor, self._settings.sql_timeout_s):
            self._check(cursor, request.sql)
            sql, notes = self._rewritten(cursor, request)
            rows = self._bounded(_executed(cursor, sql, request.params or None))
        if active.why == "cancelled":
            raise QueryRefused(408, "cancelled", "cancelled")
        return rows, notes

    def _check(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Let the guard check a statement once: its verdict depends on the text alone."""
        digest = hashlib.sha256(sql.encode(errors="surrogatepass")).digest()
        if digest not in self._checked:
            guard.check(cursor, sql, self._tables)
            if len(self._checked) >= CHECKED_KEPT:
                self._checked.clear()
            self._checked.add(digest)

    def _rewritten(self, cursor: duckdb.DuckDBPyConnection, request: QueryRequest) -> tuple[str, tuple[str, ...]]:
        """The SQL to run, rewritten where the request is as of a past time, and notes."""
        if request.as_of is None:
            return request.sql, ()
        try:
            at = asof.parse(request.as_of)
            rewritten = self._as_of.rewrite(cursor, request.sql, at, known_only=request.known_only)
        except (ValueError, OverflowError):
            raise QueryRefused(400, "request", f"`{request.as_of}` is not a time; write 2026-11-23T04:00:00Z") from None
        except asof.NotKnown as error:
            raise QueryRefused(400, "not_known", str(error)) from None
        return rewritten.sql, rewritten.notes

    def _bounded(self, result: duckdb.DuckDBPyConnection) -> pa.Table:
        reader = result.to_arrow_reader(65_536)
        batches, rows, size = [], 0, 0
        for batch in _read(reader):
            batches.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
            if rows > self._settings.sql_max_rows or size > RESULT_BYTES:
                raise QueryRefused(
                    413,
                    "rows",
                    f"the result has more than {self._settings.sql_max_rows:,} rows or {RESULT_BYTES >> 20} MiB; "
                    "aggregate, or add a LIMIT",
                )
        return results.plain_integers(pa.Table.from_batches(batches, reader.schema))


def _executed(cursor: duckdb.DuckDBPyConnection, sql: str, params: Any) -> duckdb.DuckDBPyConnection:
    """Run a query; columns of a type that Arrow has not become text, for it would give other values."""
    result = cursor.execute(sql, params)
    kinds = [(name, _NOT_IN_ARROW.search(str(kind))) for name, kind, *_ in result.description or ()]
    if not any(other for _, other in kinds):
        return result
    columns = ", ".join(
        f"#{number}{'::VARCHAR' if other else ''} AS {_quoted(name)}" for number, (name, other) in enumerate(kinds, 1)
    )
    return cursor.execute(f"SELECT {columns} FROM (\n{sql.rstrip().removesuffix(';')}\n)", params)


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches; what DuckDB raises meanwhile comes as Arrow's error, and leaves as DuckDB's."""
    try:
        yield from reader
    except (OSError, pa.ArrowInvalid) as error:
        text = str(error)
        if "INTERRUPT" in text:
            raise duckdb.InterruptException(text) from None
        if "Out of Memory" in text:
            raise duckdb.OutOfMemoryException(text) from None
        raise duckdb.Error(text) from None
