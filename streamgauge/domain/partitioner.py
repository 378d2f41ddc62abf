"""Partitioners: where a client library puts a key. Java's, Quix Streams' and our producers use murmur2. Pure."""

from __future__ import annotations

import zlib
from typing import Literal

Partitioner = Literal["murmur2", "crc32", "fnv1a", "other"]
MEANING: dict[Partitioner, str] = {
    "murmur2": "Java's default",
    "crc32": "librdkafka's default, `consistent_random`",
    "fnv1a": "the default of Sarama (Go)",
    "other": "no known partitioner, or another number of partitions",
}
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


def fnv1a(key: bytes) -> int:
    """FNV-1a of a key: 32 bits, signed as Sarama reads it."""
    hashed = 0x811C9DC5
    for byte in key:
        hashed = (hashed ^ byte) * 0x01000193 & _MASK
    return hashed - (hashed >> 31 << 32)


def guess(key: bytes, placed: int, count: int) -> Partitioner:
    """The partitioner that would have put the key into the partition `placed` of `count`, the most usual one first.

    One in `count` keys is where any other partitioner would put it too, so a share tells more than one event.
    """
    if partition(key, count) == placed:
        return "murmur2"
    if zlib.crc32(key) % count == placed:
        return "crc32"
    return "fnv1a" if abs(fnv1a(key)) % count == placed else "other"
