"""Run files: the address of a process's metrics, as a target file of Prometheus."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.data_dir.run_file import RunFile


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1:9101"),
        ("10.0.0.7", "10.0.0.7:9101"),
        ("0.0.0.0", "127.0.0.1:9101"),  # noqa: S104 - everywhere is asked for here
        ("::", "127.0.0.1:9101"),
        ("::1", "[::1]:9101"),
    ],
)
def test_the_address_can_be_connected_to(tmp_path: Path, host: str, address: str) -> None:
    path = run_file.write(tmp_path, "analytics", host, 9101)
    assert run_file.read(path) == RunFile("analytics", os.getpid(), address)


def test_it_is_a_target_file_of_prometheus(tmp_path: Path) -> None:
    """Labels that begin `__meta_` are dropped by Prometheus: a restart makes no new series."""
    path = run_file.write(tmp_path, "analytics", "127.0.0.1", 9101)
    (group,) = json.loads(path.read_text())
    assert group["targets"] == ["127.0.0.1:9101"]
    assert {name for name in group["labels"] if not name.startswith("__meta_")} == {"process"}


def test_the_next_process_on_a_port_removes_a_killed_one_s_file(tmp_path: Path) -> None:
    killed = run_file.write(tmp_path, "analytics", "127.0.0.1", 9101).rename(tmp_path / "run" / "analytics-1.json")
    other = run_file.write(tmp_path, "lag", "127.0.0.1", 9102).rename(tmp_path / "run" / "lag-2.json")
    mine = run_file.write(tmp_path, "warehouse", "127.0.0.1", 9101)
    assert sorted((tmp_path / "run").iterdir()) == sorted([mine, other])
    assert not killed.exists()


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "[{}]", '[{"targets": ["a:1"], "labels": {}}]', "[1]", "null"])
def test_other_files_are_no_run_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some-1.json"
    path.write_text(text)
    assert run_file.read(path) is None
    assert run_file.read(tmp_path / "none-1.json") is None
