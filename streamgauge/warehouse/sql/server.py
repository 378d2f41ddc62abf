"""SQL server: read-only SQL over HTTP from the process that owns the file.

    POST /sql       {"sql": "SELECT …", "params": […]} → Arrow IPC stream (default), JSON or CSV, by `Accept`.
                    Optional: "params" as an object, for `$name`; "as_of" (ISO 8601), to query the tables as of a past
                    time (as_of.py), with notes in the header `streamgauge-notes`; "name", to cancel the query by;
                    "lane": queries wait for those of their lane only (`pages` is the dashboard's, else `adhoc`)
    DELETE /sql/NAME  cancel the queries of that name
    GET  /tables    tables and views with their columns, types and descriptions; `merge` of a view is `view`
    GET  /snapshot  a consistent copy of the file, for any DuckDB tool
    GET  /health, /metrics   without the token

Errors are `{"error": rule, "message": …}`: 400 refused or wrong SQL, 401 no token, 408 time limit or cancelled, 413
request or result too large, 503 too many queries at a time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import duckdb
from anyio import to_thread
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from streamgauge.catalog.loader import Catalog
from streamgauge.runtime import files, http, metrics
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql import query_service, results
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryService
from streamgauge.warehouse.sql.results import LANES, Lane
from streamgauge.warehouse.store import snapshot_folder

# Threads for the queries of each lane, waiting ones included.
THREADS = 40
# Less than what the client adds to the time limit (client.py), so that the answer arrives.
LATE_S = 2.0
REQUEST_BYTES = 16 * 1024 * 1024
log = logging.getLogger("streamgauge")


def token(settings: Settings) -> str:
    """The token that clients must send: from the setting, or from a 0600 file that is made once. Never logged."""
    if settings.sql_token:
        return settings.sql_token.get_secret_value()
    return files.secret(settings.token_file)


def application(running: Process, db: duckdb.DuckDBPyConnection, catalog: Catalog, queries: QueryService) -> Starlette:
    """The Starlette application over an open DuckDB file."""
    settings = running.settings
    threads = {lane: anyio.CapacityLimiter(THREADS) for lane in LANES}
    expected = f"Bearer {token(settings)}".encode()

    def sql(request: Request, body: bytes) -> Response:
        kind = results.negotiate(request.headers.get("accept", ""))
        rows, notes = queries.query(query_service.parse_request(body))
        headers = {results.NOTES: json.dumps(notes)} if notes else {}
        try:
            return Response(results.WRITERS[kind](rows), media_type=kind, headers=headers)
        except MemoryError:
            raise queries.too_large() from None

    def cancel(request: Request, _body: bytes) -> Response:
        return JSONResponse({"cancelled": queries.cancel(request.path_params["name"])})

    def tables(_request: Request, _body: bytes) -> Response:
        return JSONResponse(
            [
                *(
                    _description(one.name, one.merge, one.key, one.columns, one.about, one.select)
                    for one in catalog.models
                ),
                *(_description(one.name, "view", (), one.columns, one.about, one.sql) for one in catalog.views),
            ]
        )

    def snapshot(_request: Request, _body: bytes) -> Response:
        path = snapshot_folder(settings) / f"{uuid.uuid4().hex}.duckdb"
        try:
            copy(db, path)
        except duckdb.Error as error:
            path.unlink(missing_ok=True)
            raise QueryRefused(500, "snapshot", str(error).splitlines()[0]) from None
        return FileResponse(path, background=BackgroundTask(path.unlink, missing_ok=True))

    def health(_request: Request) -> Response:
        state = running.health
        return JSONResponse(state, 200 if state["status"] == "ready" else 503)

    def scrape(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    def guarded(
        work: Callable[[Request, bytes], Response], lane: Callable[[bytes], Lane | None] = lambda _body: None
    ) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            # Bytes, as they were sent: `compare_digest` refuses text that is not ASCII.
            if not secrets.compare_digest(request.headers.get("authorization", "").encode("latin-1"), expected):
                return _error(401, "token", f"send the token of {settings.token_file} as `Authorization: Bearer …`")
            began = time.perf_counter()
            try:
                body = await _body(request)
                among = lane(body)
                if among is None:
                    answer = await to_thread.run_sync(work, request, body)
                else:
                    # The client learns in time what DuckDB may notice much later: within one value it is deaf.
                    with anyio.fail_after(settings.sql_timeout_s + LATE_S):
                        answer = await to_thread.run_sync(
                            work, request, body, limiter=threads[among], abandon_on_cancel=True
                        )
                outcome = "ok"
            except TimeoutError:
                answer, outcome = _error(408, "timeout", f"cut after {settings.sql_timeout_s:g} s"), "timeout"
            except QueryRefused as error:
                answer, outcome = _error(error.status, error.rule, str(error)), error.rule
            if request.url.path == "/sql":
                metrics.counter("streamgauge_sql_queries_total").labels(outcome).inc()
                metrics.histogram("streamgauge_sql_seconds").observe(time.perf_counter() - began)
            return answer

        return endpoint

    return Starlette(
        routes=[
            Route("/sql", guarded(sql, lambda body: query_service.parse_request(body).lane), methods=["POST"]),
            Route("/sql/{name:path}", guarded(cancel), methods=["DELETE"]),
            Route("/tables", guarded(tables)),
            Route("/snapshot", guarded(snapshot)),
            Route("/health", health),
            Route("/metrics", scrape),
        ]
    )


def copy(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write a consistent copy of the file to `path`, a new file in the snapshot folder, while merges continue."""
    name = f"copy_{path.stem}"
    with db.cursor() as cursor:
        # Readable by any DuckDB from 1.0 on.
        cursor.execute(f"ATTACH '{path.resolve()}' AS {name} (STORAGE_VERSION 'v1.0.0')")
        try:
            # `fetchall` ends the SELECT's transaction: inside one, COPY sets an option, and options are locked.
            source = cursor.execute("SELECT current_database()").fetchall()[0][0]
            cursor.execute(f'COPY FROM DATABASE "{source}" TO {name}')
        finally:
            cursor.execute(f"DETACH {name}")


def _description(
    name: str, merge: str, key: tuple[str, ...], columns: Mapping[str, str], about: str, select: str
) -> dict[str, Any]:
    return {
        "table": name,
        "merge": merge,
        "key": list(key),
        "columns": dict(columns),
        "about": about,
        "select": select,
    }


async def _body(request: Request) -> bytes:
    """The body. Raises `QueryRefused` for one too large, or cut off by a client that went away."""
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > REQUEST_BYTES:
                raise QueryRefused(413, "size", f"a request has at most {REQUEST_BYTES >> 20} MiB")
    except ClientDisconnect:
        raise QueryRefused(400, "request", "the client went away before its request was complete") from None
    return bytes(body)


def _error(status: int, rule: str, message: str) -> Response:
    return JSONResponse({"error": rule, "message": message}, status)


@contextlib.contextmanager
def serve(running: Process, db: duckdb.DuckDBPyConnection, catalog: Catalog) -> Iterator[QueryService]:
    """Serve SQL from a thread while the block runs. Raises `UsageError` when the port is in use."""
    queries = QueryService(db, running.settings, catalog)
    host, port = running.settings.sql_host, running.settings.sql_port
    listener = http.listen(host, port, "STREAMGAUGE_SQL")
    with http.serve(application(running, db, catalog, queries), listener, "sql", lifespan="off"):
        log.info("SQL on http://%s:%d/sql", host, port)
        yield queries
