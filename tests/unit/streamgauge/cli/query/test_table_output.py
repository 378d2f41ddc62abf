"""An answer as a table in the terminal."""

from __future__ import annotations

import io

import pyarrow as pa

from streamgauge.cli.query import table_output


def test_times_that_python_has_none_of_are_shown() -> None:
    """DuckDB has the year 10000, and infinity."""
    days = pa.array([2**31 - 1, 2_932_897, None], pa.date32())
    file = io.BytesIO()
    table_output.write(pa.table({"day": days, "n": [1, 2, 3]}), file)
    lines = [line.split() for line in file.getvalue().decode().splitlines()]
    assert lines == [["day", "n"], ["infinity", "1"], ["10000-01-01", "2"], ["NULL", "3"]]
