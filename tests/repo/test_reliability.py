"""The table of docs/reliability.md is what the results say."""

from __future__ import annotations

from tests.proof import page, plan, results
from tests.proof.injection import INJECTIONS


def test_the_table_is_current() -> None:
    """No hand has changed it: it follows from docs/reliability.jsonl."""
    plan.load()
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text, results.load()) == text


def test_no_result_is_of_an_injection_that_is_gone() -> None:
    """Every line of the results is a row of the table."""
    plan.load()
    assert results.load().keys() <= INJECTIONS.keys()
