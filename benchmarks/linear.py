"""Linearity: events per second, ns per event and peak memory at three sizes, each from an empty pipeline.

python -m benchmarks.linear [--sizes 200000,2000000,10000000]
"""

from __future__ import annotations

import argparse

from benchmarks.machine import machine
from benchmarks.throughput import fill, measure
from tests.support.rig import new_rig


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", default="200000,2000000,10000000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    print(machine())
    print(f"{'events':>12s} {'events/s':>10s} {'ns/event':>10s} {'analytics MiB':>14s} {'warehouse MiB':>14s}")
    for size in sizes:
        with new_rig() as rig:
            fill(rig.kafka.bootstrap, size)
            result = measure(rig, size)
        memory = f"{result['analytics_mib']:14,.0f} {result['warehouse_mib']:14,.0f}"
        print(f"{size:12,d} {result['rate']:10,.0f} {1e9 / result['rate']:10,.0f} {memory}", flush=True)


if __name__ == "__main__":
    main()
