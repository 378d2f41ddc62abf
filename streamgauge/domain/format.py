"""Figures as text: counts, rates, money, shares, durations, sizes, times and relative changes. Pure.

A figure that is not known is `UNKNOWN`, never 0.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

UNKNOWN = "–"
WHOLE_EUROS_FROM_CENTS = 1_000_000


def count(value: int | None) -> str:
    """1234567 → `1,234,567`."""
    return UNKNOWN if value is None else f"{value:,}"


def rate(value: float | None) -> str:
    """A rate with its significant digits: `0.3`, `12.5`, `1,234`."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:,.1f}"


def money(cents: int | None) -> str:
    """Cents → `€1,234.56`; from 10,000 euros on without the cents."""
    if cents is None:
        return UNKNOWN
    sign, cents = "-" if cents < 0 else "", abs(cents)
    if cents >= WHOLE_EUROS_FROM_CENTS:
        return f"{sign}€{(cents + 50) // 100:,}"
    return f"{sign}€{cents // 100:,}.{cents % 100:02d}"


def amount(cents: int, currency: str) -> str:
    """1234 → `12.34 EUR`: an amount in the currency of its event."""
    return f"{cents / 100:,.2f} {currency}"


def mean_cents(cents: int, number: int) -> int | None:
    """Mean cents, rounded to the nearest one; None when `number` is 0."""
    return (2 * cents + number) // (2 * number) if number > 0 else None


def share(part: int, whole: int) -> str:
    """`part` of `whole` in per cent; a non-zero share never shows as zero."""
    if whole <= 0:
        return UNKNOWN
    percent = 100 * part / whole
    if part and percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.2f} %" if percent < 1 else f"{percent:.1f} %"


def duration(seconds: float) -> str:
    """`0.6 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for size, unit, smaller, small_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole} s"


def size(value: int) -> str:
    """Bytes with a unit: `812 B`, `4.2 kB`, `18 MB`."""
    for bound, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if value >= bound:
            shown = value / bound
            return f"{shown:,.0f} {unit}" if shown >= 9.95 else f"{shown:.1f} {unit}"
    return f"{value} B"


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a time."""
    return datetime.fromtimestamp(seconds, UTC)


def clock(time: datetime, now: datetime, zone: tzinfo = UTC) -> str:
    """`13:04:07 UTC`, with the date where it is not today's; in another zone without its name: `14:04:07`."""
    time = time.astimezone(zone)
    shown = f"{time:%H:%M:%S}" if time.date() == now.astimezone(zone).date() else f"{time:%Y-%m-%d %H:%M:%S}"
    return f"{shown} UTC" if zone is UTC else shown


def change(now: int, before: int | None) -> float | None:
    """Relative change; None when there is nothing to compare with."""
    return None if not before else now / before - 1


def percent_change(value: float) -> str:
    """0.1234 → `+12.3 %`; what rounds to zero has no sign."""
    text = f"{100 * value:+,.1f} %"
    return "0.0 %" if text in ("+0.0 %", "-0.0 %") else text
