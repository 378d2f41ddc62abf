"""Reads docker-compose.yml: YAML merged, variables at their defaults, short and long forms alike."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml

from tests.repo.files import ROOT

FILE = ROOT / "docker-compose.yml"
IMAGE = re.compile(r"^streamgauge:")
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@cache
def _project() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    """Every service, by name."""
    found: dict[str, dict[str, Any]] = _project()["services"]
    return found


def volumes() -> set[str]:
    """The named volumes."""
    return set(_project()["volumes"])


def ours() -> dict[str, dict[str, Any]]:
    """Services that run the Streamgauge image."""
    return {name: service for name, service in services().items() if IMAGE.match(service["image"])}


def plain(value: object) -> str:
    """A value with each `${VARIABLE:-default}` replaced by the default. A variable without one is an error."""
    return _VARIABLE.sub(lambda found: found.expand(r"\2"), str(value))


def command(service: dict[str, Any]) -> list[str]:
    """The arguments after the image's entry point."""
    return [plain(word) for word in service.get("command", [])]


def environment(service: dict[str, Any]) -> dict[str, str]:
    """A service's variables."""
    return {name: plain(value) for name, value in service.get("environment", {}).items()}


def waits_for(service: dict[str, Any]) -> dict[str, str]:
    """Conditions on other services before this one starts, by service."""
    return {name: wanted["condition"] for name, wanted in service.get("depends_on", {}).items()}


def start_order() -> list[str]:
    """Services in topological order of their dependencies. Raises for a cycle."""
    order: list[str] = []
    left = dict(services())
    while left:
        free = [name for name, service in left.items() if set(waits_for(service)) <= set(order)]
        assert free, f"these wait for each other: {sorted(left)}"
        order += free
        left = {name: service for name, service in left.items() if name not in free}
    return order
