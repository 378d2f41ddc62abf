"""Partitions, replicas and warehouses for a rate of events, from measured figures (docs/scaling.md).

    python -m benchmarks.sizing 4000 100000 1000000 1000000000/day

A rate is events per second at the peak; `/day` is a day's total, with a peak of three times its mean.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

WAREHOUSES = "warehouses: everything", "no raw rows", "windows"
PER_DAY, DAY_S = "/day", 86_400
COLUMNS = "Events", "a second at the peak", "MB/s", "replicas", "partitions", *WAREHOUSES


@dataclass(frozen=True)
class Figures:
    """Measured figures (docs/benchmarks.md), and the share of them that is planned with."""

    replica: int = 72_700  # events/s of one analytics replica: `throughput`, busy minute
    everything: int = 207_000  # events/s that one owner merges, raw rows included: `owner`
    no_raw_rows: int = 401_000
    windows: int = 1_216_000
    event_bytes: int = 345  # bytes of one event: `throughput`'s orders
    used: float = 0.6  # share of the measured figure that is planned with
    peak: float = 3.0  # a day's busiest second over its mean
    fewest: int = 6  # partitions


@dataclass(frozen=True)
class Size:
    """Resources for a rate. `warehouses`: with everything kept, without raw rows, with windows only."""

    rate: int
    replicas: int
    partitions: int
    warehouses: tuple[int, int, int]
    megabytes_s: float


def peak(text: str, figures: Figures) -> int:
    """Events per second at the peak, from `4000` or `1000000000/day`."""
    if text.endswith(PER_DAY):
        return math.ceil(int(text.removesuffix(PER_DAY)) / DAY_S * figures.peak)
    return int(text)


def size(rate: int, figures: Figures) -> Size:
    """Resources for `rate` events per second.

    Replicas work at `used` of what they can, so that a backlog shrinks and one may be away. Partitions are twice the
    replicas, in sixes: adding replicas is a moment's work, adding partitions moves keys.
    """

    def machines(each: int) -> int:
        return max(1, math.ceil(rate / (each * figures.used)))

    replicas = machines(figures.replica)
    return Size(
        rate,
        replicas,
        math.ceil(2 * replicas / figures.fewest) * figures.fewest,
        (machines(figures.everything), machines(figures.no_raw_rows), machines(figures.windows)),
        rate * figures.event_bytes / 1e6,
    )


def row(text: str, figures: Figures) -> str:
    """A row of the table in docs/scaling.md."""
    needed = size(peak(text, figures), figures)
    cells = [f"{needed.rate:,}", f"{needed.megabytes_s:,.1f}", needed.replicas, needed.partitions, *needed.warehouses]
    return f"| {text} | {' | '.join(map(str, cells))} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("rates", nargs="*", default=["4000", "100000", "1000000", "1000000000/day"])
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for text in parser.parse_args().rates:
        print(row(text, Figures()))


if __name__ == "__main__":
    main()
