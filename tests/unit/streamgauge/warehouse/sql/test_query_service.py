"""The guard reads a statement once; one that it refused is refused each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streamgauge.warehouse.sql import guard
from streamgauge.warehouse.sql import query_service as answers_module
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryRequest, QueryService
from tests.unit.streamgauge.warehouse.commerce import Commerce


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the guard was given to read."""
    given: list[str] = []
    check: Callable[..., None] = guard.check

    def reading(cursor: object, sql: str, tables: frozenset[str]) -> None:
        given.append(sql)
        check(cursor, sql, tables)

    monkeypatch.setattr(guard, "check", reading)
    return given


@pytest.fixture
def answers(tmp_path: Path) -> QueryService:
    return Commerce(tmp_path).answers()


def test_a_harmless_statement_is_read_once(answers: QueryService, read: list[str]) -> None:
    for given in (1, 2):
        table, _ = answers.query(QueryRequest("SELECT $given AS n", {"given": given}))
        assert table.to_pylist() == [{"n": given}]
    assert read == ["SELECT $given AS n"]


def test_what_is_refused_is_refused_each_time(answers: QueryService, read: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(QueryRefused, match="not among those allowed"):
            answers.query(QueryRequest("SELECT getenv('HOME')"))
    assert len(read) == 2


def test_no_more_are_remembered_than_there_is_room_for(
    answers: QueryService, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "CHECKED_KEPT", 2)
    for number in (1, 2, 3, 1, 1):
        answers.query(QueryRequest(f"SELECT {number}"))
    assert len(answers._checked) <= 2
    assert read == ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 1"]
