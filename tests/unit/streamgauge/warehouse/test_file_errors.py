"""What a warehouse says whose file cannot be opened or written: the cause in one line, and nothing is lost."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from streamgauge.catalog.loader import Catalog
from streamgauge.runtime.errors import FatalError, StreamgaugeError, UsageError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import file_errors
from streamgauge.warehouse.store import Store, connect

EMPTY = Catalog("test", {}, (), ())
# As a killed warehouse leaves it: committed rows in the write-ahead log alone.
KILLED = """
import os, sys
from pathlib import Path
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.store import connect
db = connect(Settings(data_dir=Path(sys.argv[1])))
db.execute("CREATE TABLE t AS SELECT range AS n, 'some text ' || range AS text FROM range(3000)")
os._exit(0)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a warehouse that was killed."""
    folder = tmp_path_factory.mktemp("crashed")
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=True)
    return folder


@pytest.fixture
def killed(settings: Settings, crashed: Path) -> Path:
    """The write-ahead log of a warehouse that was killed."""
    shutil.copytree(crashed, settings.data_dir)
    return settings.data_dir / "warehouse.duckdb.wal"


def refusal(settings: Settings) -> StreamgaugeError:
    with pytest.raises(StreamgaugeError) as error:
        connect(settings).close()
    assert "\n" not in str(error.value)
    assert str(settings.warehouse_file) in str(error.value)
    return error.value


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_a_damaged_write_ahead_log_is_named(settings: Settings, killed: Path, at: float) -> None:
    content = bytearray(killed.read_bytes())
    content[int(len(content) * at)] ^= 0x10
    killed.write_bytes(content)
    error = refusal(settings)
    assert "write-ahead log is damaged: move the file and its `.wal` aside" in str(error)
    assert "another" not in str(error)
    assert killed.read_bytes() == content


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5_000] ^= 0x10
    path.write_bytes(content)


def halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "the file is damaged: move"),
        (halve, "the file is cut short: move"),
        (lambda path: path.write_text("not a database " * 1_000), "not a valid DuckDB database file!; move"),
    ],
)
def test_a_damaged_file_is_named(settings: Settings, damage: Callable[[Path], None], said: str) -> None:
    with connect(settings) as db:
        db.execute("CREATE TABLE t AS FROM range(100_000)")
    damage(settings.warehouse_file)
    assert said in str(refusal(settings))


@pytest.mark.parametrize("limit", ["lots", "2 GX"])
def test_a_memory_limit_that_cannot_be_is_named(settings: Settings, limit: str) -> None:
    error = refusal(settings.model_copy(update={"warehouse_memory": limit}))
    assert "set STREAMGAUGE_WAREHOUSE_MEMORY" in str(error)


def test_another_owner_is_named(settings: Settings) -> None:
    settings.data_dir.mkdir()
    hold = "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(settings.warehouse_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        error = refusal(settings)
        owner.kill()
    assert isinstance(error, UsageError)
    assert f"PID {owner.pid}" in str(error)
    assert "stop the other one, or set STREAMGAUGE_DATA_DIR" in str(error)


@contextlib.contextmanager
def no_room(settings: Settings) -> Iterator[None]:
    """No file of this process grows beyond the size of the write-ahead log."""
    wal, limits = settings.warehouse_file.with_name("warehouse.duckdb.wal"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size if wal.exists() else 0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_no_room_at_the_start_is_said_and_loses_nothing(settings: Settings) -> None:
    """The start writes its tables; DuckDB rolls back by itself then, and a second rollback must not hide why."""
    connect(settings).close()
    with no_room(settings):
        db = connect(settings)
        with pytest.raises(FatalError) as error, file_errors.one_line(settings):
            Store(db, EMPTY, "cluster")
        db.close()
    assert "Could not write file" in str(error.value)
    assert str(error.value).endswith("File too large")
    with connect(settings) as db:
        assert Store(db, EMPTY, "cluster").offsets() == {}


def test_no_room_for_a_merge_keeps_what_was_merged(settings: Settings) -> None:
    db = connect(settings)
    store = Store(db, EMPTY, "cluster")
    store.merge({}, {0: 1})
    with no_room(settings):
        with pytest.raises(FatalError, match=r"nothing was merged: .*File too large"):
            store.merge({}, {0: 2})
        db.close()
    with connect(settings) as again:
        assert Store(again, EMPTY, "cluster").offsets() == {0: 1}


def test_advice_for_a_full_disk(settings: Settings) -> None:
    error = duckdb.IOException('IO Error: Could not write file "x.wal": No space left on device\nmore')
    assert str(file_errors.not_opened(error, settings)).endswith(
        f"No space left on device; make room on the disk of {settings.data_dir} and start again: "
        "everything merged is kept"
    )
    assert isinstance(file_errors.not_opened(error, settings), FatalError)


def test_an_unknown_error_stays_as_it_is(settings: Settings) -> None:
    assert file_errors.cause(duckdb.Error("Odd Error: why\nLINE 1"), settings) == "Odd Error: why"
