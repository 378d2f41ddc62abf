"""`streamgauge partitions`: how events are spread over partitions, now or with another key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from streamgauge.catalog import loader
from streamgauge.catalog.loader import Streams
from streamgauge.catalog.stream import Stream
from streamgauge.cli import output
from streamgauge.cli.partitions import sample as partition_sample
from streamgauge.cli.partitions.sample import Sample
from streamgauge.cli.terminal import Screen
from streamgauge.domain import key_simulation, partitioner
from streamgauge.domain.key_simulation import Balance
from streamgauge.runtime import kafka, settings
from streamgauge.runtime.connection.explain import explaining
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import UsageError

KEY_SHOWN = 60


def main(key: str | None, count: int | None, topic: str | None, events: int, *, as_json: bool) -> int:
    """Print the balance of each topic; returns the exit code. Raises `UsageError` for a wrong key or topic."""
    config = settings.load()
    streams = chosen(loader.streams_of(config.catalog), key, topic)
    if count is not None and key is None:
        raise UsageError("--count needs --simulate KEY")
    kafka.require_broker(config)
    kafka.require_topics(config, [stream.topic for stream in streams.values()])
    with explaining(config, Right("Read", "topic")):
        samples = partition_sample.read(config, streams, key, events)
    if as_json:
        output.json_line([plain(sample, key, count) for sample in samples])
        return 0
    console = Screen(soft_wrap=True, width=200)
    for sample in samples:
        show(sample, key, count, console)
    return 0


def chosen(catalog: Streams, key: str | None, topic: str | None) -> Mapping[str, Stream]:
    """The streams to read: the one named, or those of the catalog whose events have the field."""
    if topic is not None and topic not in catalog.streams:
        raise UsageError(f"there is no stream `{topic}`; there are: {', '.join(catalog.streams)}")
    streams = {topic: catalog.streams[topic]} if topic else catalog.own
    found = {name: stream for name, stream in streams.items() if key is None or key in partition_sample.fields(stream)}
    if not found:
        known = dict.fromkeys(field for stream in streams.values() for field in partition_sample.fields(stream))
        which = f"no event of `{topic}`" if topic else "no event"
        raise UsageError(f"{which} has a field `{key}` that could be a key; possible keys: {', '.join(known)}")
    return found


def balance_of(sample: Sample, key: str | None, count: int | None) -> Balance:
    """The balance of a sample, as recorded or simulated."""
    if key is None:
        return key_simulation.placed(sample.events, sample.partitions)
    return key_simulation.simulated(sample.events, count or sample.partitions)


def plain(sample: Sample, key: str | None, count: int | None) -> dict[str, Any]:
    """A sample's balance for JSON."""
    found = balance_of(sample, key, count)
    best, tried = key_simulation.useful(sample.events)
    order = key_simulation.order(sample.events, len(found.parts))
    placement = key_simulation.placement(sample.events, sample.partitions)
    return {
        "topic": sample.stream.topic,
        "key": key or sample.stream.key,
        "simulated": key is not None,
        "events": found.events,
        "without_key": found.keyless,
        "invalid": sample.bad,
        "partitions": [asdict(part) for part in found.parts],
        "max_over_mean": found.ratio,
        "worth_partitions": found.worth,
        "distinct_keys": found.distinct,
        "hottest_keys": [{"key": name, "share": share} for name, share in found.hottest],
        "useful_partitions": best,
        "by_partitions": [{"partitions": n, "max_over_mean": b.ratio, "worth_partitions": b.worth} for n, b in tried],
        "present_key": sample.stream.key,
        "order_of_present_key": asdict(order),
        "placed_by": dict(placement.partitioners),
        "keys_in_several_partitions": placement.split_keys,
    }


def show(sample: Sample, key: str | None, count: int | None, console: Screen) -> None:
    """Print the table of partitions, and what it means."""
    found, stream = balance_of(sample, key, count), sample.stream
    how = f"by {key}, simulated" if key else f"by {stream.key}, as they are"
    console.print(f"{stream.topic}: {found.events:,} events {how}, {len(found.parts)} partitions", style="bold")
    if not found.events:
        console.print("nothing is recorded", style="dim")
        console.print()
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("partition", "events", "share", "bytes"):
        grid.add_column(name, justify="right")
    for part in found.parts:
        grid.add_row(str(part.number), f"{part.events:,}", f"{part.share:.1%}", f"{part.bytes:,}")
    console.print(grid)
    console.print(f"busiest over mean: {found.ratio:.2f}; worth {found.worth:.1f} evenly loaded partitions")
    keys = ", ".join(f"{name[:KEY_SHOWN]} {share:.2%}" for name, share in found.hottest)
    console.print(f"{found.distinct:,} keys, the hottest: {keys or 'none'}")
    if found.keyless:
        console.print(f"{found.keyless:,} events have no key: spread arbitrarily, without an order")
    for line in _placement(sample):
        console.print(line, style="yellow")
    best, tried = key_simulation.useful(sample.events)
    console.print(f"useful up to about {best} partitions: " + ", ".join(f"{n} → {b.worth:.1f}" for n, b in tried))
    for line in _order(sample, key, len(found.parts)):
        console.print(line)
    if sample.bad:
        console.print(f"{sample.bad:,} events are invalid and left out", style="yellow")
    console.print()


def _placement(sample: Sample) -> list[str]:
    """Whether the producers agree on where a key belongs, as far as the sample shows it."""
    placement = key_simulation.placement(sample.events, sample.partitions)
    keyed = sum(events for _, events in placement.partitioners)
    lines = [
        f"{events:,} of {keyed:,} events with a key are not where murmur2 puts it ({name}: {partitioner.MEANING[name]})"
        for name, events in placement.partitioners
        if name != "murmur2"
    ]
    if placement.split_keys:
        lines.append(f"{placement.split_keys:,} keys are in several partitions: a join by key misses events of theirs")
    return lines


def _order(sample: Sample, key: str | None, count: int) -> list[str]:
    """What happens to the order that the present key gives."""
    now = sample.stream.key
    if key is None or key == now:
        return []
    lost = key_simulation.order(sample.events, count)
    if not lost.several_keys:
        return [f"order: each of {lost.entities:,} {now} has one {key}, so its events stay in order"]
    return [
        f"order: lost within {lost.several_partitions:,} of {lost.entities:,} {now}: their events have several {key}, "
        f"in different partitions ({lost.several_keys - lost.several_partitions:,} more by chance in the same one)"
    ]
