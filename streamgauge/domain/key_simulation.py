"""What another key or number of partitions would do to recorded events: balance, hottest keys, lost order. Pure.

Events are placed as our producers place them (partitioner.py), so a key is where any other client expects it. An event
without a key may go anywhere; here such events are distributed evenly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from streamgauge.domain import partition_balance
from streamgauge.domain.partitioner import Partitioner, guess, partition

SHOWN_KEYS = 5
TRIED = (1, 2, 3, 6, 12, 24, 48, 96)
# Partitions are useful as long as the busiest one gets less than so many times its even share.
UNEVEN = 2.0


@dataclass(frozen=True)
class Recorded:
    """An event of the log: its partition, its size in bytes, its key, and the keys it would have.

    A field inside a list (the sku of an item) gives several keys: each would be an event of its own.
    """

    partition: int
    size: int
    key: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """What one partition receives."""

    number: int
    events: int
    share: float
    bytes: int


@dataclass(frozen=True)
class Balance:
    """Events by partition, and the keys that keep them from being even."""

    parts: tuple[Part, ...]
    events: int
    keyless: int
    distinct: int
    hottest: tuple[tuple[str, float], ...]

    @property
    def ratio(self) -> float:
        """The busiest partition's events over the mean of all; 1 is even."""
        return partition_balance.skew_ratio([part.events for part in self.parts]) or 0.0

    @property
    def worth(self) -> float:
        """How many evenly filled partitions these are worth: the busiest one decides."""
        return partition_balance.worth(len(self.parts), self.ratio)


@dataclass(frozen=True)
class Order:
    """What happens to the order among the events of one present key if another field is the key."""

    entities: int
    several_keys: int
    several_partitions: int


def placed(events: Iterable[Recorded], count: int) -> Balance:
    """The actual balance: events where they are, by the key they have."""
    return _balance(((one.partition, one.size, one.key) for one in events), count)


@dataclass(frozen=True)
class Placement:
    """Who placed the keys: events by the likeliest partitioner (those without a key left out), and the number of keys
    that are in several partitions.
    """

    partitioners: tuple[tuple[Partitioner, int], ...]
    split_keys: int


def placement(events: Iterable[Recorded], count: int) -> Placement:
    """Whose partitioner put the events where they are, the most events first."""
    events_in: Counter[tuple[str, int]] = Counter((one.key, one.partition) for one in events if one.key)
    partitioners: Counter[Partitioner] = Counter()
    for (key, number), number_of in events_in.items():
        partitioners[guess(key.encode(), number, count)] += number_of
    partitions_of = Counter(key for key, _ in events_in)
    return Placement(tuple(partitioners.most_common()), sum(number > 1 for number in partitions_of.values()))


def simulated(events: Iterable[Recorded], count: int) -> Balance:
    """The balance with the other keys and `count` partitions."""
    numbers: dict[str, int] = {}
    return _balance(_simulated(events, count, numbers), count)


def _simulated(events: Iterable[Recorded], count: int, known: dict[str, int]) -> Iterable[tuple[int, int, str]]:
    anywhere = 0
    for one in events:
        for key in one.keys or ("",):
            if key == "":
                anywhere += 1
                yield anywhere % count, one.size, ""
                continue
            if key not in known:
                known[key] = partition(key.encode(), count)
            yield known[key], one.size // max(1, len(one.keys)), key


def _balance(messages: Iterable[tuple[int, int, str]], count: int) -> Balance:
    events, sizes, keys = [0] * count, [0] * count, Counter[str]()
    for number, size, key in messages:
        events[number] += 1
        sizes[number] += size
        keys[key] += 1
    total, keyless = sum(events), keys.pop("", 0)
    return Balance(
        tuple(Part(number, n, n / total if total else 0.0, sizes[number]) for number, n in enumerate(events)),
        total,
        keyless,
        len(keys),
        tuple((key, n / total) for key, n in keys.most_common(SHOWN_KEYS)),
    )


def useful(events: Sequence[Recorded]) -> tuple[int, list[tuple[int, Balance]]]:
    """The greatest number in TRIED up to which all are useful (UNEVEN), and the balance for each number."""
    tried = [(count, simulated(events, count)) for count in TRIED]
    even = takewhile(lambda one: one[1].ratio < UNEVEN, tried)
    return max((count for count, _ in even), default=1), tried


def order(events: Iterable[Recorded], count: int) -> Order:
    """How many of the present keys would have their events under several keys, and in several partitions."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in events:
        if one.key:
            found[one.key].update(one.keys)
    spread = [{partition(key.encode(), count) for key in keys} for keys in found.values() if len(keys) > 1]
    return Order(len(found), len(spread), sum(len(numbers) > 1 for numbers in spread))
