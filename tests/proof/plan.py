"""The injections, in the order in which they run and stand in the table."""

from __future__ import annotations

import importlib

MODULES = ("kills", "planted")


def load() -> None:
    """Import the modules, which register their injections."""
    for module in MODULES:
        importlib.import_module(f"tests.proof.faults.{module}")
