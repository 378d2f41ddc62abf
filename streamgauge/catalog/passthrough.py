"""Pass-through columns: those that a model's SELECT takes from the batch unchanged, row by row, so they need no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

_ROW_BY_ROW = {"COLUMN_REF", "FUNCTION", "CAST", "CONSTANT", "CASE", "COMPARISON", "OPERATOR", "CONJUNCTION", "LAMBDA"}


def columns(tree: Mapping[str, Any], events: pa.Schema) -> dict[str, str]:
    """Output column → column of `events` that it equals; empty when the SELECT may change the rows or their order."""
    changing = ("where_clause", "group_expressions", "having", "qualify", "modifiers", "sample")
    if any(tree.get(part) for part in changing) or tree["aggregate_handling"] != "STANDARD_HANDLING":
        return {}
    found: dict[str, str] = {}
    for node in tree["select_list"]:
        if node["class"] == "STAR" and not any(isinstance(value, list | bool) and value for value in node.values()):
            found |= {name: name for name in events.names}
        elif node["class"] == "COLUMN_REF" and node["column_names"][:-1] in ([], ["events"]):
            found[node["alias"] or node["column_names"][-1]] = node["column_names"][-1]
        elif not _row_by_row(node):
            return {}
    return found


def _row_by_row(node: Any) -> bool:
    """Whether an expression has one value per row: no window, no subquery, nothing that unnests."""
    if isinstance(node, list):
        return all(map(_row_by_row, node))
    if not isinstance(node, dict):
        return True
    if node.get("class", "FUNCTION") not in _ROW_BY_ROW or node.get("function_name") in ("unnest", "unlist"):
        return False
    return all(map(_row_by_row, node.values()))
