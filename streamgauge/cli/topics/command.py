"""`streamgauge topics`."""

import sys
from typing import Annotated

import typer


def topics(
    partitions: Annotated[int | None, typer.Option(help="Partitions of each topic.", min=1, max=10_000)] = None,
) -> None:
    """Create the topics that are missing, check the others; exit 1 when one would stop a stream, or all."""
    from streamgauge.catalog import loader
    from streamgauge.cli.terminal import Screen
    from streamgauge.cli.topics import setup
    from streamgauge.cli.topics.specs import of_catalog
    from streamgauge.runtime import settings

    config = settings.load()
    if partitions is not None:
        config = config.model_copy(update={"partitions": partitions})
    states = setup.ensure(config, of_catalog(config, loader.load(config.catalog)))
    Screen().print(setup.table(states))
    sys.exit(1 if any(state.breaks for state in states) else 0)
