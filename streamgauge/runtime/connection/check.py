"""Connect once with a client of its own, and find out why that fails.

It asks anew instead of listening to every client: so the cause is told whichever client failed, and whoever made it.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streamgauge.runtime.connection import causes, certificate
from streamgauge.runtime.connection.causes import PROTOCOL, Cause
from streamgauge.runtime.connection.config import QUIET

_STEP_S = 0.25
_PROBE_S = 1.0


def failure(config: Mapping[str, Any], timeout_s: float) -> Cause | None:
    """None where a broker answers, else why none does.

    `config` are librdkafka's connection options. Blocks for at most about `timeout_s` and a second; a cause that will
    not pass ends it at once.
    """
    reports: list[KafkaError] = []
    try:
        client = AdminClient({**config, **QUIET, "error_cb": reports.append})
    except KafkaException as error:
        return causes.of_settings(error.args[0].str(), config)
    newest: Cause | None = None
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            client.list_topics(timeout=max(0.05, min(_STEP_S, deadline - time.monotonic())))
            return None
        except KafkaException as error:
            last = error
        client.poll(0)
        down = any(report.code() == KafkaError._ALL_BROKERS_DOWN for report in reports)  # noqa: SLF001
        for report in reports:
            newest = causes.of(report.name(), report.str(), config) or newest
        reports.clear()
        if newest is None and down:
            newest = _unsaid(config)
        if newest is not None and newest.final:
            return _precise(newest, config)
        if time.monotonic() >= deadline:
            break
    if newest is None:
        newest = _unsaid(config)
    return newest or Cause(f"no answer within {timeout_s:.0f} s ({last.args[0].name()})", False)


def _unsaid(config: Mapping[str, Any]) -> Cause | None:
    """The cause where librdkafka tells none: a broker that closes the connection or does not answer on it."""
    protocol = config.get("security.protocol", "PLAINTEXT")
    for server in str(config["bootstrap.servers"]).split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdecimal():
            continue
        if "SSL" not in protocol and _speaks_tls(host, int(port)):
            return Cause(f"{server} speaks TLS, and {PROTOCOL} is {protocol}; set it to SASL_SSL or SSL", True)
        if _accepts(host, int(port)):
            return Cause(causes.closed(protocol) or "it accepts the connection and does not answer", False)
    return None


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _PROBE_S).close()
    except OSError:
        return False
    return True


def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), _PROBE_S) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


def _precise(cause: Cause, config: Mapping[str, Any]) -> Cause:
    """The cause, and for a certificate what is wrong with it: librdkafka does not say."""
    if causes.REJECTED in cause.text and (at := certificate.expired(Path(config["ssl.certificate.location"]))):
        return cause._replace(text=cause.text.replace(causes.REJECTED, f": it ran out on {at:%Y-%m-%d %H:%M} UTC"))
    host, _, port = cause.where.rpartition(":")
    if causes.AUTHORITY not in cause.text or not port.isdecimal():
        return cause
    known = config.get("ssl.ca.location")
    try:
        context = ssl.create_default_context(cafile=known)
        with socket.create_connection((host, int(port)), _PROBE_S) as plain:
            context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return cause._replace(
            text=f"the certificate of {cause.where} is not trusted ({error.verify_message}); {causes.AUTHORITY} is "
            f"{known or 'not set'}, and must be the PEM file of the authority that signed it"
        )
    except OSError:
        pass
    return cause
