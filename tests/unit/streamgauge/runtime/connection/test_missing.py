"""Rights that are missing: what is listed for what the cluster grants, and nothing where it does not tell."""

from __future__ import annotations

import pytest

from streamgauge.runtime.connection import missing
from streamgauge.runtime.connection.missing import Granted
from streamgauge.runtime.settings import Settings

ALICE = Settings(security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="alice")
SEES, READS = ("DESCRIBE",), ("READ", "DESCRIBE")
ALL = ("READ", "DESCRIBE", "DESCRIBE_CONFIGS", "WRITE")
CONFIGS = "DescribeConfigs on every topic"


@pytest.mark.parametrize(
    ("granted", "listed"),
    [
        pytest.param(Granted({"a": ALL}, groups=1, cluster=SEES), [], id="all that is used"),
        pytest.param(Granted({"a": ("ALL",)}, groups=1, cluster=SEES), [], id="all"),
        pytest.param(Granted({"a": READS, "b": READS}, groups=1, cluster=SEES), [CONFIGS], id="Describe and Read"),
        pytest.param(Granted({"a": SEES}, groups=1, cluster=SEES), ["Read on every topic", CONFIGS], id="Describe"),
        pytest.param(
            Granted({"a": ALL, "b": READS, "c": SEES}, groups=1, cluster=SEES),
            ["Read on the topic `c`", "DescribeConfigs on the topics `b`, `c`"],
            id="some topics",
        ),
        pytest.param(Granted({"a": ALL}, groups=1), ["Describe on the cluster"], id="no cluster rights"),
        pytest.param(Granted({"a": ALL}), ["Describe on every group"], id="no group rights"),
        pytest.param(Granted({"a": ALL}, refused=["pay"], cluster=SEES), ["Describe on the group `pay`"], id="a group"),
        pytest.param(
            Granted({"a": ALL}, ["b"], 1, cluster=SEES), ["Describe on the topic `b`"], id="a topic that a group reads"
        ),
        pytest.param(Granted({}), ["Describe on every topic", "Describe on every group"], id="nothing"),
        pytest.param(Granted({"a": ()}, groups=1), [], id="a broker that does not tell"),
    ],
)
def test_what_is_missing(granted: Granted, listed: list[str]) -> None:
    found = missing.of(ALICE, granted)
    assert [f"{one.operation} on {one.resource}" for one in found] == listed
    assert {one.principal for one in found} <= {"User:alice"}


def test_it_is_said_in_one_line_with_the_command_that_grants_it() -> None:
    topics = {f"t{number}": READS for number in range(7)} | {"all": ALL}
    (one,) = missing.of(ALICE, Granted(topics, groups=1, cluster=SEES))
    assert str(one) == (
        "User:alice lacks DescribeConfigs on the topics `t0`, `t1`, `t2`, `t3`, `t4` and 2 more; it would add how long "
        "they keep events, and how large one may be: kafka-acls --add --allow-principal User:alice "
        "--operation DescribeConfigs --topic t0 --topic t1 --topic t2 --topic t3 --topic t4"
    )
