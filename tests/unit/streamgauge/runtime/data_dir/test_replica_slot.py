"""Slots: unique while they are held, the same after a restart, spread over hosts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamgauge.runtime.data_dir import replica_slot


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[replica_slot.Slot]:
    """A slot held by a running process."""
    replica = replica_slot.take("analytics", data_dir)
    with replica._lock:
        yield replica


def test_replicas_of_a_folder_differ_and_a_restart_takes_over(tmp_path: Path) -> None:
    with held(tmp_path) as second_to_live:
        with held(tmp_path) as first_to_die:
            assert (second_to_live.number, first_to_die.number) == (0, 1)
            assert first_to_die.spread(6) == (second_to_live.spread(6) + 1) % 6
            before = first_to_die.id
        with held(tmp_path) as restarted:
            assert restarted.id == before != second_to_live.id


def test_containers_with_folders_of_their_own_differ_by_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the first slot; its id and its place come from the host's name, and stay over a restart."""
    ids, places = set(), set()
    for number in range(12):
        monkeypatch.setattr(socket, "gethostname", lambda number=number: f"analytics-7d9c-{number:05x}")
        with held(tmp_path / str(number)) as replica:
            assert replica.number == 0
            ids.add(replica.id)
            places.add(replica.spread(6))
    assert len(ids) == 12
    assert len(places) >= 4
    assert places <= set(range(6))
