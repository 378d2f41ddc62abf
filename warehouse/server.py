"""SQL over HTTP, from the process that owns the file: short reads with a time limit, beside the one writer.

    POST /sql       {"sql": "SELECT …", "params": […]} → Arrow IPC stream (default), JSON or CSV, by `Accept`;
                    "as_of" (ISO 8601) asks the tables as of then (asof.py); notes in a header `streamgauge-notes`;
                    "params" may be an object, for `$name`; "name" is what it can be cancelled by; "lane" says among
                    whom it waits: the dashboard's `pages` never wait for an `adhoc` query
    DELETE /sql/NAME  cancel the query of that name
    GET  /tables    tables with their columns and types
    GET  /snapshot  a consistent copy of the file, for any DuckDB tool
    GET  /health, /metrics   without the token

Errors are `{"error": rule, "message": …}`: 400 refused or wrong SQL, 401 no token, 408 cut at the time limit, 413 too
large an answer, 503 too many queries at a time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from catalog.loader import Catalog
from runtime import metrics
from runtime.errors import UsageError
from runtime.process import Process
from runtime.settings import Settings
from warehouse import asof, guard, results
from warehouse.asof import AsOf
from warehouse.results import LANES, Lane
from warehouse.store import snapshot_folder

WAIT_FOR_TURN_S = 2.0
ANSWER_BYTES = 256 * 1024 * 1024
log = logging.getLogger("streamgauge")


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


def token(settings: Settings) -> str:
    """The token clients send: from the setting, or from a 0600 file that is made once. Never logged."""
    if settings.sql_token:
        return settings.sql_token.get_secret_value()
    path = settings.token_file
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), open(path, "x", opener=_private) as file:
        file.write(secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii").strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Answers:
    """Runs queries on cursors of the one connection."""

    def __init__(self, db: duckdb.DuckDBPyConnection, settings: Settings, catalog: Catalog) -> None:
        self._db = db
        self._settings = settings
        self._tables = frozenset([*(model.name for model in catalog.models), *(view.name for view in catalog.views)])
        self._as_of = AsOf(catalog)
        self._turns = {lane: threading.BoundedSemaphore(settings.sql_max_queries) for lane in LANES}
        self._named: dict[str, duckdb.DuckDBPyConnection] = {}

    def query(self, question: Question) -> tuple[pa.Table, tuple[str, ...]]:
        """The answer, as an Arrow table, and notes on what it leaves out. Raises `Refused`."""
        turns = self._turns[question.lane]
        if not turns.acquire(timeout=WAIT_FOR_TURN_S):
            raise Refused(503, "busy", f"{self._settings.sql_max_queries} queries are running; try again")
        try:
            cursor = self._db.cursor()
            # The timer ends a runaway query while the writer goes on (PITFALLS 21).
            cut = threading.Timer(self._settings.sql_timeout_s, cursor.interrupt)
            cut.daemon = True
            cut.start()
            if question.name is not None:
                self._named[question.name] = cursor
            try:
                guard.check(cursor, question.sql, self._tables)
                sql, notes = self._past(cursor, question)
                return self._bounded(cursor.execute(sql, question.params or None)), notes
            except duckdb.InterruptException:
                if question.name is not None and question.name not in self._named:
                    raise Refused(408, "cancelled", "cancelled") from None
                raise Refused(408, "timeout", f"cut after {self._settings.sql_timeout_s:g} s") from None
            finally:
                if question.name is not None:
                    self._named.pop(question.name, None)
                cut.cancel()
                cursor.close()
        except guard.RefusedSql as error:
            metrics.counter("streamgauge_sql_refusals_total").labels(error.rule).inc()
            raise Refused(400, error.rule, str(error)) from None
        except duckdb.Error as error:
            raise Refused(400, "sql", str(error)) from None
        finally:
            turns.release()

    def cancel(self, name: str) -> bool:
        """Interrupt the query that runs under this name; False where none does."""
        cursor = self._named.pop(name, None)
        if cursor is None:
            return False
        cursor.interrupt()
        return True

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


def application(running: Process, db: duckdb.DuckDBPyConnection, catalog: Catalog) -> Starlette:
    """The Starlette application over an open warehouse."""
    settings = running.settings
    answers = Answers(db, settings, catalog)
    expected = f"Bearer {token(settings)}"

    def sql(request: Request, body: bytes) -> Response:
        try:
            question = msgspec.json.decode(body, type=Question)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise Refused(400, "request", f"the body must be {{'sql': …, 'params': […]}}: {error}") from None
        kind = results.negotiate(request.headers.get("accept", ""))
        rows, notes = answers.query(question)
        headers = {results.NOTES: json.dumps(notes)} if notes else {}
        return Response(results.WRITERS[kind](rows), media_type=kind, headers=headers)

    def cancel(request: Request, _body: bytes) -> Response:
        return JSONResponse({"cancelled": answers.cancel(request.path_params["name"])})

    def tables(_request: Request, _body: bytes) -> Response:
        return JSONResponse(
            [
                {"table": model.name, "merge": model.merge, "key": list(model.key), "columns": dict(model.columns)}
                for model in catalog.models
            ]
        )

    def snapshot(_request: Request, _body: bytes) -> Response:
        path = snapshot_folder(settings) / f"{uuid.uuid4().hex}.duckdb"
        try:
            copy(db, path)
        except duckdb.Error as error:
            path.unlink(missing_ok=True)
            raise Refused(500, "snapshot", str(error).splitlines()[0]) from None
        return FileResponse(path, background=BackgroundTask(path.unlink, missing_ok=True))

    def health(_request: Request) -> Response:
        state = running.health
        return JSONResponse(state, 200 if state["status"] == "ready" else 503)

    def scrape(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    def guarded(work: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if not secrets.compare_digest(request.headers.get("authorization", ""), expected):
                return _error(401, "token", f"send the token of {settings.token_file} as `Authorization: Bearer …`")
            body = await request.body()
            began = time.perf_counter()
            try:
                answer = await run_in_threadpool(work, request, body)
                outcome = "ok"
            except Refused as error:
                answer, outcome = _error(error.status, error.rule, str(error)), error.rule
            if request.url.path == "/sql":
                metrics.counter("streamgauge_sql_queries_total").labels(outcome).inc()
                metrics.histogram("streamgauge_sql_seconds").observe(time.perf_counter() - began)
            return answer

        return endpoint

    return Starlette(
        routes=[
            Route("/sql", guarded(sql), methods=["POST"]),
            Route("/sql/{name}", guarded(cancel), methods=["DELETE"]),
            Route("/tables", guarded(tables)),
            Route("/snapshot", guarded(snapshot)),
            Route("/health", health),
            Route("/metrics", scrape),
        ]
    )


def copy(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write a consistent copy of the warehouse to `path`, a new file in the snapshot folder; merges go on meanwhile."""
    name = f"copy_{path.stem}"
    with db.cursor() as cursor:
        # For any DuckDB from 1.0 on, whatever this one is.
        cursor.execute(f"ATTACH '{path.resolve()}' AS {name} (STORAGE_VERSION 'v1.0.0')")
        try:
            # Fetch all: an open result is an open transaction, and in one the copy sets an option, which is locked.
            source = cursor.execute("SELECT current_database()").fetchall()[0][0]
            cursor.execute(f'COPY FROM DATABASE "{source}" TO {name}')
        finally:
            cursor.execute(f"DETACH {name}")


def _error(status: int, rule: str, message: str) -> Response:
    return JSONResponse({"error": rule, "message": message}, status)


@contextlib.contextmanager
def serve(running: Process, db: duckdb.DuckDBPyConnection, catalog: Catalog) -> Iterator[None]:
    """Answer from a thread of its own for as long as the block runs. Raises `UsageError` when the port is in use."""
    host, port = running.settings.sql_host, running.settings.sql_port
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it each answer waits some 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Listening before the thread runs: who connects at once waits, and is not refused.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(f"port {port} is in use ({error.strerror}); set STREAMGAUGE_SQL_PORT to a free one") from None
    server = uvicorn.Server(
        uvicorn.Config(application(running, db, catalog), log_level="warning", access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sql", daemon=True)
    thread.start()
    log.info("SQL on http://%s:%d/sql", host, port)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
