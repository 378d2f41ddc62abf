"""`streamgauge sql` and `snapshot` against a running warehouse, as a script calls them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from streamgauge.catalog import loader
from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.cli.topics import setup
from streamgauge.cli.topics.specs import of_catalog
from streamgauge.runtime import settings
from tests.support import commands
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def environ(broker: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return commands.environment(
        {
            "STREAMGAUGE_BOOTSTRAP_SERVERS": broker.bootstrap,
            "STREAMGAUGE_DATA_DIR": str(tmp_path_factory.mktemp("warehouse")),
            "STREAMGAUGE_SQL_PORT": str(free_port()),
        }
    )


@pytest.fixture(scope="module")
def run(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a command beside a warehouse that is ready."""

    config = settings.load(environ)
    setup.ensure(config, of_catalog(config, loader.load(config.catalog)))
    log = tmp_path_factory.mktemp("log") / "warehouse"
    with log.open("wb") as output:
        warehouse = subprocess.Popen([commands.PROGRAM, "warehouse"], env=environ, stderr=output)
    try:
        wait_until(lambda: "ready" in log.read_text(), "the warehouse is ready", 30.0)
        yield partial(commands.run, environ)
    finally:
        warehouse.terminate()
        assert warehouse.wait(30) == 0


def test_json_is_one_array_and_nothing_else(run: Run) -> None:
    done = run(
        "sql", "SELECT 9007199254740993 AS n, TIMESTAMPTZ '2026-01-02 03:04:05+01' AS at, [1] AS l", "--format", "json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [{"n": 9007199254740993, "at": "2026-01-02T02:04:05Z", "l": [1]}]
    assert json.loads(run("sql", "SELECT 1 AS a WHERE false", "--format", "json").stdout) == []


def test_table_for_people(run: Run) -> None:
    done = run("sql", "SELECT * FROM (VALUES ('a', 1234567), ('long', NULL)) t(name, amount)")
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["name   amount", "a     1234567", "long     NULL"]
    assert done.stderr.startswith("2 rows in ")


def test_text_cannot_steer_the_terminal(run: Run) -> None:
    assert "\x1b" not in run("sql", "SELECT chr(27) || '[2J' AS x").stdout


def test_csv_from_standard_input(run: Run) -> None:
    assert run("sql", "-", "--format", "csv", stdin="SELECT 1 AS a, 'x,y' AS b").stdout == '"a","b"\n1,"x,y"\n'


def test_files_are_whole(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    assert run("sql", "SELECT range AS n FROM range(5)", "--format", "parquet", "--output", str(target)).returncode == 0
    assert pyarrow.parquet.read_table(target).column("n").to_pylist() == [0, 1, 2, 3, 4]
    assert run("sql", "SELECT nope", "--format", "json", "--output", str(tmp_path / "out.json")).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("SELECT nope",), 1, "nope"),
        (("DROP TABLE orders",), 1, "SELECT"),
        (("SELECT 1", "--format", "parquet"), 2, "--output"),
        (("  ",), 2, "no SQL"),
        (("SELECT 1", "--output", "/nowhere/x"), 2, "/nowhere/x"),
    ],
)
def test_errors_are_one_line(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run("sql", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("streamgauge: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_no_warehouse(environ: dict[str, str]) -> None:
    elsewhere = {**environ, "STREAMGAUGE_SQL_PORT": str(free_port()), "STREAMGAUGE_SQL_TOKEN": "x"}
    done = commands.run(elsewhere, "sql", "SELECT 1")
    assert done.returncode == 2
    assert "does not answer" in done.stderr
    assert done.stderr.count("\n") == 1


def test_snapshot_opens_anywhere(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "copy.duckdb"
    done = run("snapshot", str(target))
    assert done.returncode == 0, done.stderr
    assert str(target) in done.stdout
    with duckdb.connect(str(target), read_only=True) as copy:
        assert copy.execute("SELECT count(*) FROM order_windows").fetchone() is not None
    before = target.stat().st_mtime_ns
    refused = run("snapshot", str(target))
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert target.stat().st_mtime_ns == before
    assert run("snapshot", str(target), "--force").returncode == 0
    assert target.stat().st_mtime_ns > before
