"""Event classes on the common envelope: its fields first, their order and types as the catalog's columns have them."""

from __future__ import annotations

import msgspec
import pytest

from streamgauge.catalog import loader
from streamgauge.catalog.envelope import Envelope
from streamgauge.catalog.stream import Stream

FIELDS = ("event_id", "event_type", "occurred_at", "source", "schema_version")
KNOWN = loader.streams_of("streamgauge.catalog.commerce").streams
STREAMS = [stream for stream in KNOWN.values() if issubclass(stream.event, Envelope)]


def test_every_event_has_it_but_those_of_two_built_in_streams() -> None:
    assert KNOWN.keys() - {stream.topic for stream in STREAMS} == {"dead-letter-retries", "audit"}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.topic)
def test_the_envelope_comes_first_and_its_types_are_checked(stream: Stream) -> None:
    assert stream.event.__struct_fields__[:5] == FIELDS
    assert [str(field.type) for field in stream.columns.schema][:5] == [
        "string",
        "string",
        "timestamp[ms, tz=UTC]",
        "string",
        "int64",
    ]
    with pytest.raises(msgspec.ValidationError, match=r"\$\.event_type"):
        msgspec.json.decode(b'{"event_id": "e", "event_type": "of.another.stream"}', type=stream.event)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.schema_version"):
        msgspec.json.decode(b'{"event_id": "e", "schema_version": 2}', type=stream.event)
    # No garbage collection of events, which halves the cost of decoding.
    assert stream.event.__struct_config__.gc is False
