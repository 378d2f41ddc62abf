"""The command line: `streamgauge COMMAND`. Each command imports what it needs, so that `--help` is instant."""

import importlib
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from streamgauge.cli import history, version
from streamgauge.cli.dead_letters import commands as dead_letters
from streamgauge.runtime.errors import StreamgaugeError, UsageError


class Processor(StrEnum):
    """The processors there are."""

    analytics = "analytics"
    attribution = "attribution"
    fraud = "fraud"
    fulfilment = "fulfilment"
    lag = "lag"


class Format(StrEnum):
    """How `sql` writes an answer."""

    table = "table"
    json = "json"
    csv = "csv"
    parquet = "parquet"


class LagFormat(StrEnum):
    """How `lag` writes an answer."""

    table = "table"
    json = "json"


app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(history.app)


@app.callback()
def streamgauge(
    _wanted: Annotated[
        bool, typer.Option("--version", callback=version.say, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    """Real-time analytics and monitoring for event-driven microservices on Apache Kafka."""


@app.command()
def broker(
    port: Annotated[int | None, typer.Option(help="Port of the broker.", min=1, max=65535)] = None,
) -> None:
    """The local Kafka, in the foreground; its data stays in the data directory."""
    from streamgauge.cli.local.kafka.broker import serve
    from streamgauge.cli.local.kafka.stand_in import local_broker
    from streamgauge.runtime.process import run

    sys.exit(run("broker", lambda process: serve(process, lambda: local_broker(process.settings, port, process.stop))))


@app.command()
def topics(
    partitions: Annotated[int | None, typer.Option(help="Partitions of each topic.", min=1, max=10_000)] = None,
) -> None:
    """Create the topics that are missing, check the others; exit 1 when one would stop or falsify the pipeline."""
    from rich.console import Console

    from streamgauge.catalog import loader
    from streamgauge.cli.topics import setup
    from streamgauge.cli.topics.specs import of_catalog
    from streamgauge.runtime import settings

    config = settings.load()
    if partitions is not None:
        config = config.model_copy(update={"partitions": partitions})
    states = setup.ensure(config, of_catalog(config, loader.load(config.catalog)))
    Console().print(setup.table(states))
    sys.exit(1 if any(state.breaks for state in states) else 0)


@app.command()
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
        bool, typer.Option("--storefront", help="Only customers and marketing; services decide what becomes of orders.")
    ] = False,
    fraud: Annotated[
        float | None, typer.Option(help="Share of the storefront's orders that are fraud, 0 to 0.5.")
    ] = None,
    duplicates: Annotated[float, typer.Option(help="Share of events that is sent a second time, 0 to 1.")] = 0.0,
) -> None:
    """The synthetic shop: believable orders, stock, campaigns, payments and shipments."""
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
    sys.exit(run("generate", lambda running: report(generator.generate(running, options))))


@app.command()
def services(
    seed: Annotated[int, typer.Option(help="The same seed decides the same things in the same way.")] = 1,
    latency_ms: Annotated[float, typer.Option("--latency-ms", help="Median time to answer a payment.")] = 250.0,
    decline: Annotated[
        float | None, typer.Option(help="Share of payments declined; unset: each method's own rate.")
    ] = None,
    fail: Annotated[float, typer.Option(help="Share of shipments that fail; half of it of items not there.")] = 0.02,
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


def report(done: Any) -> None:
    """What a generator run did, on standard output."""
    typer.echo(
        f"{done.acknowledged:,} events acknowledged in {done.seconds:.1f} s ({done.rate:,.0f}/s), "
        f"{done.undelivered:,} not delivered"
    )


@app.command()
def process(
    name: Annotated[Processor, typer.Argument(help="The processor to run one replica of.")],
) -> None:
    """One replica of a processor, in the foreground; start more for more throughput."""
    module = importlib.import_module(f"processors.{name.value}.service")
    sys.exit(module.main())


@app.command()
def warehouse() -> None:
    """The owner of the DuckDB file: merges, and answers SQL."""
    from streamgauge.warehouse import writer

    sys.exit(writer.main())


@app.command()
def dashboard() -> None:
    """The Streamlit pages."""
    from dashboard import server

    sys.exit(server.main())


@app.command()
def up(
    rate: Annotated[float, typer.Option(help="Events a second of the synthetic traffic.")] = 200.0,
    for_: Annotated[float | None, typer.Option("--for", help="Stop this many seconds after all is ready.")] = None,
    no_traffic: Annotated[bool, typer.Option("--no-traffic", help="Generate no events.")] = False,
    bootstrap: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Use this Kafka; no local broker starts.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[@SECONDS]", help="Make a fault happen, so long after all is ready (20 s); repeatable."
        ),
    ] = None,
) -> None:
    """Everything on this machine, supervised; Ctrl-C stops it cleanly and prints a summary."""
    from streamgauge.cli.local import up as stack

    sys.exit(stack.main(stack.Options(rate, for_, not no_traffic, bootstrap, tuple(fault or ()))))


@app.command()
def fault(
    name: Annotated[
        str, typer.Argument(help="payment-outage, slow-consumer, poison-burst or campaign-surge.", metavar="NAME")
    ],
    for_: Annotated[float, typer.Option("--for", help="Seconds that it lasts; 0 ends it.")] = 30.0,
) -> None:
    """Make a fault happen in the running stack."""
    from streamgauge.cli import fault as fault_command

    sys.exit(fault_command.main(name, for_))


@app.command()
def sql(
    text: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT; - reads it from standard input.")],
    format_: Annotated[Format, typer.Option("--format", help="How the answer is written.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="The tables as of then, by event time: 2026-11-23T04:00:00Z.")
    ] = None,
    known_only: Annotated[
        bool, typer.Option("--known-only", help="With --as-of: leave out what retention has made unknown.")
    ] = False,
) -> None:
    """Ask the warehouse, while the pipeline writes."""
    from streamgauge.cli import sql as query
    from streamgauge.warehouse.client import AsOf

    query.sql(text, format_, output, AsOf(as_of, known_only) if as_of else None)


@app.command()
def snapshot(
    file: Annotated[Path, typer.Argument(metavar="FILE.duckdb", help="The file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """A consistent copy of the warehouse for any DuckDB tool, while the pipeline runs."""
    from streamgauge.cli import sql as query

    query.snapshot(file, force=force)


@app.command()
def lag(
    group: Annotated[str | None, typer.Option(help="Only this consumer group.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    format_: Annotated[LagFormat, typer.Option("--format", help="How the answer is written.")] = LagFormat.table,
) -> None:
    """Which consumer is behind, since when, and what waits there; exit 1 where one stalls, stopped or went back."""
    from streamgauge.cli.lag import screen

    sys.exit(screen.main(group, topic, as_json=format_ is LagFormat.json))


@app.command()
def partitions(
    simulate: Annotated[
        str | None, typer.Option(metavar="KEY", help="Share the events out by this field instead of the present key.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="Partitions to simulate; as many as there are by default.", min=1, max=10_000)
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Only this stream; by default each that has the field.")] = None,
    events: Annotated[int, typer.Option(help="Newest recorded events of each stream to look at.", min=1)] = 100_000,
    format_: Annotated[LagFormat, typer.Option("--format", help="How the answer is written.")] = LagFormat.table,
) -> None:
    """How evenly recorded events lie in their partitions, and how they would with another key or number."""
    from streamgauge.cli.partitions import screen

    sys.exit(screen.main(simulate, count, topic, events, as_json=format_ is LagFormat.json))


@app.command()
def status() -> None:
    """One screen of health; exit 1 where something is not well."""
    from streamgauge.cli.status import command as health

    sys.exit(health.main())


def main() -> None:
    """Console entry point: errors of ours are one line, exit code 2 for wrong use, 1 for failure."""
    # Until a process installs its own graceful stop, imports may take a second: SIGTERM is no failure then either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        app()
    except UsageError as error:
        sys.stderr.write(f"streamgauge: {error}\n")
        sys.exit(2)
    except StreamgaugeError as error:
        sys.stderr.write(f"streamgauge: {error}\n")
        sys.exit(1)
