"""What retention deleted before a group read it, added up over samples. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from streamgauge.domain.lag_status import Sample
from streamgauge.runtime.kafka import Partition

Key = tuple[str, Partition]


class Lost:
    """Totals by group and partition since the first sample; a loss that stands is counted once."""

    def __init__(self) -> None:
        self.totals: dict[Key, int] = {}
        self._counted_to: dict[Key, int] = {}

    def add(self, key: Key, sample: Sample) -> None:
        """Count what was lost since the last sample of the partition."""
        if not sample.lost:
            return
        fresh = min(sample.lost, sample.oldest - self._counted_to.get(key, 0))
        self.totals[key] = self.totals.get(key, 0) + fresh
        self._counted_to[key] = sample.oldest

    def forget(self, keys: Iterable[Key]) -> None:
        """Drop groups and topics that are gone."""
        for key in keys:
            self.totals.pop(key, None)
            self._counted_to.pop(key, None)
