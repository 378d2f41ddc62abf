"""Deduplication settings: which streams count a repeated event once, and within which horizon.

An event is a repeat when one with the same `event_id` came before it in the same partition, at most the horizon
earlier by Kafka's timestamps. A key lives in one partition, so an event that is sent twice is in the same one twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa

from streamgauge.catalog.stream import Stream
from streamgauge.runtime.errors import UsageError

EVENT_ID = "event_id"
LONGEST_S = 7 * 86_400
_ENTRY = re.compile(r"\s*([A-Za-z0-9._-]+)\s*=\s*(\d{1,9})\s*")


def obstacle(stream: Stream, within_s: object) -> str | None:
    """Why the stream cannot be deduplicated within so many seconds; None when it can."""
    if isinstance(within_s, bool) or not isinstance(within_s, int) or not 1 <= within_s <= LONGEST_S:
        return f"it must be whole seconds from 1 to {LONGEST_S}, not {within_s!r}"
    schema = stream.columns.schema
    if EVENT_ID not in schema.names or schema.field(EVENT_ID).type != pa.string():
        return f"its events have no field `{EVENT_ID}` that is a str"
    if stream.compacted:
        return "the stream is compacted: the log forgets which events were there"
    return None


def horizons(streams: Mapping[str, Stream], setting: str | None) -> dict[str, int]:
    """Horizon (s) of each stream that is deduplicated: the setting's `stream=seconds,…` overrides the catalog's.

    0 seconds in the setting switches a stream off. Raises `UsageError` for a malformed entry or an unknown stream.
    """
    within = {topic: stream.repeats_within_s for topic, stream in streams.items() if stream.repeats_within_s}
    for entry in filter(str.strip, (setting or "").split(",")):
        found = _ENTRY.fullmatch(entry)
        if not found:
            raise UsageError(f"STREAMGAUGE_DEDUPLICATE is `stream=seconds,…`, and `{entry.strip()}` is not")
        topic, seconds = found[1], int(found[2])
        if topic not in streams:
            raise UsageError(f"STREAMGAUGE_DEDUPLICATE: there is no stream `{topic}`; there are: {', '.join(streams)}")
        if seconds == 0:
            within.pop(topic, None)
            continue
        if why := obstacle(streams[topic], seconds):
            raise UsageError(f"STREAMGAUGE_DEDUPLICATE: repeats in `{topic}` cannot be found within {seconds} s: {why}")
        within[topic] = seconds
    return within
