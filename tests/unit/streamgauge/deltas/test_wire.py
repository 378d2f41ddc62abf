"""The messages of `analytics`: what is written is what is parsed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from streamgauge.deltas import wire
from streamgauge.deltas.provenance import InputOffsets

INPUTS = InputOffsets("m", {"orders": {0: (7, 9), 3: (0, 4)}})


@dataclass
class Delivered:
    """A message as the consumer delivers it."""

    named: wire.KafkaHeaders | None = field(default_factory=list)

    def headers(self) -> wire.KafkaHeaders | None:
        return self.named


def test_a_transaction_comes_back_as_written() -> None:
    deltas = [*wire.encode("orders", pa.table({"n": [1, 2]}), 1_000), *wire.encode("windows", pa.table({"n": [3]}), 1)]
    written = list(wire.messages(deltas, "replica-1", INPUTS))
    parsed = [wire.parse(Delivered(headers)) for _, headers in written]
    assert [(one.model, one.producer, one.is_last, one.inputs) for one in parsed] == [
        ("orders", b"replica-1", False, None),
        ("windows", b"replica-1", True, INPUTS),
    ]
    assert [wire.decode(value).to_pydict() for value, _ in written] == [{"n": [1, 2]}, {"n": [3]}]


def test_rows_are_split_by_size_and_stay_in_order() -> None:
    rows = pa.table({"n": range(1_000)})
    deltas = list(wire.encode("orders", rows, rows.nbytes // 4))
    assert len(deltas) == 4
    assert sum(delta.rows for delta in deltas) == 1_000
    assert pa.concat_tables(wire.decode(delta.value) for delta in deltas).equals(rows)


def test_a_message_without_headers_is_no_delta() -> None:
    assert wire.parse(Delivered(None)) == wire.Header(None, b"", True, None)


@pytest.mark.parametrize("value", [b"", b'{"models": 1}', b"{"])
def test_malformed_inputs_are_none(value: bytes) -> None:
    assert wire.decode_inputs(value) is None


def test_inputs_come_back() -> None:
    assert wire.decode_inputs(wire.encode_inputs(INPUTS)) == INPUTS


@pytest.mark.parametrize("value", [b"no", b"", None])
def test_what_is_not_arrow_is_an_invalid_delta(value: bytes | None) -> None:
    with pytest.raises(wire.InvalidDelta):
        wire.decode(value)
