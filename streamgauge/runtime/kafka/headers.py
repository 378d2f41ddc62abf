"""Headers of a message, whatever the bytes of their names. Kafka only asks for text; Go clients, among others, do not.

confluent_kafka must not be asked for a header whose name is not UTF-8: `Message.headers` returns while an exception is
pending, with null pointers for names, and the interpreter may crash. So the names are read beforehand, by librdkafka's
own function. It takes a pointer that only the message's C structure has; that this is laid out as expected is verified
with the first message.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from operator import methodcaller
from typing import Any

from confluent_kafka import Message, cimpl

Headers = list[tuple[str, bytes | None]]


class _Message(ctypes.Structure):
    """confluent_kafka's `Message` in C, as far as its offset."""

    _fields_ = (
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("topic", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("key", ctypes.c_void_p),
        ("headers", ctypes.c_void_p),
        ("c_headers", ctypes.c_void_p),
        ("error", ctypes.c_void_p),
        ("partition", ctypes.c_int32),
        ("offset", ctypes.c_int64),
    )


_verified: list[bool] = []
_C_HEADERS = _Message.c_headers.offset
# Called so, and only so, a pending exception is noticed.
_ask: Callable[[Message], Headers | None] = methodcaller("headers")


def headers_of(message: Message) -> Headers:
    """A message's headers; names that are not UTF-8 come with those bytes escaped (`\\xff`). Never raises.

    Afterwards the message's own `headers()` returns the same, and is safe.
    """
    if not isinstance(message, Message):
        return _ask(message) or []
    if not _verified:
        _verified.append(_laid_out_as_expected(message))
    if not _verified[0]:
        try:
            return _ask(message) or []
        except (SystemError, UnicodeDecodeError):
            return []
    pointer = ctypes.c_void_p.from_address(id(message) + _C_HEADERS).value
    if pointer is not None:
        message.set_headers([(name.decode("utf-8", "backslashreplace"), value) for name, value in _read(pointer)])
    return _ask(message) or []


def _laid_out_as_expected(message: Message) -> bool:
    there = _Message.from_address(id(message))
    return (there.type, there.topic, there.value, there.key, there.partition, there.offset) == (
        id(type(message)),
        id(message.topic()),
        id(message.value()),
        id(message.key()),
        message.partition(),
        message.offset(),
    )


def _read(pointer: int) -> Iterator[tuple[bytes, bytes | None]]:
    """The headers of librdkafka's list at `pointer`."""
    get = _getter()
    name, value, size = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_size_t()
    number = 0
    while get(pointer, number, ctypes.byref(name), ctypes.byref(value), ctypes.byref(size)) == 0:
        yield name.value or b"", None if value.value is None else ctypes.string_at(value.value, size.value)
        number += 1


@cache
def _getter() -> Any:
    # Found among the libraries that the extension module is linked with.
    get = ctypes.CDLL(cimpl.__file__).rd_kafka_header_get_all
    get.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_void_p] * 3)
    get.restype = ctypes.c_int
    return get
