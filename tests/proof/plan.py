"""The injections, in the order in which they run and stand in the table."""

from __future__ import annotations

import importlib

MODULES = (
    "planted",
    "kills",
    "commit_points",
    "services",
    "watchers",
    "stopped",
    "rebalances",
    "cluster",
    "disk",
    "log_file",
    "clock",
    "dead_letters",
    "poison",
    "slow",
    "hostile_sql",
    "credentials",
    "secrets",
    "soak",
)


def load() -> None:
    """Import the modules, which register their injections."""
    for module in MODULES:
        importlib.import_module(f"tests.proof.faults.{module}")
