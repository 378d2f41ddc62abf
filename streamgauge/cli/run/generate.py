"""`streamgauge generate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamgauge.cli import output

if TYPE_CHECKING:
    from generators.generate import Report


def generate(
    rate: Annotated[float, typer.Option(help="Events a second; 0 is as fast as possible.")] = 200.0,
    count: Annotated[int | None, typer.Option(help="Stop after this many events.")] = None,
    for_: Annotated[float | None, typer.Option("--for", help="Stop after this many seconds.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same shop.")] = 1,
    invalid: Annotated[float, typer.Option(help="Share of events that cannot be processed, 0 to 1.")] = 0.0,
    late: Annotated[float, typer.Option(help="Share of events that arrive late, 0 to 1.")] = 0.0,
    skew: Annotated[float, typer.Option(help="How much a few keys dominate, 0 to 1.")] = 0.0,
    ledger: Annotated[Path | None, typer.Option(help="Write exact totals to this JSON file.")] = None,
    storefront: Annotated[
        bool, typer.Option("--storefront", help="Only customers and marketing; services process the orders.")
    ] = False,
    fraud: Annotated[
        float | None, typer.Option(help="Share of the storefront's orders that are fraud, 0 to 0.5.")
    ] = None,
    duplicates: Annotated[float, typer.Option(help="Share of events that are sent twice, 0 to 1.")] = 0.0,
) -> None:
    """The synthetic shop: realistic orders, stock, campaigns, payments and shipments."""
    from generators import generate as generator
    from generators.options import Options
    from streamgauge.runtime.process import run

    options = Options(
        rate,
        count,
        for_,
        seed,
        invalid,
        late,
        skew,
        ledger,
        storefront=storefront,
        fraud=fraud,
        duplicates=duplicates,
    )
    options.check()
    sys.exit(run("generate", lambda running: _report(generator.generate(running, options))))


def _report(report: "Report") -> None:
    output.line(
        f"{report.acknowledged:,} events acknowledged in {report.seconds:.1f} s ({report.rate:,.0f}/s), "
        f"{report.undelivered:,} not delivered"
    )
