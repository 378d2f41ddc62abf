"""A wrong option is an error of one line that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generators.options import Options
from streamgauge.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"rate": -1}, "--rate"),
        ({"rate": float("nan")}, "--rate"),
        ({"rate": 1e9}, "--rate"),
        ({"count": 0}, "--count"),
        ({"count": 5, "for_s": 5.0}, "--count"),
        ({"for_s": 0.0}, "--for"),
        ({"for_s": float("inf")}, "--for"),
        ({"invalid": 1.5}, "--invalid"),
        ({"late": -0.1}, "--late"),
        ({"skew": float("nan")}, "--skew"),
        ({"start_ms": -1}, "start"),
        ({"ledger": Path("/")}, "--ledger"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(values: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        Options(**values).check()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values", [{}, {"rate": 0, "count": 1}, {"for_s": 0.5}, {"invalid": 1, "late": 1, "skew": 1}, {"rate": 0.5}]
)
def test_valid_options_pass(values: dict[str, Any]) -> None:
    Options(**values).check()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fraud": 0.1}, "add --storefront"),
        ({"storefront": True, "fraud": 0.6}, "at most 0.5"),
        ({"storefront": True, "fraud": -0.1}, "--fraud is a share"),
        ({"duplicates": 1.5}, "--duplicates is a share"),
    ],
)
def test_the_storefront_s_options(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Options(**wrong).check()
