"""View state, without the page's own filters: time range, comparison, time zone, refresh interval. Pure.

The address bar holds the same (`session/address.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dashboard.data.periods import BUCKETS_S, BY_KEY, COMPARE, DEFAULT, Period

CUSTOM = "custom"
LIVE_S = 2.0
# Key → label, and seconds between two refreshes; None is paused.
REFRESH: dict[str, tuple[str, float | None]] = {
    "live": ("every 2 s", LIVE_S),
    "10s": ("every 10 s", 10.0),
    "1m": ("every minute", 60.0),
    "off": ("paused", None),
}
ZONES = {"utc": "UTC", "local": "local time"}
# Parameters of the address; `OF_RANGE` are those of a custom range.
OF_RANGE = ("from", "to", "bar")
PARAMETERS = ("range", *OF_RANGE, "compare", "zone", "refresh")
DEFAULTS = {"range": DEFAULT, "compare": "previous", "zone": "utc", "refresh": "live"}


def moment(text: str) -> datetime | None:
    """Parse a time of the address: ISO 8601, UTC unless it names a zone. None if it is invalid."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    # Beyond these years there is no window, and arithmetic would overflow.
    return time.astimezone(UTC) if 1980 <= time.year <= 2200 else None


def stamp(time: datetime) -> str:
    """A time as in the address: `2026-11-23T14:03:07Z`."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class ViewState:
    """`since` and `until` are set for a custom range only; `bar` is the width of its bars in seconds, if an incident
    link froze it. `zone_name` is the browser's (IANA)."""

    range: str = DEFAULT
    compare: str = "previous"
    zone: str = "utc"
    refresh: str = "live"
    since: datetime | None = None
    until: datetime | None = None
    zone_name: str | None = None
    bar: int | None = None

    @classmethod
    def read(cls, params: Mapping[str, str], zone_name: str | None = None) -> ViewState:
        """Parse the parameters of an address; invalid ones take their default."""
        since, until = moment(params.get("from", "")), moment(params.get("to", ""))
        choice = params.get("range", CUSTOM if since and until else DEFAULT)
        custom = since is not None and until is not None and since < until and choice == CUSTOM
        bar = params.get("bar", "")

        def one_of(name: str, known: Mapping[str, object]) -> str:
            given = params.get(name, "")
            return given if given in known else DEFAULTS[name]

        return cls(
            CUSTOM if custom else choice if choice in BY_KEY else DEFAULT,
            one_of("compare", COMPARE),
            one_of("zone", ZONES),
            one_of("refresh", REFRESH),
            since if custom else None,
            until if custom else None,
            zone_name,
            int(bar) if custom and bar in map(str, BUCKETS_S) else None,
        )

    def address(self) -> dict[str, str]:
        """The parameters that reproduce it; defaults are left out, except the range."""
        params = {"range": self.range}
        if self.since and self.until:
            params |= {"from": stamp(self.since), "to": stamp(self.until)}
        if self.bar:
            params["bar"] = str(self.bar)
        for name in ("compare", "zone", "refresh"):
            if getattr(self, name) != DEFAULTS[name]:
                params[name] = getattr(self, name)
        return params

    def period(self, now: datetime) -> Period:
        """The period as of `now`."""
        if self.since and self.until:
            return Period.between(self.since, self.until, now, self.compare, self.bar)
        return Period.last(BY_KEY[self.range], now, self.compare)

    @property
    def cache_key(self) -> tuple[object, ...]:
        """What the result of a query depends on."""
        return (self.range, self.since, self.until, self.bar, self.compare)

    @property
    def current(self) -> ViewState:
        """The same view with the default range, for queries without a range: their result is shared by all views."""
        return replace(self, range=DEFAULT, compare="previous", since=None, until=None, bar=None)

    @property
    def refresh_s(self) -> float | None:
        """Seconds between two refreshes; None if paused."""
        return REFRESH[self.refresh][1]

    @property
    def clock(self) -> tzinfo:
        """The time zone that times are shown in."""
        if self.zone == "local" and self.zone_name:
            try:
                return ZoneInfo(self.zone_name)
            except (ZoneInfoNotFoundError, ValueError):
                return UTC
        return UTC
