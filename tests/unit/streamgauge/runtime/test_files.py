"""Shared files: replaced whole, locked between processes, secret."""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from streamgauge.runtime import files


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "made" / "counts.json"
    files.write_atomically(path, "old")
    with path.open() as reader:
        with files.replacing(path) as file:
            file.write(b"new ")
            file.flush()
            assert path.read_text() == "old"
            file.write(b"content")
        assert path.read_text() == "new content"
        assert reader.read() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_where_the_writer_fails_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    files.write_atomically(path, "old")

    def fail() -> None:
        with files.replacing(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "names", "Müller → ∅")
    assert (tmp_path / "names").read_bytes().decode() == "Müller → ∅"


def test_the_umask_decides_who_reads_a_replaced_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_atomically(tmp_path / "shared", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o640


def test_a_lock_is_held_until_its_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "up.lock"
    held = files.try_lock(path)
    assert held is not None
    assert files.try_lock(path) is None
    held.close()
    again = files.try_lock(path)
    assert again is not None
    again.close()


def test_a_lock_leaves_the_content_to_its_holder(tmp_path: Path) -> None:
    """The number of the process that holds it is in the file, for the message of the one that comes too late."""
    path = tmp_path / "up.lock"
    held = files.try_lock(path)
    assert held is not None
    with held:
        held.write("4711")
        held.flush()
        assert files.try_lock(path) is None
        assert path.read_text() == "4711"


HOLDER = """
import os, sys
from pathlib import Path
from streamgauge.runtime import files
held = files.try_lock(Path(sys.argv[1]))
assert held is not None
print("held", flush=True)
sys.stdin.read()
os._exit(9)
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert files.try_lock(path) is None
    holder.stdin.close()
    assert holder.wait(10) == 9
    holder.stdout.close()
    lock = files.try_lock(path)
    assert lock is not None
    lock.close()


def test_a_file_system_without_locks_is_no_other_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_args: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="No locks available"):
        files.try_lock(tmp_path / "lock")


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "token"
    before = os.umask(0)
    try:
        made = files.secret(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(made) >= 32
    assert files.secret(path) == made != files.secret(tmp_path / "other")


def test_two_processes_that_make_a_secret_at_once_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"

    def token(_size: int) -> str:
        assert not path.exists(), "a reader would see an empty secret"
        path.write_text("made by the other process")
        return "made too late"

    monkeypatch.setattr(secrets, "token_urlsafe", token)
    assert files.secret(path) == files.secret(path) == "made by the other process"
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_that_a_person_wrote_is_used_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of my own\n")
    assert files.secret(tmp_path / "token") == "of my own"
