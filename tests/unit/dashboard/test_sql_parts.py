"""Parts of the SQL page without Streamlit: error reports, charts, exports, examples."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.data.query import Query
from dashboard.data.view_state import ViewState
from dashboard.pages.sql import chart_builder, editor, error_report, exports, outcome, page_queries, schema_browser
from dashboard.pages.sql.chart_builder import ChartSpec, Kind
from dashboard.pages.sql.examples import EXAMPLES, ROLES
from streamgauge.cli.query import table_output
from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.warehouse.client import Busy, QueryError
from streamgauge.warehouse.sql import results
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryService
from streamgauge.warehouse.sql.query_service import QueryRequest as Body
from tests.unit.dashboard.conftest import as_plotly
from tests.unit.streamgauge.warehouse.commerce import Commerce, _catalog

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> QueryService:
    return Commerce(tmp_path_factory.mktemp("warehouse")).query_service()


def draw(rows: pa.Table, chosen: ChartSpec, clock: tzinfo) -> tuple[go.Figure, str]:
    """The chart as plotly parses it, and the note on rows left out; asserts that it serialises."""
    chart, left_out = chart_builder.drawn(rows, chosen, clock)
    chart.to_json()
    return as_plotly(chart), left_out


def error_report_of(service: QueryService, sql: str, as_of: str | None = None) -> error_report.ErrorReport:
    with pytest.raises(QueryRefused) as refused:
        service.query(Body(sql, as_of=as_of))
    return error_report.of(QueryError(refused.value.rule, str(refused.value)), sql)


def marked_word(report: error_report.ErrorReport) -> str:
    """The text above the caret, up to the next space."""
    *_, line, below = report.marked.split("\n")
    return line[below.index("↑") :].split()[0]


@pytest.mark.parametrize(
    ("sql", "rule", "points_at", "line", "hint"),
    [
        ("SELECT region,\n  sum(revenu_cents) FROM order_windows", "sql", "revenu_cents)", 2, "revenue_cents"),
        ("SELECT 'é', nonsens FROM orders", "sql", "nonsens", 1, ""),
        ("SELECT 1,\n\n\tregion,\n  FROM FROM orders", "parse", "FROM", 4, ""),
        (f"SELECT {'region, ' * 60} revenu FROM orders", "sql", "revenu", 1, ""),
        (f"SELECT {'region, ' * 60}\n  getenv('HOME')", "function", "getenv('HOME')", 2, ""),
        ('SELECT *\nFROM "x (line 1, column 2)"', "table", '"x', 2, ""),
        ("SELECT *\nFROM ordrs", "table", "ordrs", 2, "Did you mean `orders`?"),
        ("SELECT substrin('a')", "function", "substrin('a')", 1, ""),
        ("SELECT 'abc'::INTEGER", "sql", "::INTEGER", 1, ""),
    ],
)
def test_an_error_is_marked_at_its_position(
    service: QueryService, sql: str, rule: str, points_at: str, line: int, hint: str
) -> None:
    report = error_report_of(service, sql)
    assert (report.rule, report.line, marked_word(report)) == (rule, line, points_at)
    assert hint in report.hint
    assert "\n" not in report.message
    assert "LINE" not in report.message
    assert max(map(len, report.marked.split("\n"))) < 130


def test_as_of_a_time_the_position_is_in_the_readers_text(service: QueryService) -> None:
    report = error_report_of(service, "SELECT region,\n  revenu\nFROM order_windows", "2026-11-23T04:00:00Z")
    assert (report.line, marked_word(report)) == (2, "revenu")


@pytest.mark.parametrize(
    ("error", "message", "advice"),
    [
        (QueryError("timeout", "cut after 10 s"), "The query was cut after 10 s", "shorter time range"),
        (Busy("4 queries are running; try again"), "4 queries are running", "Run it again"),
        (QueryError("rows", "the answer has more than 10 rows"), "more than 10 rows", "LIMIT"),
        (QueryError("statement", "only SELECT is answered here"), "only SELECT", "it reads"),
    ],
)
def test_a_rejected_query_has_advice(error: StreamgaugeError, message: str, advice: str) -> None:
    report = error_report.of(error, "SELECT 1")
    assert message in report.message
    assert advice in report.advice
    assert report.marked == ""


@pytest.mark.parametrize(
    "text",
    [
        "x (line 1, column 30000000)",
        "x (line 0, column 1)",
        f"x (line 1, column {'9' * 5_000})",
        f"x\nLINE 1: SELECT\n{' ' * 3_000}^",
        f"x\nLINE {'9' * 5_000}: SELECT\n  ^",
        "x" * 1_000_000,
    ],
)
def test_positions_in_text_of_events_are_ignored(text: str) -> None:
    """DuckDB quotes a value of a column in full, without a position in the statement; the report is bounded."""
    report = error_report.of(
        QueryError("sql", f"Conversion Error: Could not convert string '{text}' to INT32"), "SELECT 1"
    )
    assert (report.line, report.marked) == (None, "")
    assert report.message.startswith(f"Could not convert string '{text}' to INT32"[:2_000].partition("\n")[0])
    assert len(report.message) + len(report.hint) < 5_000


def test_text_of_the_statement_is_not_parsed_as_a_position(service: QueryService) -> None:
    report = error_report_of(service, "SELECT 'x (line 1, column 30000000)\nLINE 1: SELECT\n ^'::INTEGER")
    assert report.message.startswith("Could not convert string 'x (line 1, column 30000000)")
    assert len(report.marked) < 500


@pytest.mark.parametrize(("line", "column"), [(1, 10), (2, 1), (0, 1), (1, 30_000_000)])
def test_a_position_outside_the_statement_is_ignored(line: int, column: int) -> None:
    report = error_report.of(
        QueryError("table", f"there is no table `x` (line {line}, column {column}); there are: "), "SELECT 1"
    )
    assert (report.line, report.marked) == (None, "")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.title)
def test_every_example_runs(service: QueryService, example: object) -> None:
    rows, _ = service.query(Body(getattr(example, "sql")))  # noqa: B009 - pytest's ids want an object
    assert rows.num_columns > 1


def test_examples_are_for_every_role() -> None:
    assert {one.role for one in EXAMPLES} == set(ROLES)
    assert len({one.title for one in EXAMPLES}) == len(EXAMPLES)


def test_every_query_of_every_page_opens(service: QueryService) -> None:
    """With its defaults: a filter without one would be NULL and match nothing."""
    for query in page_queries.known().values():
        given = ViewState().period(AT).params()
        assert query.names <= {*given, *query.defaults}, f"{query.name} states no defaults"
        service.query(Body(editor.filled(query, ViewState()).strip()))


def test_a_query_without_defaults_opens_with_nulls() -> None:
    query = Query("test.without", "Nothing.", "SELECT $since::TIMESTAMPTZ AS s, $nothing AS n")
    assert editor.filled(query, ViewState()).endswith("NULL AS n")


TIMES = pa.array([datetime(2026, 11, 23, 8, minute, tzinfo=UTC) for minute in (2, 0, 1, 1)])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"at": TIMES, "orders": [1, 2, 3, 4], "units": [1, 2, 3, 4]}, ChartSpec("lines", "at", ("orders", "units"))),
        ({"at": TIMES, "orders": [1, 2, 3, 4], "sum_cents": [1, 2, 3, 4]}, ChartSpec("lines", "at", ("orders",))),
        ({"at": TIMES, "region": ["a", "b", "a", "b"], "n": [1, 2, 3, 4]}, ChartSpec("lines", "at", ("n",), "region")),
        ({"region": ["a", "b"], "n": [1, 2]}, ChartSpec("bars", "region", ("n",))),
        ({"kind": ["x", "x", "y"], "name": ["a", "b", "c"], "n": [1, 2, 3]}, ChartSpec("bars", "name", ("n",))),
        ({"by": ["x", "y", "x"], "name": ["a", "a", "b"], "n": [1, 2, 3]}, ChartSpec("bars", "by", ("n",), "name")),
        ({"x": [1.0, 2.0], "y": [1, 2]}, ChartSpec("points", "x", ("y",))),
        ({"region": ["a", "b"]}, None),
        ({"region": ["a"], "n": [1]}, None),
    ],
)
def test_the_suggested_chart(rows: dict[str, object], expected: ChartSpec | None) -> None:
    assert chart_builder.suggested(pa.table(rows)) == expected


def test_lines_are_sorted_by_time_and_text_is_escaped() -> None:
    rows = pa.table({"at": TIMES, "<b>x</b>": ["<img src=x>", "b", "b", "<img src=x>"], "n": [1, 2, 3, 4]})
    figure, left_out = draw(rows, ChartSpec("lines", "at", ("n",), "<b>x</b>"), UTC)
    assert [line.name for line in figure.data] == ["&lt;img src=x&gt;", "b"]
    assert list(figure.data[1].y) == [2, 3]
    assert left_out == ""
    figure, _ = draw(rows, ChartSpec("bars", "<b>x</b>", ("n",)), UTC)
    assert figure.data[0].x[0] == "&lt;img src=x&gt;"
    assert "<" not in figure.layout.xaxis.title.text


def test_rows_left_out_of_a_chart_are_reported() -> None:
    rows = pa.table({"name": [str(n) for n in range(100)], "n": list(range(100))})
    assert draw(rows, ChartSpec("bars", "name", ("n",)), UTC)[1] == "The first 40 of 100 rows are drawn."


def test_exports_have_all_rows_in_types_of_the_format() -> None:
    nested = pa.array([{"k": [1, 2]}] * 12_000)
    rows = pa.table([pa.array(range(12_000)), nested, pa.array(["é,\n=1+1"] * 12_000)], names=["a", "a", "text"])
    back = pq.read_table(io.BytesIO(exports.parquet(rows)))
    assert (back.num_rows, back.column_names) == (12_000, ["a", "a_2", "text"])
    assert back["a_2"][0].as_py() == {"k": [1, 2]}
    lines = exports.csv(rows).decode()
    assert lines.startswith('"a","a","text"\n0,"{""k"": [1, 2]}","é,\n=1+1"\n')
    assert exports.raw_csv(rows).decode() == lines
    assert exports.name(AT, "csv") == "streamgauge-20261123T080000Z.csv"
    shown = outcome.shown(results.distinct(rows))
    assert (shown.num_rows, shown["a_2"][0].as_py()) == (outcome.SHOWN, '{"k": [1, 2]}')


EXACT = """SELECT 0.30000000000000000001::DECIMAL(38,20) AS fee, 0::DECIMAL(38,20) AS zero, 1.10::DECIMAL(4,2) AS two,
    9007199254740993 AS big, (-170141183460469231731687303715884105728)::HUGEINT AS huge,
    340282366920938463463374607431768211455::UHUGEINT AS unsigned, 1.7976931348623157e308::DOUBLE AS double,
    '123456789012345678901234567890123456789012'::BIGNUM AS num, '101'::BIT AS bit, '10:00:00+02'::TIMETZ AS at,
    {'fee': 1.10::DECIMAL(38,20), 'big': [9007199254740993]} AS inner, 5 AS small, 5 AS small"""
EXACT_TEXTS = {
    "fee": "0.30000000000000000001",
    "zero": "0.00000000000000000000",
    "two": "1.10",
    "big": "9007199254740993",
    "huge": "-170141183460469231731687303715884105728",
    "unsigned": "340282366920938463463374607431768211455",
    "num": "123456789012345678901234567890123456789012",
    "bit": "101",
    "at": "10:00:00+02",
    "inner": '{"fee": 1.10000000000000000000, "big": [9007199254740993]}',
}


def test_every_digit_is_on_the_page_and_in_every_format(service: QueryService) -> None:
    rows, _ = service.query(Body(f"{EXACT};"))
    shown = outcome.shown(results.distinct(rows))
    assert {name: shown[name][0].as_py() for name in EXACT_TEXTS} == EXACT_TEXTS
    assert (shown["small"][0].as_py(), shown["small_2"][0].as_py()) == (5, 5)
    (back,) = json.loads(results.to_json(rows), parse_float=Decimal)
    for name in ("fee", "zero", "two", "big", "huge", "double"):
        assert back[name] == Decimal(str(rows[name][0].as_py())), name
    assert back["inner"]["fee"] == Decimal("1.10")
    assert (back["small"], back["small_2"]) == (5, 5)
    file = io.BytesIO()
    table_output.write(rows, file)
    for content in (file.getvalue().decode(), exports.csv(rows).decode().replace('""', '"')):
        for name, text in EXACT_TEXTS.items():
            assert text in content or (name == "zero" and "0E-20" in content), name


def test_control_characters_are_visible_in_a_result() -> None:
    texts = ["\x1b[2Jcleared", "right\u202eleft", "two\nlines\t.", "é", None]
    shown = outcome.shown(pa.table({"text": texts, "n": range(5)}))
    assert shown["text"].to_pylist() == ["\\x1b[2Jcleared", "right\\u202eleft", *texts[2:]]
    assert shown["n"].type == pa.int64()


FORMULAS = {
    '=HYPERLINK("http://x")': '\'=HYPERLINK("http://x")',
    "+1+1": "'+1+1",
    "-cmd|' /C calc'!A0": "'-cmd|' /C calc'!A0",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "\r=1": "'\r=1",
    "＝1+1": "'＝1+1",
    "-12.5": "-12.5",
    "+1e3": "+1e3",
    "-": "'-",
    "O-1": "O-1",
    "a=b": "a=b",
    "'=1": "'=1",
    "": "",
}


def test_a_spreadsheet_runs_no_text_of_events() -> None:
    rows = pa.table({"=name": [*FORMULAS, None], "n": [-1] * (len(FORMULAS) + 1), "d": [-0.5] * (len(FORMULAS) + 1)})
    head, *lines = csv.reader(io.StringIO(exports.csv(rows).decode(), newline=""))
    assert head == ["'=name", "n", "d"]
    assert lines == [[text, "-1", "-0.5"] for text in (*FORMULAS.values(), "")]
    head, *lines = csv.reader(io.StringIO(exports.raw_csv(rows).decode(), newline=""))
    assert [head[0], *(line[0] for line in lines)] == ["=name", *FORMULAS, ""]


def test_exports_of_every_duckdb_type(service: QueryService) -> None:
    sql = """SELECT INTERVAL 1 DAY AS i, TIME '01:02:03' AS t, uuid() AS u, 1.5::DECIMAL(10,2) AS d, 'x'::BLOB AS b,
             MAP {'a': 1} AS m, [1] AS l, {'a': 1} AS s, DATE '2026-01-01' AS day,
             170141183460469231731687303715884105727 AS h, 'a'::ENUM('a', 'b') AS e,
             NULL AS nothing, true AS yes, 1::BIGNUM AS big, '101'::BIT AS bit, TIMESTAMP '2026-01-01' AS ts"""
    rows, _ = service.query(Body(sql))
    assert pq.read_table(io.BytesIO(exports.parquet(rows))).num_rows == 1
    assert exports.csv(rows).count(b"\n") == 2
    assert outcome.shown(rows).num_columns == rows.num_columns


FAR = """SELECT * FROM (VALUES
    (1, 'infinity'::TIMESTAMPTZ, '-infinity'::DATE, TIMESTAMP '10000-02-29 01:02:03.5', 'infinity'::TIMESTAMP_S),
    (2, NULL, DATE '0044-03-15 (BC)', TIMESTAMP '2026-01-01', 'infinity'::TIMESTAMP_S)) AS t(n, "at", day, local, s),
    (SELECT ['infinity'::DATE] AS l, {'a': 'infinity'::DATE} AS st, MAP {'k': DATE '10000-01-01'} AS m,
            union_value(u := 'infinity'::DATE) AS u)"""
FAR_CSV = """"n","at","day","local","s","l","st","m","u"
1,"infinity","-infinity","10000-02-29T01:02:03.500Z","infinity",\
"[""infinity""]","{""a"": ""infinity""}","[[""k"", ""10000-01-01""]]","infinity"
2,,"-0043-03-15","2026-01-01T00:00:00Z","infinity",\
"[""infinity""]","{""a"": ""infinity""}","[[""k"", ""10000-01-01""]]","infinity"
"""


def test_times_beyond_the_range_of_python_are_text(service: QueryService) -> None:
    rows, _ = service.query(Body(FAR))
    assert exports.raw_csv(rows).decode() == FAR_CSV.replace("\\\n", "")
    assert exports.csv(rows).decode() == FAR_CSV.replace("\\\n", "").replace('"-', "\"'-")
    assert pq.read_table(io.BytesIO(exports.parquet(rows)))["s"].to_pylist() == ["infinity"] * 2
    shown = outcome.shown(rows)
    assert shown["at"].to_pylist() == ["infinity", None]
    assert shown["l"].to_pylist() == ['["infinity"]'] * 2
    assert json.loads(results.to_json(rows))[1]["day"] == "-0043-03-15"


@pytest.mark.parametrize("kind", ["lines", "bars", "points"])
@pytest.mark.parametrize("x", ["at", "day", "local", "s"])
def test_times_beyond_the_range_of_an_axis_are_left_out(service: QueryService, kind: Kind, x: str) -> None:
    rows, _ = service.query(Body(FAR))
    figure, left_out = draw(rows, ChartSpec(kind, x, ("n",)), ZoneInfo("Europe/Berlin"))
    assert list(figure.data[0].y) == ([2.0] if x == "local" else [])
    assert left_out == "Times outside of the years 1 to 9999 are not drawn."


def test_times_without_a_local_time_are_left_out(service: QueryService) -> None:
    rows, _ = service.query(Body("SELECT TIMESTAMPTZ '9999-12-31 23:30:00Z' AS late, n FROM range(2) AS t(n)"))
    figure, _ = draw(rows, ChartSpec("lines", "late", ("n",)), ZoneInfo("Europe/Berlin"))
    assert list(figure.data[0].y) == []


def test_columns_for_the_x_axis(service: QueryService) -> None:
    """An ENUM suggests bars; bytes, lists and structs are no axis; a time of day is one, and types that become text."""
    sql = """SELECT e::ENUM('a', 'b') AS e, 'x'::BLOB AS b, '101'::BIT AS bit, {'a': n} AS st, [n] AS l, n,
             1::BIGNUM AS big, TIME '10:00' + to_hours(n) AS t, INTERVAL 1 DAY AS i, uuid() AS u, n::HUGEINT AS h
             FROM (VALUES ('a', 1), ('b', 2)) AS v(e, n)"""
    rows, _ = service.query(Body(sql))
    assert chart_builder.axes(rows) == ["e", "bit", "n", "big", "t", "u", "h"]
    assert chart_builder.suggested(rows.select(["e", "n"])) == ChartSpec("bars", "e", ("n",))
    assert chart_builder.suggested(rows.select(["b", "n"])) is None
    for x in chart_builder.axes(rows):
        for kind in chart_builder.KINDS:
            chart_builder.drawn(rows, ChartSpec(kind, x, ("n",), "e"), UTC)[0].to_json()


def test_the_description_of_a_table() -> None:
    models = {one.name: one for one in _catalog().models}
    table = {"table": "order_windows", "merge": "window", "key": ["window_start"], "columns": {}, "select": ""}
    table["columns"], table["select"] = models["order_windows"].columns, models["order_windows"].select
    assert schema_browser.meaning(table, "orders") == "count(*) FILTER (WHERE event_type = 'order.placed')"
    assert schema_browser.meaning(table, "revenue_cents").startswith("money in cents · sum(amount_cents)")
    assert "INTERVAL 15 MINUTES" in schema_browser.beginning(table)
    assert schema_browser.matches(table, "revenue")
    assert not schema_browser.matches(table, "sku")


def test_the_sample_query_of_every_table_runs(service: QueryService) -> None:
    catalog = _catalog()
    tables = [(one.name, str(one.merge), one.columns) for one in catalog.models]
    for name, merge, columns in (*tables, *((one.name, "view", one.columns) for one in catalog.views)):
        service.query(Body(schema_browser.beginning({"table": name, "merge": merge, "columns": columns})))
