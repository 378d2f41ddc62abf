"""Warehouse client for the dashboard, the command line and notebooks.

from streamgauge.warehouse.client import Warehouse
Warehouse().query("SELECT sum(revenue_cents) AS revenue_cents FROM order_windows WHERE window_start > ?", [since])
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
import pyarrow as pa

from streamgauge.runtime import files
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.errors import StreamgaugeError, TransientError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql.results import ARROW, NOTES, Lane

Params = Sequence[Any] | Mapping[str, Any]


class QueryError(StreamgaugeError):
    """The warehouse refused the query or could not run it. `rule` is the reason (`timeout`, `sql`, `function`, …)."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class WarehouseUnavailable(TransientError):
    """The warehouse cannot be reached, or rejects this client's token."""


class Busy(WarehouseUnavailable):
    """Too many queries run in this client's lane; try again."""


@dataclass
class AsOf:
    """Query the tables as of a past time: `at` in ISO 8601, UTC if it names no zone.

    Figures that retention has made uncertain are refused (`QueryError`, rule `not_known`), or left out with
    `known_only`. `notes` is set by the query: sentences on what the result leaves out.
    """

    at: str
    known_only: bool = False
    notes: list[str] = field(default_factory=list)


class Warehouse:
    """A client; safe to share between threads. Times are UTC. Queries wait for others of the same `lane` only."""

    def __init__(self, settings: Settings | None = None, lane: Lane = "adhoc") -> None:
        self._settings = settings or settings_module.load()
        self._lane = lane
        # A little more than the server's limit, so that the server's message arrives.
        self._http = httpx.Client(
            base_url=self._settings.warehouse_url,
            timeout=httpx.Timeout(self._settings.sql_timeout_s + 5.0, connect=2.0),
        )

    def query(self, sql: str, params: Params = (), as_of: AsOf | None = None, name: str | None = None) -> pa.Table:
        """Run one SELECT, over the tables as they are or `as_of` a past time; returns its rows as an Arrow table.

        `params` are the values for `?` (a sequence) or `$name` (a mapping). A query with a `name`, best a unique one,
        can be cancelled; it then raises `QueryError`, rule `cancelled`. Blocks for at most the server's limit and 5 s.

        Raises `QueryError` for a wrong or refused query, `Busy` where too many run, `WarehouseUnavailable` where the
        warehouse does not answer.
        """
        answer = self._post(sql, params, as_of, name=name)
        return pa.ipc.open_stream(answer.content).read_all()

    def cancel(self, name: str) -> bool:
        """Cancel the queries that run or wait under this name; False if there is none (one on its way is cancelled)."""
        cancelled: bool = self._send("DELETE", f"/sql/{quote(name, safe='')}").json()["cancelled"]
        return cancelled

    def fetch(self, sql: str, media_type: str = ARROW, as_of: AsOf | None = None) -> bytes:
        """Run one SELECT; returns the body as the server writes it: Arrow, `application/json` or `text/csv`."""
        return self._post(sql, (), as_of, {"accept": media_type}).content

    def _post(
        self,
        sql: str,
        params: Params,
        as_of: AsOf | None,
        headers: dict[str, str] | None = None,
        name: str | None = None,
    ) -> httpx.Response:
        given = (
            {key: _param(value) for key, value in params.items()}
            if isinstance(params, Mapping)
            else [_param(value) for value in params]
        )
        body: dict[str, Any] = {"sql": sql, "params": given, "lane": self._lane}
        if name is not None:
            body["name"] = name
        if as_of is not None:
            body |= {"as_of": as_of.at, "known_only": as_of.known_only}
        answer = self._send("POST", "/sql", json=body, headers=headers or {})
        if as_of is not None:
            as_of.notes = json.loads(answer.headers.get(NOTES, "[]"))
        return answer

    def tables(self) -> list[dict[str, Any]]:
        """Every table and view: `table`, `merge` (`view` for views), `key`, `columns` by name, `about`, `select`."""
        tables: list[dict[str, Any]] = self._send("GET", "/tables").json()
        return tables

    def snapshot(self, path: Path) -> int:
        """Write a consistent copy of the warehouse to `path`; returns its size in bytes. Blocks until done."""
        try:
            with (
                self._http.stream("GET", "/snapshot", headers=self._headers(), timeout=httpx.Timeout(600.0)) as answer,
                files.replacing(path) as file,
            ):
                if answer.status_code != 200:
                    answer.read()
                    self._raise(answer)
                for block in answer.iter_bytes(1 << 20):
                    file.write(block)
        except httpx.TransportError as error:
            raise self._unavailable(error) from None
        return path.stat().st_size

    def close(self) -> None:
        """Close the connections; the client may also be used as a context manager."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _headers(self) -> dict[str, str]:
        if self._settings.sql_token:
            return {"authorization": f"Bearer {self._settings.sql_token.get_secret_value()}"}
        path = self._settings.token_file
        try:
            # Read each time: a warehouse that starts with an empty folder makes a new one.
            return {"authorization": f"Bearer {files.read_secret(path)}"}
        except OSError:
            raise WarehouseUnavailable(
                f"no token in {path}: the warehouse has not run with this data directory; "
                "start it with `streamgauge up` or `streamgauge warehouse`, or set STREAMGAUGE_DATA_DIR"
            ) from None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self._headers(), **options.pop("headers", {})}
        try:
            answer = self._http.request(method, path, headers=headers, **options)
        except httpx.TransportError as error:
            raise self._unavailable(error) from None
        if answer.status_code != 200:
            self._raise(answer)
        return answer

    def _unavailable(self, error: Exception) -> WarehouseUnavailable:
        return WarehouseUnavailable(
            f"the warehouse does not answer on {self._settings.warehouse_url} ({type(error).__name__}); "
            "start it with `streamgauge up` or `streamgauge warehouse`"
        )

    def _raise(self, answer: httpx.Response) -> None:
        try:
            body = answer.json()
            rule, message = str(body["error"]), str(body["message"])
        except (ValueError, KeyError, TypeError):
            rule, message = "http", f"HTTP {answer.status_code} from {self._settings.warehouse_url}"
        if answer.status_code in (401, 503):
            raise (Busy if rule == "busy" else WarehouseUnavailable)(message)
        raise QueryError(rule, message)


def _param(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def query(sql: str, params: Params = ()) -> pa.Table:
    """Run one SELECT on the warehouse that the environment's settings name; this is `streamgauge.query`.

    `params` are the values for `?` (a sequence) or `$name` (a mapping). The table has the query's columns and types;
    timestamps are UTC, money is integer cents. Blocks for at most `STREAMGAUGE_SQL_TIMEOUT_S` and 5 s. Use a
    `Warehouse` for many queries: it keeps its connection.

    Raises `QueryError` for a wrong or refused query (`rule` is the reason), `Busy` where too many run,
    `WarehouseUnavailable` where no warehouse answers, `UsageError` for a wrong setting.
    """
    with Warehouse() as warehouse:
        return warehouse.query(sql, params)
