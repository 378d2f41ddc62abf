"""Figures as data: each is defined once, beside its page's queries, and used by tiles, charts, tables and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.data.query import Query


@dataclass(frozen=True)
class Figure:
    """What a tile, a chart or a table shows.

    `unit` selects how a tile formats a number (`tiles.FORMATS`: count, €, /s, /min, s), and is the axis of a chart; a
    table has none. `meaning` is Markdown in whole sentences: the help text on the page and the row in
    docs/dashboard.md. `query` is a name where the query is made from the catalog, and empty where there is none.
    """

    label: str
    unit: str
    meaning: str
    query: Query | str


def of_module(names: Mapping[str, Any]) -> list[Figure]:
    """The figures among a module's names (`vars(module)`), in the order of their definition."""
    return [value for value in names.values() if isinstance(value, Figure)]
