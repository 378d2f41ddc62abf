"""Field types for event classes. Bounds keep every sum within 64 bits, so that none can overflow."""

from typing import Annotated

from msgspec import Meta

INT64_MAX = 2**63 - 1

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=10_000)]
# Milliseconds since the Unix epoch, UTC; a TIMESTAMPTZ column. The bound is the end of the year 9999.
Millis = Annotated[int, Meta(ge=0, le=253_402_300_799_999, extra={"timestamp": True})]
Cents = Annotated[int, Meta(ge=0, le=10**14)]
SignedCents = Annotated[int, Meta(ge=-(10**14), le=10**14)]
Quantity = Annotated[int, Meta(ge=1, le=10**12)]
Count = Annotated[int, Meta(ge=0, le=10**12)]
# JSON has no NaN or infinity, but 1e400 is a valid number in it.
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
Share = Annotated[float, Meta(ge=0, le=1)]
Int64 = Annotated[int, Meta(ge=-INT64_MAX - 1, le=INT64_MAX)]
