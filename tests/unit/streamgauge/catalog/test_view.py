"""Views: the result of a valid one, and the error of each invalid one, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamgauge.catalog import view
from streamgauge.catalog.model import Model
from streamgauge.catalog.view import View
from streamgauge.runtime.errors import UsageError

ORDERS = Model("orders", "orders", "append", (), {"order_id": "VARCHAR", "region": "VARCHAR", "cents": "BIGINT"}, "")


def load(folder: Path, **texts: str) -> tuple[View, ...]:
    """Views from texts, by name; their header's first line comes by itself unless they have one."""
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text if text.startswith("--") else f"-- view: {name}\n{text}\n")
    return view.load(sorted(folder.glob("*.sql")), [ORDERS])


def test_a_view_has_columns_and_gauges(tmp_path: Path) -> None:
    (made,) = load(
        tmp_path,
        dear="-- view: dear\n-- gauges: cents, orders by region\nSELECT *, 1 AS orders FROM orders WHERE cents > 9",
    )
    assert list(made.columns) == ["order_id", "region", "cents", "orders"]
    assert [metric.name for metric in view.metrics([made])] == [
        "streamgauge_view_dear_cents",
        "streamgauge_view_dear_orders",
    ]
    assert 'GROUP BY "region"' in made.gauge_sql


def test_views_are_sorted_so_that_each_can_be_created(tmp_path: Path) -> None:
    made = load(tmp_path, a="SELECT * FROM b", b="FROM c", c="WITH x AS (FROM orders) SELECT region FROM x")
    assert [one.name for one in made] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("SELECT nothing FROM orders", 2, 'Referenced column "nothing" not found'),
        ("SELECT 1 FROM nowhere", 2, "Table with name nowhere does not exist"),
        ("DELETE FROM orders", 2, "one SELECT"),
        ("SELECT FROM WHERE", 2, "syntax error"),
        ("-- view: other\nSELECT 1", 1, "the file's name, v"),
        ("-- view: v\n-- gauges: cents by nowhere\nSELECT cents FROM orders", 2, "is not a dimension"),
        ("-- view: v\n-- gauges: order_id\nSELECT order_id FROM orders", 2, "`order_id` is not a measure"),
        ("-- view: v\n-- gauges: euros\nSELECT cents FROM orders", 2, "`euros` is not a measure"),
    ],
)
def test_an_invalid_view_is_refused_with_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(tmp_path, v=text)
    assert str(refused.value).startswith(f"{tmp_path / 'v.sql'}:{line}:")
    assert said in str(refused.value)


def test_views_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load(tmp_path, a="FROM b", b="FROM a")


def test_a_view_cannot_take_a_tables_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="model `orders` already"):
        load(tmp_path, orders="SELECT 1")
