"""Wire format of the topic `analytics`: one message is one delta, an Arrow IPC stream described by its headers.

`model`     name of the model
`producer`  id of the replica that wrote the transaction
`topic_id`  id of the topic that its rows were read from; absent where they are of several, or the broker knows none
`more`      present in all messages of a transaction but the last
`inputs`    in the last message of a transaction: the input offsets it was computed from (JSON, `InputOffsets`)

A transaction without rows has one message without a value, whose model is `NOTHING`: it moves past lost input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from streamgauge.deltas.provenance import InputOffsets
from streamgauge.runtime.kafka.headers import headers_of

_MODEL, _PRODUCER, _TOPIC_ID, _MORE, _INPUTS = "model", "producer", "topic_id", "more", "inputs"
NOTHING = ""
KafkaHeaders = list[tuple[str, bytes]]
# What `decode` raises for bytes that are not an Arrow IPC stream.
InvalidDelta = pa.ArrowInvalid


class Delta(NamedTuple):
    """An encoded delta: `value` is an Arrow IPC stream of `rows` rows, read from the topic of that id ("": unknown)."""

    model: str
    value: bytes
    rows: int
    topic_id: str = ""


class Header(NamedTuple):
    """The parsed headers of a message. `model` is None in a message that is no delta.

    `inputs` is None unless `is_last`, and in messages of a version that did not record them.
    """

    model: str | None
    producer: bytes
    is_last: bool
    inputs: InputOffsets | None
    topic_id: str = ""


def encode(model: str, rows: pa.Table, max_bytes: int, topic_id: str = "") -> Iterator[Delta]:
    """Encode a model's rows as deltas of about `max_bytes` at most (in Arrow's memory format)."""
    per_message = max(1, max_bytes * rows.num_rows // max(1, rows.nbytes))
    for start in range(0, rows.num_rows, per_message):
        part = rows.slice(start, per_message).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        yield Delta(model, sink.getvalue().to_pybytes(), part.num_rows, topic_id)


def decode(value: bytes | None) -> pa.Table:
    """The rows of a delta. Raises `InvalidDelta`."""
    return pa.ipc.open_stream(value or b"").read_all()


def headers(model: str, producer: str, *, is_last: bool, inputs: bytes = b"", topic_id: str = "") -> KafkaHeaders:
    """The headers of one message; `inputs` (encoded) belongs to the last of a transaction."""
    named = [(_MODEL, model.encode()), (_PRODUCER, producer.encode())]
    if topic_id:
        named.append((_TOPIC_ID, topic_id.encode()))
    if not is_last:
        return [*named, (_MORE, b"1")]
    return [*named, (_INPUTS, inputs)] if inputs else named


def messages(deltas: Sequence[Delta], producer: str, inputs: InputOffsets) -> Iterator[tuple[bytes, KafkaHeaders]]:
    """Values and headers of all messages of one transaction, in the order in which they must be produced."""
    encoded, last = encode_inputs(inputs), len(deltas) - 1
    if not deltas:
        yield b"", headers(NOTHING, producer, is_last=True, inputs=encoded)
    for number, delta in enumerate(deltas):
        yield (
            delta.value,
            headers(delta.model, producer, is_last=number == last, inputs=encoded, topic_id=delta.topic_id),
        )


def parse(message: Any) -> Header:
    """The headers of a message as a consumer delivers it (confluent_kafka's `Message`)."""
    named = {name: value or b"" for name, value in headers_of(message)}
    model, is_last = named.get(_MODEL), _MORE not in named
    inputs = decode_inputs(named.get(_INPUTS, b"")) if is_last and model is not None else None
    text = None if model is None else model.decode(errors="replace")
    topic_id = named.get(_TOPIC_ID, b"").decode(errors="replace")
    return Header(text, named.get(_PRODUCER, b""), is_last, inputs, topic_id)


def encode_inputs(inputs: InputOffsets) -> bytes:
    """The value of the header `inputs`."""
    return msgspec.json.encode(inputs)


def decode_inputs(value: bytes) -> InputOffsets | None:
    """The value of the header `inputs`; None when it is malformed or empty."""
    try:
        return msgspec.json.decode(value, type=InputOffsets)
    except msgspec.MsgspecError:
        return None
