"""A complete catalog of one's own: readings of climate sensors in buildings (docs/catalog.md).

    STREAMGAUGE_CATALOG=examples.sensors streamgauge up

One event class, one stream, three models and a view; nothing else in Streamgauge knows of sensors.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streamgauge.catalog.stream import Stream
from streamgauge.catalog.types import Id, Millis

# Bounded, so that every sum stays inside 64 bits: integers in a small unit instead of floating point.
MilliCelsius = Annotated[int, Meta(ge=-273_150, le=1_000_000)]
Percent = Annotated[int, Meta(ge=0, le=100)]


class Reading(msgspec.Struct, gc=False, kw_only=True):
    """Topic `readings`, key `sensor_id`. A reading that failed has a fault instead of a temperature."""

    reading_id: Id
    event_type: Literal["reading.taken", "reading.failed"]
    taken_at: Millis
    sensor_id: Id
    building: Id
    battery_percent: Percent
    temperature_mc: MilliCelsius | None = None
    fault: Id | None = None


STREAMS = (Stream("readings", Reading, key="sensor_id", event_time="taken_at"),)
