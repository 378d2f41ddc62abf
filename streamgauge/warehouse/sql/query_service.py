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
from streamgauge.warehouse.sql.as_of import AsOf
from streamgauge.warehouse.sql.query_registry import Register, Running
from streamgauge.warehouse.sql.results import LANES, Lane

WAIT_FOR_TURN_S = 2.0
ANSWER_BYTES = 256 * 1024 * 1024
# Statements that are known to be harmless; pages and dashboards ask the same few again and again.
REMEMBERED = 1_000


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /sql`."""

    sql: str
    params: list[Any] | dict[str, Any] = []
    name: str | None = None
    lane: Lane = "adhoc"
    as_of: str | None = None
    known_only: bool = False


class Refused(Exception):
    """A question that gets no answer: HTTP status, rule and why."""

    def __init__(self, status: int, rule: str, message: str) -> None:
        super().__init__(message)
        self.status, self.rule = status, rule


def question(body: bytes) -> Question:
    """What the body asks. Raises `Refused`."""
    try:
        return msgspec.json.decode(body, type=Question)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Refused(400, "request", f"the body must be {{'sql': …, 'params': […]}}: {error}") from None


class Answers:
    """Runs queries on cursors of the one connection."""

    def __init__(self, db: duckdb.DuckDBPyConnection, settings: Settings, catalog: Catalog) -> None:
        self._db = db
        self._settings = settings
        self._tables = frozenset([*(model.name for model in catalog.models), *(view.name for view in catalog.views)])
        self._as_of = AsOf(catalog)
        self._turns = {lane: threading.BoundedSemaphore(settings.sql_max_queries) for lane in LANES}
        self._register = Register()
        self._harmless = set[bytes]()

    def query(self, question: Question) -> tuple[pa.Table, tuple[str, ...]]:
        """The answer, as an Arrow table, and notes on what it leaves out. Raises `Refused`."""
        with self._register.enter(question.name) as one, self._turn(question.lane):
            try:
                return self._answer(one, question)
            except duckdb.InterruptException:
                if one.why == "cancelled":
                    raise Refused(408, "cancelled", "cancelled") from None
                raise Refused(408, "timeout", f"cut after {self._settings.sql_timeout_s:g} s") from None
            except guard.RefusedSql as error:
                metrics.counter("streamgauge_sql_refusals_total").labels(error.rule).inc()
                raise Refused(400, error.rule, str(error)) from None
            except duckdb.Error as error:
                raise Refused(400, "sql", str(error)) from None

    def cancel(self, name: str) -> bool:
        """End the question that runs or waits under this name; False where none does."""
        return self._register.cancel(name)

    @contextlib.contextmanager
    def _turn(self, lane: Lane) -> Iterator[None]:
        turns = self._turns[lane]
        if not turns.acquire(timeout=WAIT_FOR_TURN_S):
            raise Refused(503, "busy", f"{self._settings.sql_max_queries} queries are running; try again")
        try:
            yield
        finally:
            turns.release()

    def _answer(self, one: Running, question: Question) -> tuple[pa.Table, tuple[str, ...]]:
        cursor = self._db.cursor()
        with one.limited(cursor, self._settings.sql_timeout_s):
            self._check(cursor, question.sql)
            sql, notes = self._past(cursor, question)
            rows = self._bounded(cursor.execute(sql, question.params or None))
        if one.why == "cancelled":
            raise Refused(408, "cancelled", "cancelled")
        return rows, notes

    def _check(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Let the guard read a statement, once: what it says depends on nothing but the text."""
        digest = hashlib.sha256(sql.encode(errors="surrogatepass")).digest()
        if digest not in self._harmless:
            guard.check(cursor, sql, self._tables)
            if len(self._harmless) >= REMEMBERED:
                self._harmless.clear()
            self._harmless.add(digest)

    def _past(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> tuple[str, tuple[str, ...]]:
        """The statement to run, the one asked for or one over the tables as of a time, and notes."""
        if question.as_of is None:
            return question.sql, ()
        try:
            at = asof.parse(question.as_of)
            instead = self._as_of.rewrite(cursor, question.sql, at, known_only=question.known_only)
        except ValueError:
            raise Refused(400, "request", f"`{question.as_of}` is no time; say 2026-11-23T04:00:00Z") from None
        except asof.NotKnown as error:
            raise Refused(400, "not_known", str(error)) from None
        return instead.sql, instead.notes

    def _bounded(self, answer: duckdb.DuckDBPyConnection) -> pa.Table:
        reader = answer.to_arrow_reader(65_536)
        batches, rows, size = [], 0, 0
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
            if rows > self._settings.sql_max_rows or size > ANSWER_BYTES:
                raise Refused(
                    413,
                    "rows",
                    f"the answer has more than {self._settings.sql_max_rows:,} rows or {ANSWER_BYTES >> 20} MiB; "
                    "aggregate, or add a LIMIT",
                )
        return results.plain_integers(pa.Table.from_batches(batches, reader.schema))
