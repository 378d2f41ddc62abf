"""Whose cluster `up` works on, and what it may do there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamgauge.cli.local.target import OBSERVE, resolve, seconds
from streamgauge.runtime import settings
from streamgauge.runtime.errors import UsageError

CLUSTER = "kafka.example.com:9092"


def test_alone_it_is_the_shop_on_the_local_kafka() -> None:
    to = resolve(settings.load({}))
    assert (to.ours, to.shop, to.observed, to.settings.mode) == (True, True, False, "pipeline")


@pytest.mark.parametrize(
    ("environ", "options"),
    [
        pytest.param({}, {"bootstrap": CLUSTER}, id="option"),
        pytest.param({"STREAMGAUGE_BOOTSTRAP_SERVERS": CLUSTER}, {}, id="setting"),
    ],
)
def test_a_cluster_is_observed(environ: dict[str, str], options: dict[str, Any]) -> None:
    """Without a word more: no shop, no catalog, and a folder of its own."""
    to = resolve(settings.load(environ), **options)
    assert (to.ours, to.shop, to.observed) == (False, False, True)
    assert to.settings.catalog == OBSERVE
    assert to.settings.data_dir == Path(".streamgauge/kafka.example.com_9092")
    assert to.settings.read_from_s == 900


def test_what_is_set_stays() -> None:
    environ = {"STREAMGAUGE_DATA_DIR": "mine", "STREAMGAUGE_CATALOG": "sensors", "STREAMGAUGE_MODE": "pipeline"}
    to = resolve(settings.load(environ), bootstrap=CLUSTER)
    assert (to.observed, to.settings.data_dir, to.settings.catalog) == (False, Path("mine"), "sensors")


def test_options_come_before_settings() -> None:
    environ = {"STREAMGAUGE_CATALOG": "sensors", "STREAMGAUGE_MODE": "pipeline"}
    to = resolve(settings.load(environ), bootstrap=CLUSTER, mode="embedded", catalog="other", begin="1h")
    assert (to.observed, to.settings.catalog, to.settings.read_from_s) == (True, "other", 3_600)


def test_the_shop_runs_on_a_cluster_only_when_it_is_asked_for() -> None:
    to = resolve(settings.load({}), bootstrap=CLUSTER, demo=True)
    assert (to.shop, to.observed, to.settings.catalog) == (True, False, "streamgauge.catalog.commerce")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"demo": True}, "--bootstrap", id="demo-without-a-cluster"),
        pytest.param({"begin": "1h"}, "--bootstrap", id="from-without-a-cluster"),
        pytest.param({"mode": "embedded"}, "--bootstrap", id="embedded-without-a-cluster"),
        pytest.param({"bootstrap": CLUSTER, "mode": "both"}, "embedded or pipeline", id="no-such-mode"),
        pytest.param({"bootstrap": CLUSTER, "mode": "pipeline"}, "--catalog", id="pipeline-of-nothing"),
        pytest.param({"bootstrap": CLUSTER, "mode": "embedded", "demo": True}, "--demo", id="demo-that-may-not-write"),
        pytest.param({"bootstrap": CLUSTER, "begin": "yesterday"}, "15m", id="no-span"),
    ],
)
def test_what_contradicts_itself_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        resolve(settings.load({}), **options)


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("15m", 900), ("7d", 604_800), ("earliest", 10**10)])
def test_spans(text: str, expected: int) -> None:
    assert seconds(text) == expected
