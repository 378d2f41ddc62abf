"""Slots: unique while they are held, the same after a restart, spread over hosts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from runtime import slot


def test_replicas_of_a_folder_differ_and_a_restart_takes_over(tmp_path: Path) -> None:
    first, second = slot.take("analytics", tmp_path), slot.take("analytics", tmp_path)
    assert (first.number, second.number) == (0, 1)
    assert first.id != second.id
    assert {replica.spread(6) for replica in (first, second)} == {first.spread(6), (first.spread(6) + 1) % 6}
    again = first.id
    first._lock.close()
    assert slot.take("analytics", tmp_path).id == again


def test_containers_with_folders_of_their_own_differ_by_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the first slot; its id and its place come from the host's name, and stay over a restart."""
    ids, places = set(), set()
    for number in range(12):
        monkeypatch.setattr(socket, "gethostname", lambda number=number: f"analytics-7d9c-{number:05x}")
        replica = slot.take("analytics", tmp_path / str(number))
        assert replica.number == 0
        assert replica.spread(6) == replica.spread(6) < 6
        ids.add(replica.id)
        places.add(replica.spread(6))
    assert len(ids) == 12
    assert len(places) >= 4
