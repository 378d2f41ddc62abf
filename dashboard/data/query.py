"""The SQL behind the pages: each figure's question is a constant, by name, and can be read and run by whoever asks.

Window tables only where one has the figure, so that cost follows the range and never the number of events. Parameters
are named: those of `Period.params()` (`$since`, `$until`, `$bucket_s`, `$now`, `$complete_until`, `$rate_since`,
`$previous_since`, `$previous_until`, `$seconds`) and a page's own filters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_PARAMETER = re.compile(r"\$([a-z_]+)")
_KNOWN: dict[str, Query] = {}


@dataclass(frozen=True)
class Query:
    """`name` is `page.what`; `streams` are those that the answer is made of, for its freshness and completeness.

    `defaults` are harmless values for the page's own filters, as they are when nothing is chosen: with them and a
    period's parameters the page SQL can open the question (`sql?question=NAME`). A question with a filter needs them.

    One that is made from the catalog is made by its module's `every(catalog)` too, so that a link finds it in a process
    that has not shown its page.
    """

    name: str
    about: str
    sql: str
    streams: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if self.name in _KNOWN and _KNOWN[self.name].sql != self.sql:
            raise ValueError(f"two questions are called {self.name}")
        _KNOWN[self.name] = self

    @property
    def names(self) -> frozenset[str]:
        """The parameters that it has."""
        return frozenset(_PARAMETER.findall(self.sql))

    def params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the given values that it asks for; where one is not given, its default."""
        return {name: given[name] if name in given else self.defaults[name] for name in sorted(self.names)}

    def chosen(self, filters: Mapping[str, Any]) -> str:
        """The filters that are not at their defaults, as a link has them; empty where all are."""
        own = {name: value for name, value in sorted(filters.items()) if name in self.names}
        said = {name: value for name, value in own.items() if value != self.defaults.get(name)}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=_stamp) if said else ""

    def given(self, chosen: str) -> dict[str, Any]:
        """The filters that a link has. Raises ValueError where this is none of the question's."""
        found = json.loads(chosen) if chosen else {}
        if not isinstance(found, dict) or not found.keys() <= self.names:
            raise ValueError("not the filters of the question")
        # Half a character can be written in JSON, and shown nowhere.
        json.dumps(found, ensure_ascii=False).encode()
        return found

    def filled(self, given: Mapping[str, Any]) -> str:
        """The statement with its values written in, to be read, pasted and run."""
        values = self.params(given)
        return _PARAMETER.sub(lambda found: literal(values[found[1]]), self.sql).strip()


def _stamp(value: datetime) -> str:
    return value.isoformat()


def literal(value: Any) -> str:
    """A value as DuckDB's SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(one) for one in value)}]"
    return "'" + str(value).replace("'", "''") + "'"


def known() -> dict[str, Query]:
    """Every question of the pages that were imported, by name."""
    return dict(_KNOWN)
