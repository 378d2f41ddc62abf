"""The envelope: the five fields that every event of the built-in streams begins with."""

from __future__ import annotations

from typing import Literal

import msgspec

from streamgauge.catalog.types import Id, Millis


class Envelope(msgspec.Struct, gc=False, kw_only=True):
    """Base of event classes. A subclass names its types in `event_type` as a `Literal`; the order of fields stays.

    event_id:       unique for the fact: an event published again has the same one.
    event_type:     `noun.past-participle`.
    occurred_at:    when it happened, ms since the Unix epoch; not when it was published.
    source:         the service that published it.
    schema_version: of the class; a later version may add optional fields only.
    """

    event_id: Id
    event_type: str
    occurred_at: Millis
    source: Id
    schema_version: Literal[1]
