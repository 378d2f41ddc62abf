"""`streamgauge services`."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def services(
    seed: Annotated[int, typer.Option(help="The same seed makes the same decisions.")] = 1,
    latency_ms: Annotated[float, typer.Option("--latency-ms", help="Median time to answer a payment.")] = 250.0,
    decline: Annotated[
        float | None, typer.Option(help="Share of payments declined; unset: each method's own rate.")
    ] = None,
    fail: Annotated[
        float, typer.Option(help="Share of shipments that fail; half of them because items are missing.")
    ] = 0.02,
    duplicate: Annotated[float, typer.Option(help="Share of requests that are answered twice.")] = 0.0,
    reorder: Annotated[float, typer.Option(help="Share of answers that later ones overtake.")] = 0.0,
    lose: Annotated[float, typer.Option(help="Share of attempts that are never answered.")] = 0.0,
    ledger: Annotated[Path | None, typer.Option(help="Write money and units moved to this JSON file.")] = None,
) -> None:
    """The synthetic stock, payment and shipping services, which answer the fulfilment saga."""
    from generators.services import service
    from generators.services.decisions import Behaviour

    behaviour = Behaviour(seed, latency_ms, decline, fail, duplicate, reorder, lose)
    options = service.Options(behaviour, ledger)
    options.check()
    sys.exit(service.main(options))
