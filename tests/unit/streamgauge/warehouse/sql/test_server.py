"""Bytes that no client of ours sends: each gets its status, and none a traceback in the log."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamgauge.catalog.loader import Catalog
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse
from streamgauge.warehouse.sql import server
from streamgauge.warehouse.store import Store, connect

CATALOG = Catalog("test", {}, (), ())
TOKEN = b"Authorization: Bearer secret\r\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("sql"), sql_port=free_port(), sql_token="secret")
    db = connect(settings)
    Store(db, CATALOG, "cluster")
    with server.serve(Process("warehouse", settings, threading.Event()), db, CATALOG):
        yield settings
    db.close()


def exchange(settings: Settings, sent: bytes) -> int | None:
    """The status that the server answers with; None where it only closes the connection."""
    with socket.create_connection(("127.0.0.1", settings.sql_port), timeout=30) as connection:
        connection.sendall(sent)
        first = connection.makefile("rb").readline().split()
    return int(first[1]) if first else None


def get(*headers: bytes, path: bytes = b"/tables") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"".join(headers) + b"\r\n"


def post(body: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /sql HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + TOKEN + length + b"\r\n" + body


def query(sql: str, **more: object) -> bytes:
    return post(json.dumps({"sql": sql, **more}).encode())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(get(b"Authorization: Bearer \xe9\r\n"), 401, id="token in Latin-1"),
        pytest.param(get(b"Authorization: Bearer \xc3\xa9\r\n"), 401, id="token in UTF-8"),
        pytest.param(get(b"Authorization: Bearer \xe9\r\n", TOKEN), 401, id="two tokens, the first wrong"),
        pytest.param(get(b"Authorization: \r\n"), 401, id="empty token"),
        pytest.param(get(TOKEN, b"Accept: \xe9;q=\xff\r\n"), 200, id="other header"),
        pytest.param(get(path=b"/\xe9\xff"), 400, id="bytes in the path"),
        pytest.param(get(path=b"/health%FF%00"), 404, id="escaped bytes in the path"),
        pytest.param(get(TOKEN, path=b"/tables?x=%FF&%zz"), 200, id="bytes in the query"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400, id="a TLS client"),
        pytest.param(post(b'{"sql": "SELECT \xe9"}'), 400, id="body in Latin-1"),
        pytest.param(post(b'{"sql": "SELECT 1", "params": ' + b"[" * 100_000), 400, id="body nested deeply"),
        pytest.param(query("SELECT ?", params=[json.loads("[" * 500 + "]" * 500)]), 400, id="parameter nested deeply"),
        pytest.param(post(b'{"sql": "SELECT \'\\ud800\'"}'), 400, id="half a surrogate pair"),
        pytest.param(query("SELECT " + "NOT " * 900 + "true"), 400, id="SQL nested deeply"),
        pytest.param(query("SELECT 1", as_of="0001-01-01T00:00:00+14:00"), 400, id="a time before all times"),
        pytest.param(query("SELECT 1", as_of="9999-12-31T23:59:59-14:00"), 400, id="a time after all times"),
        pytest.param(post(b" " * (server.REQUEST_BYTES + 1)), 413, id="too long"),
    ],
)
def test_bytes_of_any_kind(settings: Settings, capfd: pytest.CaptureFixture[str], sent: bytes, status: int) -> None:
    assert exchange(settings, sent) == status
    with Warehouse(settings) as client:
        assert client.query("SELECT 1 AS one")["one"].to_pylist() == [1]
    # uvicorn has a line for what is not HTTP at all.
    assert capfd.readouterr().err.count("\n") <= 1


def test_a_request_that_is_cut_off_logs_nothing(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", settings.sql_port)) as connection:
        connection.sendall(b"POST /sql HTTP/1.1\r\nHost: x\r\n" + TOKEN + b"Content-Length: 100\r\n\r\nabc")
    with Warehouse(settings) as client:
        client.query("SELECT 1")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("content", ["", "\n", "é", "two\nlines"])
def test_a_token_file_that_cannot_be_a_token_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "sql-token").write_text(content)
    with pytest.raises(UsageError, match=r"sql-token is .*; remove it"):
        server.token(Settings(data_dir=tmp_path))
