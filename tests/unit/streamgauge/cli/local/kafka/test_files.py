"""The lock file, and that only files that match it enter the cache. No network: the download is a function."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from streamgauge.cli.local.kafka import files
from streamgauge.cli.local.kafka import lock as kafka_lock
from streamgauge.cli.local.kafka.lock import Jar, parse
from streamgauge.runtime.errors import FatalError, TransientError, UsageError

CONTENT = b"the jar"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
JARS = [Jar("org.example", name, "1.0", len(CONTENT), SHA256) for name in ("one", "two", "three")]


def good(jar: Jar, scratch: Path, advance: Callable[[int], None]) -> Path:
    path = scratch / f"{jar.artifact}.download"
    path.write_bytes(CONTENT)
    advance(len(CONTENT))
    return path


def test_the_committed_lock_is_whole() -> None:
    lock = kafka_lock.load()
    names = [jar.filename for jar in lock.jars]
    assert f"kafka_2.13-{lock.version}.jar" in names
    assert f"kafka-clients-{lock.version}.jar" in names
    assert any(name.startswith("log4j-slf4j-impl-") for name in names)
    assert len(set(names)) == len(names)
    assert "//" not in kafka_lock.LOCK_FILE.read_text(), "no addresses"


def test_a_line_is_read() -> None:
    lock = parse(f"# comment\n\norg.apache.kafka:kafka_2.13:9.9.9 12 {SHA256}\n")
    assert lock.version == "9.9.9"
    assert lock.jars == (Jar("org.apache.kafka", "kafka_2.13", "9.9.9", 12, SHA256),)


@pytest.mark.parametrize(
    "line", ["org.example:one:1.0 12", f"org.example:one 12 {SHA256}", f"../org:one:1.0/.. 12 {SHA256}", "nonsense"]
)
def test_a_line_that_does_not_fit_is_named(line: str) -> None:
    with pytest.raises(FatalError, match=r"kafka\.lock:2: expected"):
        parse(f"# comment\n{line}\n")


def test_a_lock_without_kafka_is_refused() -> None:
    with pytest.raises(FatalError, match="expected one"):
        parse(f"org.example:one:1.0 12 {SHA256}\n")


def test_fetched_jars_are_in_the_cache_and_nothing_else(tmp_path: Path) -> None:
    files.fetch(JARS, tmp_path, "9.9.9", good)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one-1.0.jar", "three-1.0.jar", "two-1.0.jar"]


def test_a_wrong_checksum_keeps_the_file_out(tmp_path: Path) -> None:
    def forged(jar: Jar, scratch: Path, advance: Callable[[int], None]) -> Path:
        path = good(jar, scratch, advance)
        if jar.artifact == "two":
            path.write_bytes(b"the rat")
        return path

    with pytest.raises(FatalError, match=r"two-1\.0\.jar from Maven Central has SHA-256"):
        files.fetch(JARS, tmp_path, "9.9.9", forged)
    assert not (tmp_path / "two-1.0.jar").exists()
    assert not list(tmp_path.glob("fetch-*"))


def test_without_network_the_error_is_actionable(tmp_path: Path) -> None:
    def away(jar: Jar, scratch: Path, advance: Callable[[int], None]) -> Path:
        raise ConnectionError("no route")

    with pytest.raises(UsageError, match="cannot fetch Apache Kafka 9.9.9 from Maven Central .*STREAMGAUGE_BOOTSTRAP"):
        files.fetch(JARS, tmp_path, "9.9.9", away)


def test_a_stop_ends_the_fetch(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(TransientError):
        files.fetch(JARS, tmp_path, "9.9.9", good, stop)


def test_what_is_missing_or_cut_short_is_fetched_again(tmp_path: Path) -> None:
    files.fetch(JARS, tmp_path, "9.9.9", good)
    (tmp_path / "one-1.0.jar").write_bytes(b"cut")
    (tmp_path / "two-1.0.jar").unlink()
    lock = kafka_lock.KafkaLock("9.9.9", tuple(JARS))
    assert [jar.artifact for jar in files.missing(lock, tmp_path)] == ["one", "two"]


def test_leftovers_of_a_killed_fetch_go_but_not_a_running_one(tmp_path: Path) -> None:
    for name, age_s in (("fetch-old", 7200), ("fetch-new", 0)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "half.jar").write_bytes(b"half")
        os.utime(folder, (folder.stat().st_atime, folder.stat().st_mtime - age_s))
    files.fetch(JARS, tmp_path, "9.9.9", good)
    assert [path.name for path in tmp_path.glob("fetch-*")] == ["fetch-new"]


def test_the_cache_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert files.cache_dir("9.9.9") == tmp_path / "streamgauge" / "kafka-9.9.9"
