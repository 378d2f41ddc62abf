"""Queries of the pages: each is a constant with a name, by which the SQL page opens it.

They read window tables wherever one has the figure, so that the cost depends on the range and not on the number of
events. Parameters are named: those of `Period.params()` (`$since`, `$until`, `$bucket_s`, `$now`, `$complete_until`,
`$rate_since`, `$previous_since`, `$previous_until`, `$seconds`) and a page's own filters.
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
    """A named statement. `name` is `page.figure`; `streams` are those it reads, for freshness and completeness.

    `defaults` are the values of the page's own filters when nothing is chosen: with them and the parameters of a period
    the SQL page can open the query (`sql?question=NAME`). Every filter needs one.

    A query made from the catalog must also be made by `every(catalog)` of its module, so that a link finds it in a
    process that has not shown its page. Raises ValueError if another query has the same name.
    """

    name: str
    about: str
    sql: str
    streams: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if self.name in _KNOWN and _KNOWN[self.name].sql != self.sql:
            raise ValueError(f"two queries are called {self.name}")
        _KNOWN[self.name] = self

    @property
    def names(self) -> frozenset[str]:
        """Names of its parameters."""
        return frozenset(_PARAMETER.findall(self.sql))

    def params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values of its parameters: the given ones, else the defaults."""
        return {name: given[name] if name in given else self.defaults[name] for name in sorted(self.names)}

    def chosen(self, filters: Mapping[str, Any]) -> str:
        """The filters that are not at their defaults, as JSON for a link; empty where all are."""
        own = {name: value for name, value in sorted(filters.items()) if name in self.names}
        non_default = {name: value for name, value in own.items() if value != self.defaults.get(name)}
        return json.dumps(non_default, ensure_ascii=False, separators=(",", ":"), default=_stamp) if non_default else ""

    def given(self, chosen: str) -> dict[str, Any]:
        """Parse the filters of a link. Raises ValueError unless they are filters of this query."""
        filters = json.loads(chosen) if chosen else {}
        if not isinstance(filters, dict) or not filters.keys() <= self.names:
            raise ValueError("not the filters of the query")
        # JSON can hold a lone surrogate, which cannot be encoded or shown.
        json.dumps(filters, ensure_ascii=False).encode()
        return filters

    def filled(self, given: Mapping[str, Any]) -> str:
        """The statement with its values filled in, ready to run."""
        values = self.params(given)
        return _PARAMETER.sub(lambda match: literal(values[match[1]]), self.sql).strip()


def _stamp(value: datetime) -> str:
    return value.isoformat()


def literal(value: Any) -> str:
    """A value as a DuckDB literal."""
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
    """All queries of the imported modules, by name."""
    return dict(_KNOWN)
