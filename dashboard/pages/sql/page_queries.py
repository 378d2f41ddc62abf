"""Queries of all pages by name, for links to the SQL page.

Every module `…queries` of the dashboard is imported. A query is a constant there, is made from the catalog by the
module's `every(catalog)`, or by `called(catalog, name)` if its name depends on a reader's filters.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import dashboard
from dashboard.data import query, query_cache
from dashboard.data.query import Query


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(dashboard.__path__, f"{dashboard.__name__}."):
        if module.name.endswith("queries") and module.name != __name__:
            yield importlib.import_module(module.name)


def known() -> dict[str, Query]:
    """Every query of every page by name, whichever pages were opened so far."""
    for module in _modules():
        if hasattr(module, "every"):
            module.every(query_cache.catalog())
    return query.known()


def named(name: str) -> Query | None:
    """The query of that name; None where no page has it."""
    if (query := known().get(name)) is not None:
        return query
    for module in _modules():
        if hasattr(module, "called") and (made := module.called(query_cache.catalog(), name)) is not None:
            return made  # type: ignore[no-any-return]
    return None
