"""Balance of the shop's orders over 6, 12 and 48 partitions by different keys, with and without hot keys.

    python -m benchmarks.partitioning [--events 300000] [--skew 0.8]

Generated traffic on a real broker, simulated as `streamgauge partitions --simulate KEY --count N --topic orders` does.
"""

from __future__ import annotations

import argparse

from streamgauge.catalog import loader
from streamgauge.cli.partitions import sample as partition_sample
from streamgauge.domain import key_simulation
from tests.support.rig import new_rig

KEYS = ("order_id", "customer_id", "sku", "region")
COUNTS = (6, 12, 48)


def table(events: int, skew: float) -> None:
    """Run the shop once and print its rows."""
    with new_rig() as rig:
        command = ("generate", "--rate", "0", "--count", str(events), "--skew", f"{skew:g}")
        if rig.start(*command, ready=False).process.wait(600):
            raise RuntimeError("the generator failed")
        streams = {"orders": loader.load("streamgauge.catalog.commerce").streams["orders"]}
        for key in KEYS:
            (sample,) = partition_sample.read(rig.settings, streams, key, 10_000_000)
            found = {count: key_simulation.simulated(sample.events, count) for count in COUNTS}
            name, share = found[6].hottest[0]
            best, _ = key_simulation.useful(sample.events)
            lost = key_simulation.order(sample.events, 6)
            cells = [f"{found[count].ratio:.2f} ({found[count].worth:.1f})" for count in COUNTS]
            print(
                f"| {skew:g} | `{key}` | {found[6].distinct:,} | `{name}` {share:.2%} | {' | '.join(cells)} | {best} | "
                f"{lost.several_partitions / max(1, lost.entities):.0%} |",
                flush=True,
            )


def main() -> None:
    """Print the table of docs/partitioning.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--skew", type=float, default=0.8)
    options = parser.parse_args()
    print("| skew | key | keys | hottest key | 6 partitions | 12 | 48 | useful up to | orders out of order |")
    print("|---|---|---|---|---|---|---|---|---|")
    for skew in (0.0, options.skew):
        table(options.events, skew)


if __name__ == "__main__":
    main()
