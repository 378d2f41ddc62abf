"""What `up` prints when all is ready."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from streamgauge.cli.local import target
from streamgauge.cli.local.summary import hints
from streamgauge.runtime import settings


@pytest.mark.parametrize(
    ("catalog", "metrics", "expected"),
    [
        pytest.param("streamgauge.catalog.commerce", {"broker": 9101, "generate": 9105}, None, id="traffic"),
        pytest.param("streamgauge.catalog.commerce", {"broker": 9101}, "generate", id="switched-off"),
        pytest.param("sensors", {"broker": 9101}, "the generator has no events for sensors", id="another-catalog"),
    ],
)
def test_traffic(catalog: str, metrics: dict[str, int], expected: str | None) -> None:
    lines = hints(target.resolve(settings.load({"STREAMGAUGE_CATALOG": catalog})), metrics, 1.0)
    found = [line for line in lines if "no traffic" in line]
    assert len(found) == (expected is not None)
    assert not expected or expected in found[0]
    assert ("streamgauge generate" in found[0] if found else False) == (expected == "generate")


def test_another_terminal_gets_the_settings_that_matter_and_no_secret() -> None:
    """What follows `export` is what the other commands need to find the same cluster, data and server."""
    given = {
        "STREAMGAUGE_BOOTSTRAP_SERVERS": "k1:9093,k2:9093",
        "STREAMGAUGE_DATA_DIR": "my data",
        "STREAMGAUGE_SQL_PORT": "8700",
        "STREAMGAUGE_SECURITY_PROTOCOL": "SASL_SSL",
        "STREAMGAUGE_SASL_MECHANISM": "SCRAM-SHA-512",
        "STREAMGAUGE_SASL_USERNAME": "shop",
        "STREAMGAUGE_SASL_PASSWORD": "hidden",
        "STREAMGAUGE_SSL_CA_LOCATION": "/etc/ca.pem",
    }
    lines = hints(target.resolve(settings.load(given)), {"warehouse": 9103}, 1.0)
    (export,) = [line for line in lines if "export" in line]
    shown = dict(pair.split("=", 1) for pair in shlex.split(export.partition("export ")[2]))
    password = given.pop("STREAMGAUGE_SASL_PASSWORD")
    decided = {"STREAMGAUGE_MODE": "embedded", "STREAMGAUGE_CATALOG": target.OBSERVE}
    assert shown == given | decided | {"STREAMGAUGE_DATA_DIR": str(Path.cwd() / "my data")}
    assert "  and, as in this one: STREAMGAUGE_SASL_PASSWORD" in lines
    assert password not in "\n".join(lines)
