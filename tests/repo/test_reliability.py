"""The faults table: docs/reliability.md is what the results say; `make proof` resumes, and fails where one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof import __main__ as proof
from tests.proof import page, plan, results
from tests.proof.injection import INJECTIONS, Injection, Record
from tests.proof.results import Result

plan.load()


def test_the_table_is_current() -> None:
    """No hand has changed it: it follows from docs/reliability.jsonl."""
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text, results.load()) == text


def test_no_result_is_of_an_injection_that_is_gone() -> None:
    """Every line of the results is a row of the table."""
    assert results.load().keys() <= INJECTIONS.keys()


def test_what_has_a_result_is_skipped_and_what_is_wrong_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is run once for a version, stored at once, and its result decides about the exit code."""
    ran, lost = list[str](), {"one": 0, "two": 3}
    pair = [Injection(name, name, lambda _record: None, 1.0) for name in lost]

    def run_one(one: Injection, version: str) -> Result:
        ran.append(one.name)
        found = vars(Record(one.name, times=1, lost=lost[one.name]))
        return Result(date="", version=version, machine="", load=0.0, seconds=0.0, **found)

    monkeypatch.setattr(proof, "run_one", run_one)
    monkeypatch.setattr(page, "write", lambda _results: None)
    monkeypatch.setattr(results, "version", lambda: "v1")
    monkeypatch.setattr(results, "FILE", tmp_path / "results.jsonl")
    assert proof.run(pair[:1], again=False) == 0
    assert proof.run(pair, again=False) == 1
    assert ran == ["one", "two"]
    assert proof.run(pair, again=True) == 1
    assert ran == ["one", "two", "one", "two"]
    monkeypatch.setattr(results, "version", lambda: "v2")
    lost["two"] = 0
    assert proof.run(pair, again=False) == 0
