"""`streamgauge up` and `streamgauge fault`."""

import sys
from typing import Annotated

import typer


def up(
    rate: Annotated[float, typer.Option(help="Events a second of the synthetic traffic.")] = 200.0,
    for_: Annotated[float | None, typer.Option("--for", help="Stop this many seconds after all is ready.")] = None,
    no_traffic: Annotated[bool, typer.Option("--no-traffic", help="Generate no events.")] = False,
    bootstrap: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Use this Kafka; no local broker starts.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@SECONDS]", help="Inject a fault, so long after all is ready (20 s); repeatable."),
    ] = None,
) -> None:
    """Everything on this machine, supervised; Ctrl-C stops it cleanly and prints a summary."""
    from streamgauge.cli.local import up as stack

    sys.exit(stack.main(stack.Options(rate, for_, not no_traffic, bootstrap, tuple(fault or ()))))


def fault(
    name: Annotated[
        str, typer.Argument(help="payment-outage, slow-consumer, poison-burst or campaign-surge.", metavar="NAME")
    ],
    for_: Annotated[float, typer.Option("--for", help="Seconds that it lasts; 0 ends it.")] = 30.0,
) -> None:
    """Inject a fault into the running stack."""
    from streamgauge.cli.local import fault as work

    sys.exit(work.main(name, for_))
