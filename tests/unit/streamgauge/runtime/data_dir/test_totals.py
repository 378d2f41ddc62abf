"""Totals: what is written is read; other files are skipped."""

from __future__ import annotations

from pathlib import Path

from streamgauge.runtime.data_dir import totals
from streamgauge.runtime.data_dir.totals import Log, Published


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert totals.log(tmp_path) is None
    assert totals.published(tmp_path) == []
    log = Log(1, 2, 3, 4, 5, clean=True, before={}, logged={"orders": 1}, processed={}, due={})
    one = Published("generate", 7, 1, 2, complete=False, streams={"orders": 3})
    totals.write_log(tmp_path, log)
    totals.write_published(tmp_path, one)
    assert totals.log(tmp_path) == log
    assert totals.published(tmp_path) == [one]
    assert not list(tmp_path.rglob("*.part"))


def test_other_files_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "traffic").mkdir()
    (tmp_path / "traffic" / "published-x-1.json").write_text('{"name": "x"}')
    (tmp_path / "traffic" / "log.json").write_text("{")
    assert totals.published(tmp_path) == []
    assert totals.log(tmp_path) is None
