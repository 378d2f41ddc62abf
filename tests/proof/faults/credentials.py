"""Wrong credentials on every port that takes some: the SQL server's tokens, Kafka's password."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.proof.brokers import WithPasswords
from tests.proof.injection import Record, injection
from tests.proof.pipeline import Pipeline, pipeline
from tests.support import commands
from tests.support.rig import new_rig

TOKENS, CLIENTS, LOG_LINES = 10_000, 4, 20
WRONG_PASSWORD = "wrong-password-3e5d"
COMMANDS = (
    ("topics",),
    ("warehouse",),
    *(("process", name) for name in ("analytics", "lag", "fulfilment", "fraud", "attribution")),
    ("generate", "--count", "1"),
    ("services",),
    ("status",),
)
REQUESTS = (("POST", "/sql"), ("GET", "/tables"), ("GET", "/snapshot"), ("DELETE", "/sql/x"))


def wrong_headers(right: str) -> list[str | None]:
    """Values of the header `Authorization`, none of them right; Latin-1."""
    return [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {right[:-1]}",
        f"Bearer {right}x",
        f"Bearer {right.swapcase()}",
        f"Basic {right}",
        "Bearer é",
        "Bearer \x80\xff",
        f"Bearer {'x' * 4_000}",
        right,
    ]


@injection("wrong-tokens", f"{TOKENS:,} requests with wrong tokens to the SQL server, some not ASCII", limit_s=300)
def wrong_tokens(record: Record) -> None:
    """Each is answered 401, none with a line in the log, and the right token works all the time."""
    with pipeline(record) as shop:
        log = shop.running["warehouse"].log
        lines, began = len(log.read_text().splitlines()), time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            codes = sum(pool.map(lambda _: _client(shop), range(CLIENTS)), Counter[int]())
        record.times += codes.total()
        record.require(codes.keys() == {401}, f"answers other than 401: {dict(codes)}")
        more = len(log.read_text().splitlines()) - lines
        record.require(more <= LOG_LINES, f"{more} lines in the log")
        record.require(shop.visible() >= 0, "the right token does not work")
        record.note(f"{codes.total() / (time.monotonic() - began):,.0f} a second, {more} lines in the log")
        shop.wait_back()
        shop.compare()


def _client(shop: Pipeline) -> Counter[int]:
    codes: Counter[int] = Counter()
    headers = wrong_headers(shop.token)
    connection = http.client.HTTPConnection("127.0.0.1", shop.rig.settings.sql_port, timeout=30)
    for number in range(TOKENS // CLIENTS):
        value, (method, path) = headers[number % len(headers)], REQUESTS[number % len(REQUESTS)]
        connection.putrequest(method, path)
        if value is not None:
            connection.putheader("Authorization", value.encode("latin-1"))
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        codes[answer.status] += 1
        if answer.will_close:
            connection.close()
    return codes


@injection("wrong-password", "Every command that uses Kafka, with a wrong password", limit_s=420)
def wrong_password(record: Record) -> None:
    """One line names the cause, and the command ends; the time includes its start."""
    with new_rig(kafka_class=WithPasswords) as rig:
        assert isinstance(rig.kafka, WithPasswords)
        environ = commands.environment(
            {
                **commands.variables(rig.settings),
                "STREAMGAUGE_BOOTSTRAP_SERVERS": f"127.0.0.1:{rig.kafka.password_port}",
                "STREAMGAUGE_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "STREAMGAUGE_SASL_MECHANISM": "PLAIN",
                "STREAMGAUGE_SASL_USERNAME": "proof",
                "STREAMGAUGE_SASL_PASSWORD": WRONG_PASSWORD,
            }
        )
        longest = 0.0
        for command in COMMANDS:
            name, began = " ".join(command), time.monotonic()
            done = commands.run(environ, *command, timeout_s=90)
            took, said = time.monotonic() - began, done.stdout + done.stderr
            longest = max(longest, took)
            record.injected(f"{name}: {done.returncode} after {took:.1f} s: {said.strip()[-300:]}")
            record.require(done.returncode in (1, 2), f"{name} ended with {done.returncode}")
            record.require("Traceback" not in said, f"{name}: a traceback")
            named = any(word in said.lower() for word in ("password", "credentials", "authentication"))
            record.require(named, f"{name} does not name the cause: {said.strip()[-120:]}")
            if WRONG_PASSWORD in said:
                record.leaked += 1
        record.note(f"The slowest command ended after {longest:.1f} s, its start included")
