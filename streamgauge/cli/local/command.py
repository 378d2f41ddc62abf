"""`streamgauge up` and `streamgauge fault`."""

import sys
from typing import Annotated

import typer


def up(
    rate: Annotated[float, typer.Option(help="Events a second of the synthetic traffic.")] = 200.0,
    for_: Annotated[float | None, typer.Option("--for", help="Stop this many seconds after all is ready.")] = None,
    no_traffic: Annotated[bool, typer.Option("--no-traffic", help="Generate no events.")] = False,
    bootstrap: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Observe this cluster: nothing is created, produced or committed there."
        ),
    ] = None,
    catalog: Annotated[
        str | None, typer.Option(metavar="PACKAGE", help="Streams and models; of a cluster by default none.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="SPAN", help="Read from that far back: 15m (default), 7d, earliest.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="`embedded` (default for a cluster) or `pipeline`, which creates topics of its own there."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Run the synthetic shop on that cluster; creates and writes topics.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before topics are created.")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@SECONDS]", help="Inject a fault, so long after all is ready (20 s); repeatable."),
    ] = None,
) -> None:
    """Everything on this machine, supervised; Ctrl-C stops it cleanly and prints a summary."""
    from streamgauge.cli.local import up as stack

    options = stack.Options(rate, for_, not no_traffic, bootstrap, tuple(fault or ()), mode, catalog, from_, demo, yes)
    sys.exit(stack.main(options))


def fault(
    name: Annotated[
        str, typer.Argument(help="payment-outage, slow-consumer, poison-burst or campaign-surge.", metavar="NAME")
    ],
    for_: Annotated[float, typer.Option("--for", help="Seconds that it lasts; 0 ends it.")] = 30.0,
) -> None:
    """Inject a fault into the running stack."""
    from streamgauge.cli.local import fault as work

    sys.exit(work.main(name, for_))
