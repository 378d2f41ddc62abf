"""The query service has the guard check a statement once; a refused one is checked each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streamgauge.warehouse.sql import guard
from streamgauge.warehouse.sql import query_service as query_service_module
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryRequest, QueryService
from tests.unit.streamgauge.warehouse.commerce import Commerce


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the guard checked."""
    given: list[str] = []
    check: Callable[..., None] = guard.check

    def reading(cursor: object, sql: str, tables: frozenset[str]) -> None:
        given.append(sql)
        check(cursor, sql, tables)

    monkeypatch.setattr(guard, "check", reading)
    return given


@pytest.fixture
def service(tmp_path: Path) -> QueryService:
    return Commerce(tmp_path).query_service()


def test_a_harmless_statement_is_checked_once(service: QueryService, read: list[str]) -> None:
    for given in (1, 2):
        table, _ = service.query(QueryRequest("SELECT $given AS n", {"given": given}))
        assert table.to_pylist() == [{"n": given}]
    assert read == ["SELECT $given AS n"]


def test_a_refused_statement_is_refused_each_time(service: QueryService, read: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(QueryRefused, match="not among those allowed"):
            service.query(QueryRequest("SELECT getenv('HOME')"))
    assert len(read) == 2


def test_the_number_of_remembered_statements_is_bounded(
    service: QueryService, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_service_module, "CHECKED_KEPT", 2)
    for number in (1, 2, 3, 1, 1):
        service.query(QueryRequest(f"SELECT {number}"))
    assert len(service._checked) <= 2
    assert read == ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 1"]
