"""A cluster with TLS, SCRAM and access control lists: what every command says where it does not get in."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from processors.lag.cluster import ClusterReader, Filter
from streamgauge.catalog import loader
from streamgauge.cli.local import child
from streamgauge.cli.local.ports import free_port
from streamgauge.cli.topics import setup
from streamgauge.cli.topics.specs import of_catalog
from streamgauge.runtime.connection import missing
from streamgauge.runtime.connection.explain import unreachable
from streamgauge.runtime.connection.rights import principal
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka import admin
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse
from tests.support import commands
from tests.support.figures import figure
from tests.support.requirements import ROOT, require_kafka
from tests.support.secure_kafka.broker import PASSWORD, SecureKafka
from tests.support.waiting import wait_until

Fault = Callable[[SecureKafka], dict[str, Any]]
PASSWORD_WRONG = "refuses the login of `admin` by SCRAM-SHA-512: wrong user name or password; check STREAMGAUGE_SASL_"
TLS_WANTED = "speaks TLS, and STREAMGAUGE_SECURITY_PROTOCOL is {}; set it to SASL_SSL or SSL"
NO_TLS = "does not speak TLS, and STREAMGAUGE_SECURITY_PROTOCOL is {}; set it to"
CERTIFICATE_WANTED = (
    "wants a certificate of the client, and none is given; set STREAMGAUGE_SSL_CERTIFICATE_LOCATION and "
    "STREAMGAUGE_SSL_KEY_LOCATION"
)
LOGIN_WANTED = "where a login is wanted, set STREAMGAUGE_SECURITY_PROTOCOL to {}"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    require_kafka()
    with SecureKafka(tmp_path_factory.mktemp("secure")) as broker:
        broker.add_user("admin")
        # The first TLS connection of a Java broker takes its time.
        assert unreachable(broker.settings(), timeout_s=60.0) is None
        yield broker


def certificate(which: Callable[[SecureKafka], Path | None]) -> Fault:
    """A client that shows a certificate: of our authority, of another, or none."""
    return lambda kafka: {"sasl_mechanism": None, **kafka.certified(which(kafka))}


def at(port: int, **values: Any) -> dict[str, Any]:
    return {"bootstrap_servers": f"127.0.0.1:{port}", **values}


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(lambda _: {"sasl_password": "wrong"}, PASSWORD_WRONG, id="wrong password"),
        pytest.param(
            lambda _: {"sasl_mechanism": "PLAIN"}, "does not offer the SASL mechanism PLAIN", id="wrong mechanism"
        ),
        pytest.param(lambda _: {"sasl_username": None}, "needs STREAMGAUGE_SASL_USERNAME too", id="no user name"),
        pytest.param(
            lambda kafka: {"ssl_ca_location": kafka.stranger.certificate},
            "is not trusted (unable to get local issuer certificate); STREAMGAUGE_SSL_CA_LOCATION is /",
            id="unknown authority",
        ),
        pytest.param(lambda _: {"ssl_ca_location": None}, "STREAMGAUGE_SSL_CA_LOCATION is not set", id="no authority"),
        pytest.param(
            lambda _: {"ssl_ca_location": Path("/nowhere/ca.pem")},
            "STREAMGAUGE_SSL_CA_LOCATION: cannot read /nowhere/ca.pem (No such file or directory)",
            id="missing authority file",
        ),
        pytest.param(
            lambda _: {"ssl_ca_location": Path(__file__)},
            "STREAMGAUGE_SSL_CA_LOCATION failed: no cert",
            id="no PEM file",
        ),
        pytest.param(
            lambda _: {"security_protocol": "PLAINTEXT"}, TLS_WANTED.format("PLAINTEXT"), id="plaintext to TLS"
        ),
        pytest.param(
            lambda _: {"security_protocol": "SASL_PLAINTEXT"},
            TLS_WANTED.format("SASL_PLAINTEXT"),
            id="login without TLS to TLS",
        ),
        pytest.param(lambda kafka: at(kafka.port), NO_TLS.format("SASL_SSL"), id="TLS to plaintext"),
        pytest.param(
            lambda kafka: at(kafka.port, security_protocol="SASL_PLAINTEXT"), "asks for no login", id="no login wanted"
        ),
        pytest.param(lambda _: {"security_protocol": "SSL"}, LOGIN_WANTED.format("SASL_SSL"), id="no login with TLS"),
        pytest.param(
            lambda kafka: at(kafka.login_port, security_protocol="PLAINTEXT"),
            LOGIN_WANTED.format("SASL_PLAINTEXT"),
            id="no login",
        ),
        pytest.param(certificate(lambda _: None), CERTIFICATE_WANTED, id="no certificate"),
        pytest.param(
            certificate(lambda kafka: kafka.stranger.sign("stranger's client")),
            "/stranger's client.pem: no authority that it trusts has signed it (sslv3 alert bad certificate); correct",
            id="certificate of an unknown authority",
        ),
        pytest.param(
            certificate(lambda kafka: kafka.authority.sign("late", days=-1)),
            "/late.pem: it ran out on 20",
            id="certificate has expired",
        ),
        pytest.param(
            lambda kafka: {
                **kafka.certified(kafka.authority.sign("one")),
                "ssl_key_location": kafka.authority.sign("two"),
            },
            "STREAMGAUGE_SSL_KEY_LOCATION failed: key values mismatch",
            id="key of another certificate",
        ),
        pytest.param(
            lambda kafka: {**kafka.certified(kafka.authority.sign("one")), "ssl_key_location": None},
            "STREAMGAUGE_SSL_CERTIFICATE_LOCATION needs STREAMGAUGE_SSL_KEY_LOCATION too",
            id="certificate without a key",
        ),
        pytest.param(
            lambda _: at(free_port()), "connection refused; check STREAMGAUGE_BOOTSTRAP_SERVERS", id="refused"
        ),
        pytest.param(
            lambda _: {"bootstrap_servers": "kafka.invalid:9092"},
            "the name of the host is not known",
            id="unknown host",
        ),
        pytest.param(lambda _: {"bootstrap_servers": "http://kafka"}, "names no `host:port`", id="not an address"),
    ],
)
def test_a_connection_that_fails_says_why(kafka: SecureKafka, fault: Fault, said: str) -> None:
    settings = kafka.settings(**fault(kafka))
    began = time.monotonic()
    why = unreachable(settings, timeout_s=2.0)
    assert why is not None
    assert said in why
    assert "\n" not in why
    assert "right-password" not in why
    assert time.monotonic() - began < 10


@pytest.mark.kafka
def test_a_client_with_a_certificate_gets_in_and_is_called_by_its_subject(kafka: SecureKafka) -> None:
    settings = Settings(**kafka.certified(kafka.authority.sign("shop")))
    assert unreachable(settings, timeout_s=10.0) is None
    assert principal(settings) == "User:CN=shop"
    with pytest.raises(UsageError, match=r"refuses User:CN=shop Create on the topic `orders`.* User:CN=shop "):
        setup.ensure(
            settings, [spec for spec in of_catalog(settings, loader.load(settings.catalog)) if spec.name == "orders"]
        )


def test_a_port_that_stays_silent_is_told_from_one_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        why = unreachable(Settings(**at(silent.getsockname()[1])), timeout_s=0.5)
    assert why is not None
    assert "the connection is closed or stays silent" in why


COMMANDS = (
    "topics",
    "generate --count 1",
    "services",
    "process analytics",
    "process fulfilment",
    "process lag",
    "warehouse",
    "up --for 1",
    "partitions",
    "status",
    "rebuild",
    "replay attribution --to 2026-01-01",
    "streams close orders",
    "lag",
    "sql SELECT",
    "snapshot {}",
    "story ORD-1",
    "dead-letters list",
    "dead-letters show orders:0:1",
    "dead-letters retry orders:0:1",
)


# One process for all: most of a command's time is its imports.
RUN = """
import sys
from streamgauge.cli import main
for command in sys.argv[1:]:
    sys.argv = ["streamgauge", *command.split()]
    try:
        main.main()
        code = 0
    except SystemExit as end:
        code = end.code
    sys.stderr.write(f"{command} ended with {code}\\n")
"""


def said(settings: Settings, *lines: str) -> list[tuple[str, str]]:
    """What each command line writes to standard error, without its progress, and how it ended."""
    variables = commands.variables(settings)
    if settings.sasl_password is not None:
        variables["STREAMGAUGE_SASL_PASSWORD"] = settings.sasl_password.get_secret_value()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *lines],
        env=commands.environment(variables),
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    words = done.stderr.splitlines()
    assert len(words) == 2 * len(lines), done.stderr
    return list(zip(words[::2], words[1::2], strict=True))


def quiet(kafka: SecureKafka, folder: Path, user: str, **values: Any) -> Settings:
    """Settings of a user's commands that log nothing but what goes wrong."""
    ports = {"sql_port": free_port(), "dashboard_port": free_port()}
    return Settings(**{**kafka.client(user), "data_dir": folder, "log_level": "ERROR", **ports, **values})


@pytest.mark.kafka
def test_every_command_says_why_in_one_line(kafka: SecureKafka, tmp_path: Path) -> None:
    """Those that ask the warehouse too: it is not there, and Kafka is why."""
    settings = quiet(kafka, tmp_path, "admin", sasl_password="wrong")
    commands = [command.format(tmp_path / "copy.duckdb") for command in COMMANDS]
    for command, (line, end) in zip(commands, said(settings, *commands), strict=True):
        assert PASSWORD_WRONG in line, (command, line)
        assert end == f"{command} ended with {1 if command == 'status' else 2}"


@pytest.fixture(scope="module")
def topics(kafka: SecureKafka) -> None:
    admin = kafka.settings(partitions=1)
    setup.ensure(admin, of_catalog(admin, loader.load(admin.catalog)), timeout_s=60.0)


@pytest.mark.kafka
@pytest.mark.usefixtures("topics")
def test_a_right_that_is_refused_is_named(kafka: SecureKafka, tmp_path: Path) -> None:
    """Which operation, on what, for whom: as the broker's access control lists call them."""
    kafka.add_user("nobody")
    kafka.add_user("looker", ("topic", "*", "Describe"))
    kafka.add_user(
        "writer", ("topic", "*", "Read"), ("topic", "analytics", "Write"), ("transactional id", "*", "Write")
    )
    for user, expected in {
        "nobody": {
            "topics": ("Create on the topic `", "Create --topic "),
            "warehouse": ("Describe on the topic `analytics`", "Describe --topic analytics"),
        },
        "looker": {
            "topics": ("DescribeConfigs on the topic `", "DescribeConfigs --topic "),
            "generate --count 1": ("IdempotentWrite on the cluster", "IdempotentWrite --cluster"),
            "warehouse": ("Read on the topic `analytics`", "Read --topic analytics"),
            "process analytics": ("Write on the transactional id `", "Write --transactional-id analytics-"),
        },
        "writer": {
            "streams close orders": ("Write on the topic `audit`", "Write --topic audit"),
            "generate --count 1": ("Write on the topic `", "Write --topic "),
            "process analytics": ("Read on the group `analytics`", "Read --group analytics"),
        },
    }.items():
        settings = quiet(kafka, tmp_path / user, user)
        for (command, (right, grant)), (line, end) in zip(expected.items(), said(settings, *expected), strict=True):
            assert f"refuses User:{user} {right}" in line, (command, line)
            assert f"kafka-acls --add --allow-principal User:{user} --operation {grant}" in line, (command, line)
            assert end.endswith("ended with 2") or command.startswith("generate"), (command, end)


def documented(section: str) -> list[tuple[str, str, str]]:
    """The rights that the commands in a section of docs/rights.md grant, as (resource, name, operation)."""
    found = []
    text = (ROOT / "docs" / "rights.md").read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    for line in re.findall(r"^kafka-acls .*User:gauge (.*)$", text, re.MULTILINE):
        words = shlex.split(line)
        given: dict[str, list[str]] = {}
        for option, value in zip(words, [*words[1:], ""], strict=True):
            if option.startswith("--"):
                given.setdefault(option.removeprefix("--"), []).append(
                    "kafka-cluster" if option == "--cluster" else value
                )
        operations = [re.sub("(?<=[a-z])(?=[A-Z])", "_", one) for one in given.pop("operation")]
        prefixed = "*" if given.pop("resource-pattern-type", None) else ""
        found += [
            (kind.replace("-", " "), name + prefixed, operation)
            for kind, names in given.items()
            for name in names
            for operation in operations
        ]
    return found


@pytest.mark.kafka
@pytest.mark.usefixtures("topics")
def test_with_the_documented_rights_nothing_is_missing(kafka: SecureKafka) -> None:
    """And with none, what would add most is named, and nothing fails."""
    kafka.add_user("gauge", *documented("Observe"))
    kafka.add_user("stranger")
    lacking = {}
    for user in ("gauge", "stranger"):
        settings = kafka.settings(sasl_username=user)
        reader = ClusterReader(admin(settings), Filter(settings), 10.0)
        state = reader.read()
        reader.read_rights(state)
        assert state.granted is not None
        lacking[user] = [f"{one.operation} on {one.resource}" for one in missing.of(settings, state.granted)]
    assert lacking == {"gauge": [], "stranger": ["Describe on every topic", "Describe on every group"]}


@pytest.mark.kafka
@pytest.mark.usefixtures("topics")
def test_an_observer_gets_what_its_rights_allow_and_is_told_what_more_would_add(
    kafka: SecureKafka, tmp_path: Path
) -> None:
    """Two topics of a catalog may be described and one of them read: that one is, and its group's lag is known."""
    kafka.add_user(
        "observer",
        ("topic", "orders", "Read"),
        ("topic", "payments", "Describe"),
        ("group", "billing", "Describe"),
    )
    open_door = {"bootstrap.servers": kafka.bootstrap}
    producer = Producer(open_door)
    for topic in ("orders", "payments"):
        producer.produce(topic, b"{}", b"key")
    producer.flush(10)
    consumer = Consumer({**open_door, "group.id": "billing", "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition("orders", 0, 0)], asynchronous=False)
    consumer.close()

    settings = quiet(kafka, tmp_path, "observer", mode="embedded", lag_interval_s=1.0)
    environ = {**commands.environment(commands.variables(settings)), "STREAMGAUGE_SASL_PASSWORD": PASSWORD}
    log = tmp_path / "up.log"
    up = child.spawn([commands.PROGRAM, "up", "--catalog", settings.catalog], log, environ)
    try:
        with Warehouse(settings) as warehouse:
            sql = "SELECT count(*) FROM dead_letters WHERE stream = 'orders'"
            wait_until(lambda: figure(warehouse, sql) == 1, "the topic that may be read is", 120.0, alive=up)
            sql = "SELECT sum(lag)::BIGINT FROM consumer_lag WHERE \"group\" = 'billing'"
            wait_until(lambda: figure(warehouse, sql) == 1, "the group's lag is known", 60.0, alive=up)
        status = commands.run(environ, "status")
    finally:
        up.terminate()
        assert up.wait(60) == 0
    for line in (
        "refuses User:observer Read on the topic `payments`; grant it: kafka-acls",
        "refuses User:observer Read on the topic `inventory`; grant it: kafka-acls",
        "not granted: User:observer lacks Read on the topic `payments`; it would add ",
        "not granted: User:observer lacks DescribeConfigs on every topic; it would add ",
        "not granted: User:observer lacks Describe on the cluster; it would add ",
    ):
        assert line in status.stdout
    assert status.returncode == 1
    assert PASSWORD not in status.stdout + status.stderr + log.read_text()
