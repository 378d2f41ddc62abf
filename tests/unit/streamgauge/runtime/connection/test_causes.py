"""librdkafka's own reports of failed connections, word for word, and what we make of them."""

from __future__ import annotations

import pytest

from streamgauge.runtime.connection import causes

TLS = {"bootstrap.servers": "k:9093", "security.protocol": "SASL_SSL"}
LOGIN = {**TLS, "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "alice", "sasl.password": "hidden"}


@pytest.mark.parametrize(
    ("name", "report", "config", "text", "final"),
    [
        pytest.param(
            "_AUTHENTICATION",
            "sasl_ssl://k:9093/bootstrap: SASL authentication error: Authentication failed during authentication "
            "due to "
            "invalid credentials with SASL mechanism SCRAM-SHA-512 (after 356ms in state AUTH_REQ)",
            LOGIN,
            "k:9093 refuses the login of `alice` by SCRAM-SHA-512: wrong user name or password; check "
            "STREAMGAUGE_SASL_USERNAME and STREAMGAUGE_SASL_PASSWORD",
            True,
            id="wrong password",
        ),
        pytest.param(
            "_AUTHENTICATION",
            "sasl_ssl://k:9093/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: "
            "broker's supported mechanisms: SCRAM-SHA-512 (after 302ms in state AUTH_HANDSHAKE)",
            {**LOGIN, "sasl.mechanism": "PLAIN"},
            "k:9093 does not offer the SASL mechanism PLAIN, but SCRAM-SHA-512; set STREAMGAUGE_SASL_MECHANISM",
            True,
            id="wrong mechanism",
        ),
        pytest.param(
            "_AUTHENTICATION",
            "sasl_plaintext://k:9092/bootstrap: SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Request "
            "not valid "
            "in current SASL state: broker's supported mechanisms:  (after 1ms in state AUTH_HANDSHAKE)",
            {**LOGIN, "security.protocol": "SASL_PLAINTEXT"},
            "k:9092 asks for no login; set STREAMGAUGE_SECURITY_PROTOCOL to PLAINTEXT",
            True,
            id="no login wanted",
        ),
        pytest.param(
            "_SSL",
            "sasl_ssl://k:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify "
            "failed: "
            "broker certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA "
            "certificates are installed (install ca-certificates package) (after 9ms in state SSL_HANDSHAKE)",
            TLS,
            "the certificate of k:9093 is not one that this client trusts; set STREAMGAUGE_SSL_CA_LOCATION",
            True,
            id="unknown authority",
        ),
        pytest.param(
            "_TRANSPORT",
            "sasl_ssl://k:9093/bootstrap: SSL handshake failed: Disconnected: SSL connection closed by peer: "
            "connecting "
            "to a PLAINTEXT broker listener? (after 4ms in state SSL_HANDSHAKE)",
            TLS,
            "k:9093 does not speak TLS, and STREAMGAUGE_SECURITY_PROTOCOL is SASL_SSL; set it to SASL_PLAINTEXT or "
            "PLAINTEXT",
            True,
            id="TLS to plaintext",
        ),
        pytest.param(
            "_SSL",
            "ssl://k:9093/bootstrap: SSL handshake failed: error:0A00045C:SSL routines::tlsv13 alert certificate "
            "required "
            "(after 9ms in state SSL_HANDSHAKE)",
            {**TLS, "security.protocol": "SSL"},
            "k:9093 wants a certificate of the client, and none is given; set STREAMGAUGE_SSL_CERTIFICATE_LOCATION and "
            "STREAMGAUGE_SSL_KEY_LOCATION",
            True,
            id="own certificate wanted",
        ),
        pytest.param(
            "_TRANSPORT",
            "ssl://k:9093/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL "
            "alert number 42 (after 4ms in state APIVERSION_QUERY)",
            {**TLS, "security.protocol": "SSL", "ssl.certificate.location": "own.pem"},
            "k:9093 does not take the certificate own.pem: no authority that it trusts has signed it (sslv3 alert bad "
            "certificate); correct STREAMGAUGE_SSL_CERTIFICATE_LOCATION and STREAMGAUGE_SSL_KEY_LOCATION",
            True,
            id="own certificate not taken",
        ),
        pytest.param(
            "_TRANSPORT",
            "sasl_ssl://k:9093/bootstrap: Connect to ipv4#127.0.0.1:9093 failed: Connection refused (after 0ms "
            "in state "
            "CONNECT, 1 identical error(s) suppressed)",
            TLS,
            "connection refused",
            False,
            id="refused",
        ),
        pytest.param(
            "_RESOLVE",
            "kafka:9092/1: Failed to resolve 'kafka:9092': Name or service not known (after 1ms in state CONNECT)",
            {"bootstrap.servers": "k:9093"},
            "kafka:9092 (so the cluster names its broker 1): the name of the host is not known",
            False,
            id="advertised host unknown",
        ),
        pytest.param(
            "_BAD_MSG",
            "k:80/bootstrap: Receive failed: Invalid response size 1213486160 (0..100000000): increase "
            "receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
            {"bootstrap.servers": "k:80"},
            "what listens on k:80 is not Kafka, or wants another STREAMGAUGE_SECURITY_PROTOCOL than PLAINTEXT",
            True,
            id="not Kafka",
        ),
        pytest.param(
            "_ALL_BROKERS_DOWN",
            "No brokers configured",
            {"bootstrap.servers": "http://k:9092"},
            "`http://k:9092` names no `host:port`; correct STREAMGAUGE_BOOTSTRAP_SERVERS",
            True,
            id="not an address",
        ),
    ],
)
def test_reports(name: str, report: str, config: dict[str, str], text: str, final: bool) -> None:
    cause = causes.of(name, report, config)
    assert cause is not None
    assert (cause.text, cause.final) == (text, final)


def test_a_report_without_a_cause_is_none() -> None:
    assert causes.of("_ALL_BROKERS_DOWN", "1/1 brokers are down", TLS) is None


def test_the_options_of_librdkafka_are_called_by_our_settings() -> None:
    text = "client: ssl.ca.location failed: error:05800088:x509 certificate routines::no certificate"
    cause = causes.of_settings(text, {**TLS, "ssl.ca.location": "/x"})
    assert cause.text == "STREAMGAUGE_SSL_CA_LOCATION failed: no certificate"
    assert cause.final
