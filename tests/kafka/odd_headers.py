"""A producer of headers whose names are any bytes, as Go clients send them; confluent_kafka only takes text."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from confluent_kafka import cimpl

# rd_kafka_vtype_t in rdkafka.h.
_END, _TOPIC, _PARTITION, _VALUE, _KEY, _HEADER = 0, 1, 3, 4, 5, 9
_PRODUCER, _COPY = 0, 2


class _Bytes(ctypes.Structure):
    _fields_ = (("data", ctypes.c_char_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_char_p), ("size", ctypes.c_ssize_t))


class _Value(ctypes.Union):
    _fields_ = (
        ("text", ctypes.c_char_p),
        ("number", ctypes.c_int32),
        ("bytes", _Bytes),
        ("header", _Header),
        ("room", ctypes.c_char * 64),
    )


class _Part(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int), ("value", _Value))


def _library() -> ctypes.CDLL:
    """The librdkafka that confluent_kafka is linked with."""
    library = ctypes.CDLL(cimpl.__file__)
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_produceva"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def publish(
    bootstrap: str, topic: str, key: bytes, value: bytes, headers: Iterable[tuple[bytes, bytes]], partition: int = 0
) -> None:
    """Produce one message, and wait until it is there."""
    library, error = _library(), ctypes.create_string_buffer(512)
    config = ctypes.c_void_p(library.rd_kafka_conf_new())
    assert library.rd_kafka_conf_set(config, b"bootstrap.servers", bootstrap.encode(), error, len(error)) == 0
    producer = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, config, error, len(error)))
    assert producer.value, error.value
    parts = [
        _Part(_TOPIC, _Value(text=topic.encode())),
        _Part(_PARTITION, _Value(number=partition)),
        _Part(_KEY, _Value(bytes=_Bytes(key, len(key)))),
        _Part(_VALUE, _Value(bytes=_Bytes(value, len(value)))),
        *(_Part(_HEADER, _Value(header=_Header(name, text, len(text)))) for name, text in headers),
    ]
    failed = library.rd_kafka_produceva(producer, (_Part * len(parts))(*parts), ctypes.c_size_t(len(parts)))
    assert failed is None
    assert library.rd_kafka_flush(producer, 30_000) == 0
    library.rd_kafka_destroy(producer)
