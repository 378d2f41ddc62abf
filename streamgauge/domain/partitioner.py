"""Kafka's default partitioner, which Java's and our producers share: murmur2 of the key modulo the partitions. Pure."""

from __future__ import annotations

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
