"""Registry of processors: one row per processor, pure data.

`streamgauge process`, the one-machine stack, `streamgauge replay`, the table of processors in docs/commands.md and the
Kubernetes manifests of the stateful processors are made from it; Compose and Prometheus are checked against it
(tests/deploy/test_processors.py). To add one: docs/how-to/add-a-processor.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Processor:
    """What the rest of the system has to know about a processor.

    `name` is the package `processors.<name>`, whose module `service` has `main() -> int`; the argument of `streamgauge
    process`; the consumer group, unless a setting names another; and the label `process` of its metrics.
    """

    name: str
    does: str
    """One sentence, for help and documentation."""
    inputs: tuple[str, ...]
    """Topics it reads; `*` is every stream of the catalog, none means that it joins no consumer group."""
    outputs: tuple[str, ...]
    """Topics it publishes to, without dead-letter, changelog and repartition topics."""
    settings: tuple[str, ...]
    """Its own settings: fields of `Settings`, or their common prefix ending in `_`."""
    port: int
    """Metrics port on one machine, counted from the first metrics port; never change one."""
    replay: str
    """What its state makes of events that it reads again; where `replayable` is False, why not and what to do."""
    replayable: bool = False
    commerce: bool = False
    """Runs with the commerce catalog only."""
    stateful: bool = False
    """Restores state from changelogs at its start: needs more time to start and to stop, and disk."""
    scales: bool = True
    """As many replicas as partitions; else one."""
    essential: bool = True
    """`up` waits for it and gives up when it cannot be kept running."""

    @property
    def ready_within_s(self) -> float:
        """How long it may take to become ready."""
        return 300.0 if self.stateful else 60.0

    @property
    def stop_within_s(self) -> float:
        """How long it may take to stop; a stateful one ends its transaction first."""
        return 30.0 if self.stateful else 15.0


PROCESSORS: tuple[Processor, ...] = (
    Processor(
        "analytics",
        "Events to deltas, exactly once: decode, check, run the models.",
        inputs=("*",),
        outputs=("analytics",),
        settings=("analytics_group", "batch_max_events", "commit_interval_ms", "dead_letter_", "deduplicate", "delta_"),
        port=1,
        replay="analytics would count every event again, because its deltas add up; `streamgauge rebuild` makes the "
        "tables again",
    ),
    Processor(
        "lag",
        "Lag sampler: how far each consumer group of the cluster is behind, and whether it recovers.",
        inputs=(),
        outputs=("lag",),
        settings=("lag_",),
        port=5,
        replay="lag reads no topic; it samples the cluster",
        scales=False,
        essential=False,
    ),
    Processor(
        "fulfilment",
        "The fulfilment saga: takes each order through stock, payment and shipment, or compensates.",
        inputs=("orders", "payments", "shipments", "inventory", "fraud"),
        outputs=("fulfilment", "payments", "shipments", "orders"),
        settings=("saga_", "service_commit_interval_ms"),
        port=7,
        replay="sagas that have ended ignore their events, and open ones ignore answers they already had; an order "
        "whose saga is not in the state (a deleted changelog) starts anew: stock, payment and shipment are requested "
        "again, under the same event_id",
        replayable=True,
        commerce=True,
        stateful=True,
    ),
    Processor(
        "fraud",
        "A verdict on every payment, from rules over its card and its customer.",
        inputs=("payments",),
        outputs=("fraud",),
        settings=("fraud_",),
        port=8,
        replay="payments that are still in the memory of their card or customer get no second verdict; others get "
        "one, with the same event_id, and count again for velocity and habits",
        replayable=True,
        commerce=True,
        stateful=True,
    ),
    Processor(
        "attribution",
        "Credits each order to the campaign that earned it.",
        inputs=("orders", "marketing", "campaigns", "products"),
        outputs=("attribution",),
        settings=("attribution_", "service_commit_interval_ms"),
        port=9,
        replay="clicks and orders that a customer's state remembers change nothing; orders older than the newest 50 "
        "of a customer are not judged again",
        replayable=True,
        commerce=True,
        stateful=True,
    ),
)
BY_NAME = {processor.name: processor for processor in PROCESSORS}
COMMERCE = tuple(processor for processor in PROCESSORS if processor.commerce)
