"""Before anything is written to somebody's cluster: what would be created is said, and an operator agrees.

The shop never writes beside topics that it did not make: what `up` created is noted in the data directory, by id.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from streamgauge.catalog.loader import Catalog
from streamgauge.cli.topics.specs import of_catalog
from streamgauge.runtime import files, kafka
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka import topic_ids
from streamgauge.runtime.settings import Settings


def ask(settings: Settings, catalog: Catalog, *, demo: bool, yes: bool) -> None:
    """Return once an operator agrees to what is missing. Raises `UsageError` where nobody does, or the shop may not."""
    specs = of_catalog(settings, catalog)
    there = {name: it.id for name, it in topic_ids.read(kafka.admin(settings), [one.name for one in specs]).items()}
    if demo and (foreign := sorted(name for name, it in there.items() if _noted(settings).get(name) != it)):
        more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
        raise UsageError(
            f"the shop does not write beside topics that it did not make: {', '.join(foreign[:5])}{more} on "
            f"{settings.bootstrap}; use another cluster"
        )
    missing = [one for one in specs if one.name not in there]
    if not missing:
        return
    partitions = sum(one.partitions for one in missing)
    what = f"{len(missing)} topics with {partitions} partitions would be created on {settings.bootstrap}"
    typer.echo(f"{what}: {', '.join(one.name for one in missing)}", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{what}; say --yes to agree")
    if not typer.confirm("Create them?", err=True):
        raise UsageError("nothing was created")


def note(settings: Settings, created: list[str]) -> None:
    """Note the ids of topics that were created just now."""
    if created:
        ids = {name: it.id for name, it in topic_ids.read(kafka.admin(settings), created).items()}
        files.write_atomically(_file(settings), json.dumps({**_noted(settings), **ids}))


def _noted(settings: Settings) -> Mapping[str, str]:
    try:
        noted: Mapping[str, str] = json.loads(_file(settings).read_text())
    except (OSError, ValueError):
        return {}
    return noted


def _file(settings: Settings) -> Path:
    return settings.data_dir / "made-topics.json"
