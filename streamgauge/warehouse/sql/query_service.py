"""A question, and its answer: checked by the guard, on a cursor of its own, within limits of time, rows and turns."""

from __future__ import annotations

import contextlib
import hashlib
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
ANSWER_BYTES = 256 * 1024 * 1024
# Statements that are known to be harmless; pages and dashboards ask the same few again and again.
REMEMBERED = 1_000


class QueryRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /sql`."""

    sql: str
    params: list[Any] | dict[str, Any] = []
    name: str | None = None
    lane: Lane = "adhoc"
    as_of: str | None = None
    known_only: bool = False


class QueryRefused(Exception):
    """A question that gets no answer: HTTP status, rule and why."""

    def __init__(self, status: int, rule: str, message: str) -> None:
        super().__init__(message)
        self.status, self.rule = status, rule


def parse_request(body: bytes) -> QueryRequest:
    """What the body asks. Raises `QueryRefused`."""
    try:
        return msgspec.json.decode(body, type=QueryRequest)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise QueryRefused(400, "request", f"the body must be {{'sql': …, 'params': […]}}: {error}") from None


class QueryService:
    """Runs queries on cursors of the one connection."""

    def __init__(self, db: duckdb.DuckDBPyConnection, settings: Settings, catalog: Catalog) -> None:
        self._db = db
        self._settings = settings
        self._tables = frozenset([*(model.name for model in catalog.models), *(view.name for view in catalog.views)])
        self._as_of = AsOfRewriter(catalog)
        self._turns = {lane: threading.BoundedSemaphore(settings.sql_max_queries) for lane in LANES}
        self._registry = QueryRegistry()
        self._harmless = set[bytes]()

    def query(self, request: QueryRequest) -> tuple[pa.Table, tuple[str, ...]]:
        """The answer, as an Arrow table, and notes on what it leaves out. Raises `QueryRefused`."""
        with self._registry.enter(request.name) as active, self._turn(request.lane):
            try:
                return self._answer(active, request)
            except duckdb.InterruptException:
                if active.why == "cancelled":
                    raise QueryRefused(408, "cancelled", "cancelled") from None
                raise QueryRefused(408, "timeout", f"cut after {self._settings.sql_timeout_s:g} s") from None
            except guard.RefusedSql as error:
                metrics.counter("streamgauge_sql_refusals_total").labels(error.rule).inc()
                raise QueryRefused(400, error.rule, str(error)) from None
            except duckdb.Error as error:
                raise QueryRefused(400, "sql", str(error)) from None

    def cancel(self, name: str) -> bool:
        """End the question that runs or waits under this name; False where none does."""
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

    def _answer(self, active: ActiveQuery, request: QueryRequest) -> tuple[pa.Table, tuple[str, ...]]:
        cursor = self._db.cursor()
        with active.limited(cursor, self._settings.sql_timeout_s):
            self._check(cursor, request.sql)
            sql, notes = self._past(cursor, request)
            rows = self._bounded(cursor.execute(sql, request.params or None))
        if active.why == "cancelled":
            raise QueryRefused(408, "cancelled", "cancelled")
        return rows, notes

    def _check(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Let the guard read a statement, once: what it says depends on nothing but the text."""
        digest = hashlib.sha256(sql.encode(errors="surrogatepass")).digest()
        if digest not in self._harmless:
            guard.check(cursor, sql, self._tables)
            if len(self._harmless) >= REMEMBERED:
                self._harmless.clear()
            self._harmless.add(digest)

    def _past(self, cursor: duckdb.DuckDBPyConnection, request: QueryRequest) -> tuple[str, tuple[str, ...]]:
        """The statement to run, the one asked for or one over the tables as of a time, and notes."""
        if request.as_of is None:
            return request.sql, ()
        try:
            at = asof.parse(request.as_of)
            instead = self._as_of.rewrite(cursor, request.sql, at, known_only=request.known_only)
        except ValueError:
            raise QueryRefused(400, "request", f"`{request.as_of}` is no time; say 2026-11-23T04:00:00Z") from None
        except asof.NotKnown as error:
            raise QueryRefused(400, "not_known", str(error)) from None
        return instead.sql, instead.notes

    def _bounded(self, answer: duckdb.DuckDBPyConnection) -> pa.Table:
        reader = answer.to_arrow_reader(65_536)
        batches, rows, size = [], 0, 0
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
            if rows > self._settings.sql_max_rows or size > ANSWER_BYTES:
                raise QueryRefused(
                    413,
                    "rows",
                    f"the answer has more than {self._settings.sql_max_rows:,} rows or {ANSWER_BYTES >> 20} MiB; "
                    "aggregate, or add a LIMIT",
                )
        return results.plain_integers(pa.Table.from_batches(batches, reader.schema))
