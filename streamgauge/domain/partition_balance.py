"""How keys share events out over partitions: our producers' partitioner, and what it does to recorded events. Pure.

Our producers partition as Java's do (murmur2 of the key, its sign bit off, modulo the partitions), so that a key is
where any other client looks for it. An event without a key goes anywhere; here such events are shared out evenly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

SHOWN_KEYS = 5
TRIED = (1, 2, 3, 6, 12, 24, 48, 96)
# Partitions are useful as long as the busiest one gets less than so many times its even share.
UNEVEN = 2.0
_M, _MASK = 0x5BD1E995, 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Kafka's hash of a key: 32 bits, unsigned."""
    hashed, whole = 0x9747B28C ^ len(key), len(key) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        hashed = (hashed * _M & _MASK) ^ word
    if rest := key[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _M & _MASK
    hashed = (hashed ^ hashed >> 13) * _M & _MASK
    return hashed ^ hashed >> 15


def partition(key: bytes, count: int) -> int:
    """The partition of a key among `count`."""
    return (murmur2(key) & 0x7FFFFFFF) % count


@dataclass(frozen=True)
class Recorded:
    """An event of the log: where it is, its size in bytes, the key it has, and the keys it would have.

    Of a field in a list (the sku of an item) an event has several: each would be an event of its own.
    """

    partition: int
    size: int
    key: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """What one partition gets."""

    number: int
    events: int
    share: float
    bytes: int


@dataclass(frozen=True)
class Balance:
    """Events by partition, and what stands in the way of sharing them evenly."""

    parts: tuple[Part, ...]
    events: int
    keyless: int
    distinct: int
    hottest: tuple[tuple[str, float], ...]

    @property
    def ratio(self) -> float:
        """The busiest partition's events over the mean of all; 1 is even."""
        return max((part.share for part in self.parts), default=0.0) * len(self.parts)

    @property
    def worth(self) -> float:
        """How many partitions that shared evenly these do the work of: the busiest one decides."""
        return len(self.parts) / self.ratio if self.ratio else 0.0


@dataclass(frozen=True)
class Order:
    """What becomes of the order among the events of one present key, were another the key."""

    entities: int
    several_keys: int
    several_partitions: int


def placed(events: Iterable[Recorded], count: int) -> Balance:
    """The balance as it is: events where they are, by the key they have."""
    return _balance(((one.partition, one.size, one.key) for one in events), count)


def simulated(events: Iterable[Recorded], count: int) -> Balance:
    """The balance as it would be with the other keys and `count` partitions."""
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
    """The greatest of the numbers tried up to which all are useful (UNEVEN), and the balance for each number."""
    tried = [(count, simulated(events, count)) for count in TRIED]
    even = takewhile(lambda one: one[1].ratio < UNEVEN, tried)
    return max((count for count, _ in even), default=1), tried


def order(events: Iterable[Recorded], count: int) -> Order:
    """Of the entities that are the key now: how many would have their events under several keys, and partitions."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in events:
        if one.key:
            found[one.key].update(one.keys)
    spread = [{partition(key.encode(), count) for key in keys} for keys in found.values() if len(keys) > 1]
    return Order(len(found), len(spread), sum(len(numbers) > 1 for numbers in spread))
