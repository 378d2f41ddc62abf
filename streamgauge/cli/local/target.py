"""Whose cluster `up` works on, and so what it runs there.

Without an address it is the local Kafka, where the synthetic shop runs. A cluster that somebody else runs is observed:
nothing is created, produced or committed there, unless `--mode pipeline` or `--demo` says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from generators.ledger import CATALOG
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

OBSERVE = "streamgauge.catalog.observe"
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
Mode = Literal["embedded", "pipeline"]


@dataclass(frozen=True)
class Target:
    """The settings of everything that `up` starts; `shop` says whether the synthetic shop runs."""

    settings: Settings
    shop: bool

    @property
    def ours(self) -> bool:
        """Whether the Kafka is the local one, which `up` starts."""
        return self.settings.bootstrap_servers is None

    @property
    def observed(self) -> bool:
        """Whether nothing may be written there."""
        return self.settings.mode == "embedded"


def resolve(
    settings: Settings,
    *,
    bootstrap: str | None = None,
    mode: str | None = None,
    catalog: str | None = None,
    begin: str | None = None,
    demo: bool = False,
) -> Target:
    """What the options of `up` and the settings ask for. Raises `UsageError` where they contradict each other."""
    given: dict[str, object] = {"bootstrap_servers": bootstrap} if bootstrap else {}
    if catalog:
        given["catalog"] = catalog
    if begin:
        given["read_from_s"] = seconds(begin)
    settings = settings.model_copy(update=given)
    chosen = settings.model_fields_set | given.keys()
    if settings.bootstrap_servers is None:
        if mode == "embedded" or "read_from_s" in chosen or demo:
            raise UsageError("--mode, --from and --demo are for somebody's cluster: name it with --bootstrap HOST:PORT")
        return Target(settings, settings.catalog == CATALOG)
    if mode not in (None, "embedded", "pipeline"):
        raise UsageError(f"--mode {mode}: it is embedded or pipeline")
    if demo and (mode == "embedded" or settings.catalog != CATALOG):
        raise UsageError("--demo writes the shop's events: it goes with neither --mode embedded nor another catalog")
    chosen_mode = mode or ("pipeline" if demo else settings.mode if "mode" in chosen else "embedded")
    update: dict[str, object] = {"mode": chosen_mode}
    if not demo and "catalog" not in chosen:
        if chosen_mode == "pipeline":
            raise UsageError("--mode pipeline needs a catalog: name it with --catalog, or run the shop with --demo")
        update["catalog"] = OBSERVE
    if chosen_mode == "embedded" and "data_dir" not in chosen:
        # A folder a cluster: a file belongs to one, and the local shop has the folder itself.
        update["data_dir"] = settings.data_dir / re.sub(r"[^\w.-]+", "_", settings.bootstrap)
    return Target(settings.model_copy(update=update), demo)


def seconds(text: str) -> int:
    """A span such as 15m, 1h or 7d in seconds; `earliest` is all there is. Raises `UsageError`."""
    if text == "earliest":
        return 10**10
    if found := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return int(found[1]) * _UNITS[found[2]]
    raise UsageError(f"--from {text}: say how far back, such as 15m, 1h or 7d, or earliest")
