"""Changelogs: the ids of the topics that the state in a replica's folder is restored from.

A changelog that was deleted and made anew lacks what the state was before. Nothing can put it back, so it is reported
for as long as the folder stays: deleted, or on another replica, the state would silently be less.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from streamgauge.runtime.process import Process

_FILE = "changelogs.json"


class Changelogs:
    """The changelogs that the state in `folder` began with, kept in a file there."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process, self._folder = process, folder

    def check(self, ids: Mapping[str, str]) -> None:
        """Compare the changelogs' ids as they are now, by topic, with those that the state began with."""
        file = self._folder / _FILE
        try:
            first = dict(json.loads(file.read_text()))
        except (OSError, ValueError):
            first = {}
        for topic, topic_id in ids.items():
            if first.setdefault(topic, topic_id) == topic_id:
                self._process.solved(f"changelog {topic}")
                continue
            self._process.problem(
                f"changelog {topic}",
                f"topic `{topic}` was deleted and made anew (topic id {topic_id}, before {first[topic]}): what this "
                f"service knew before is only in {self._folder}, and another replica, or a new folder, would lack it "
                "(docs/operations.md)",
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(first))
