"""A changelog that was made anew is reported for as long as the state of before is there."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from processors.streaming.changelogs import Changelogs
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings


def problems(folder: Path, ids: dict[str, str]) -> list[str]:
    """What a replica that starts reports."""
    process = Process("t", Settings(), threading.Event())
    Changelogs(process, folder).check(ids)
    found: list[str] = process.health["problems"]
    return found


def test_made_anew_is_reported_until_the_folder_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "0"
    assert problems(folder, {"changelog__a": "one"}) == []
    assert problems(folder, {"changelog__a": "one", "changelog__b": "two"}) == []
    for _ in range(2):
        (text,) = problems(folder, {"changelog__a": "three", "changelog__b": "two"})
        assert "`changelog__a` was deleted and made anew (topic id three, before one)" in text
    # A broker that does not tell now changes nothing.
    assert problems(folder, {}) == []
    assert len(problems(folder, {"changelog__a": "three"})) == 1
    shutil.rmtree(folder)
    assert problems(folder, {"changelog__a": "three"}) == []
