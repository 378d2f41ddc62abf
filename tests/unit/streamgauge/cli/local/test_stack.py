"""What `up` runs, for which catalog and on which broker; and what its closing figures say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from processors.registry import COMMERCE
from streamgauge.cli.local import stack, target
from streamgauge.cli.local.stack import SERVICES, Stack
from streamgauge.cli.local.supervised import ProcessSpec
from streamgauge.cli.local.tally import Figures
from streamgauge.runtime import settings


def plan(rate: float | None = 200.0, **values: str) -> Stack:
    config = settings.load({f"STREAMGAUGE_{name}": value for name, value in values.items()})
    return stack.plan(target.resolve(config), rate, Path("ledgers"))


def commands(services: tuple[ProcessSpec, ...]) -> list[list[str]]:
    """The arguments after `python -m streamgauge`."""
    assert all(service.command(1)[:3] == [sys.executable, "-m", "streamgauge"] for service in services)
    return [service.command(1)[3:] for service in services]


def test_the_commerce_catalog_gets_everything() -> None:
    made = plan()
    names = [one.name for wave in (made.broker, made.pipeline, made.traffic, made.commerce) for one in wave]
    assert sorted(names) == sorted(stack.NAMES)
    assert len({one.port for wave in (made.broker, made.pipeline, made.traffic, made.commerce) for one in wave}) == len(
        names
    )
    assert commands(made.commerce) == [["services"], *(["process", row.name] for row in COMMERCE)]
    (traffic,) = commands(made.traffic)
    assert traffic[:4] == ["generate", "--rate", "200", "--storefront"]


def test_another_catalog_gets_no_commerce() -> None:
    made = plan(CATALOG="sensors")
    assert (made.traffic, made.commerce, made.scripted) == ((), (), ())
    assert [one.name for one in made.pipeline] == ["warehouse", "analytics", "dashboard", "lag"]


def test_without_traffic_the_services_wait_for_somebody_else_s() -> None:
    made = plan(rate=None)
    assert made.traffic == ()
    assert [one.name for one in made.commerce] == [SERVICES, *(row.name for row in COMMERCE)]


def test_without_transactions_the_story_is_a_script() -> None:
    made = plan().without_transactions()
    assert made.commerce == ()
    (traffic,) = commands(made.traffic)
    assert "--storefront" not in traffic


def test_somebody_s_cluster_is_observed() -> None:
    """One process reads and owns the file, one shows the pages."""
    made = plan(BOOTSTRAP_SERVERS="kafka:9092")
    assert (made.broker, made.traffic, made.commerce, made.scripted) == ((), (), (), ())
    assert commands(made.pipeline) == [["warehouse"], ["dashboard"]]


def test_a_pipeline_on_somebody_s_cluster_starts_no_broker() -> None:
    made = plan(BOOTSTRAP_SERVERS="kafka:9092", MODE="pipeline", CATALOG="sensors")
    assert (made.broker, made.traffic, made.commerce) == ((), (), ())
    assert [one.name for one in made.pipeline] == ["warehouse", "analytics", "dashboard", "lag"]


@pytest.mark.parametrize(
    ("published", "visible", "logged", "missing", "doubled", "others"),
    [
        pytest.param(100, 250, 250, 0, 0, 150, id="right"),
        pytest.param(100, 240, 250, 10, 0, 150, id="missing"),
        pytest.param(100, 260, 250, 0, 10, 150, id="twice"),
        pytest.param(300, 250, 250, 50, 0, 0, id="the-log-lost-what-was-acknowledged"),
        pytest.param(100, 250, None, 0, 0, 150, id="log-unknown"),
        pytest.param(100, 90, None, 10, 0, 0, id="log-unknown-and-missing"),
    ],
)
def test_figures(published: int, visible: int, logged: int | None, missing: int, doubled: int, others: int) -> None:
    figures = Figures(published, 1.0, True, visible, 0, logged)
    assert (figures.missing, figures.doubled, figures.others) == (missing, doubled, others)
    assert figures.right == (missing == doubled == 0)
    assert not Figures(published, 1.0, True, None, 0, logged).right
