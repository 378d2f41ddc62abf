"""Quix Streams' tumbling window of ten seconds with count and sum, over a pre-filled topic.

    python -m benchmarks.quix_window BOOTSTRAP EVENTS at-least-once|exactly-once

`at-least-once` is Quix Streams by default: a commit every 5 s, results not published. `exactly-once` has Streamgauge's
guarantee: results published, and a commit every 250 ms. Prints events per second from the first event to the last
commit, without start-up.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Sum


def main() -> None:
    """Parse arguments and run."""
    bootstrap, events, guarantee = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    exactly = guarantee == "exactly-once"
    times: list[float] = []
    with tempfile.TemporaryDirectory() as state:
        options: dict[str, Any] = {"processing_guarantee": guarantee, "commit_interval": 0.25} if exactly else {}
        app = Application(
            broker_address=bootstrap,
            consumer_group=f"quix-window-{time.time_ns()}",
            auto_offset_reset="earliest",
            state_dir=state,
            loglevel="ERROR",
            **options,
        )
        topic = app.topic("orders", value_deserializer="json")

        def seen(_value: object) -> None:
            if not times:
                times.append(time.perf_counter())

        frame = app.dataframe(topic).update(seen)
        frame = frame.tumbling_window(10_000).agg(orders=Count(), revenue_cents=Sum("amount_cents")).current()
        if exactly:
            frame = frame.to_topic(app.topic(f"quix-window-{time.time_ns()}", value_serializer="json"))
        # `count` limits the results, and `current` gives one result per event.
        app.run(count=events, timeout=120)
        print(events / (time.perf_counter() - times[0]))


if __name__ == "__main__":
    main()
