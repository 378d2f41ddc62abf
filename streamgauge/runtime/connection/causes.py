"""What librdkafka reports of a connection, in words: what is wrong, and which setting to change.

librdkafka tells a cause to the error callback alone; the call that fails says only "Broker transport failure".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

BOOTSTRAP, PROTOCOL, MECHANISM = (
    "STREAMGAUGE_BOOTSTRAP_SERVERS",
    "STREAMGAUGE_SECURITY_PROTOCOL",
    "STREAMGAUGE_SASL_MECHANISM",
)
LOGIN = "STREAMGAUGE_SASL_USERNAME and STREAMGAUGE_SASL_PASSWORD"
AUTHORITY = "STREAMGAUGE_SSL_CA_LOCATION"
OWN = "STREAMGAUGE_SSL_CERTIFICATE_LOCATION and STREAMGAUGE_SSL_KEY_LOCATION"
REJECTED = ": no authority that it trusts has signed it"
# librdkafka says where first: `sasl_ssl://host:9092/bootstrap: what (after 3ms in state CONNECT)`.
_REPORT = re.compile(r"^(?:\w+://)?(?P<where>\S+?)/(?P<node>[\w-]+): (?P<what>.*?)(?: \(after \d.*\))?$", re.DOTALL)


class Cause(NamedTuple):
    """`final`: no retry helps, so there is nothing to wait for. `node`: a broker's number, or `bootstrap`."""

    text: str
    final: bool
    where: str = ""
    node: str = ""


def of(name: str, report: str, config: Mapping[str, str]) -> Cause | None:
    """The cause in one of librdkafka's reports (its error's name and text); None where it tells none.

    `config` are the options of the client.
    """
    match = _REPORT.match(report)
    if match is None:
        if report == "No brokers configured":
            return Cause(f"`{config['bootstrap.servers']}` names no `host:port`; correct {BOOTSTRAP}", True)
        return None
    where, node, what = match["where"], match["node"], match["what"]
    text, final = _said(name, what, where, config)
    if not final and where != config.get("bootstrap.servers"):
        # The address of a broker with a number comes from the cluster.
        text = f"{where} (so the cluster names its broker {node}): {text}" if node.isdecimal() else f"{where}: {text}"
    return Cause(text, final, where, node)


def _said(name: str, what: str, where: str, config: Mapping[str, str]) -> tuple[str, bool]:
    protocol = config.get("security.protocol", "PLAINTEXT")
    if name == "_AUTHENTICATION":
        return _login(what, where, config), True
    if "certificate verify failed" in what:
        return f"the certificate of {where} is not one that this client trusts; set {AUTHORITY}", True
    if "alert" in what and ("certificate" in what or "handshake failure" in what or "unknown ca" in what):
        shown = config.get("ssl.certificate.location")
        if shown is None:
            return f"{where} wants a certificate of the client, and none is given; set {OWN}", True
        said = _short(what.rpartition("failed: ")[2]).partition(":")[0]
        return f"{where} does not take the certificate {shown}{REJECTED} ({said}); correct {OWN}", True
    if "PLAINTEXT broker listener" in what or "wrong version number" in what or "record layer failure" in what:
        advice = "SASL_PLAINTEXT or PLAINTEXT" if "SASL" in protocol else "PLAINTEXT or SASL_PLAINTEXT"
        return f"{where} does not speak TLS, and {PROTOCOL} is {protocol}; set it to {advice}", True
    if name == "_SSL":
        return f"TLS with {where} fails: {_short(what)}", True
    if name == "_BAD_MSG":
        return f"what listens on {where} is not Kafka, or wants another {PROTOCOL} than {protocol}", True
    if (said := closed(protocol)) and re.search("Send failed|Receive failed|Disconnected|[Cc]onnection reset", what):
        return said, False
    if name == "_RESOLVE":
        return "the name of the host is not known", False
    if "Connection refused" in what:
        return "connection refused", False
    return _short(what), False


def closed(protocol: str) -> str:
    """What a broker probably wants that closes the connection of a client without a login; empty for one with."""
    if protocol == "SSL":
        return (
            f"the connection is closed; where a login is wanted, set {PROTOCOL} to SASL_SSL, where a certificate, {OWN}"
        )
    if protocol == "PLAINTEXT":
        return f"the connection is closed or stays silent; where a login is wanted, set {PROTOCOL} to SASL_PLAINTEXT"
    return ""


def of_settings(text: str, config: Mapping[str, str]) -> Cause:
    """The cause in what librdkafka says when it does not make a client; option names become those of our settings."""
    text = _short(text.rpartition("client: ")[2])
    for option in config:
        text = text.replace(option, f"STREAMGAUGE_{option.replace('.', '_').upper()}")
    return Cause(text, True)


def _login(what: str, where: str, config: Mapping[str, str]) -> str:
    mechanism = config.get("sasl.mechanism", "")
    offered = re.search(r"supported mechanisms:\s*(.*)$", what)
    if offered is None:
        user = config.get("sasl.username", "")
        return f"{where} refuses the login of `{user}` by {mechanism}: wrong user name or password; check {LOGIN}"
    if not offered[1].strip():
        advice = config.get("security.protocol", "").replace("SASL_PLAINTEXT", "PLAINTEXT").replace("SASL_SSL", "SSL")
        return f"{where} asks for no login; set {PROTOCOL} to {advice}"
    return f"{where} does not offer the SASL mechanism {mechanism}, but {offered[1].strip()}; set {MECHANISM}"


def _short(what: str) -> str:
    """OpenSSL's error without its numbers."""
    return " ".join(re.sub(r"error:[0-9A-F]+:[^:]*:[^:]*:", "", what).split())
