"""Secrets planted in every setting that holds one, and searched for wherever they might come out."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from streamgauge.cli.local.ports import free_port
from tests.proof import pages
from tests.proof.brokers import WithPasswords
from tests.proof.injection import Record, injection
from tests.support import commands
from tests.support.rig import Rig, new_rig
from tests.support.waiting import wait_until

SECRETS = {
    "sasl_password": WithPasswords.PASSWORD,
    "sql_token": "planted-sql-token-51d3aa",
    "ssl_key_password": "planted-key-password-b02e4c",
    "dashboard_cookie_secret": "planted-cookie-secret-0123456789-9f8e",
}
CLIENT_SECRET = "planted-client-secret-77ac10"
PROCESSORS = ("analytics", "lag", "fulfilment", "fraud", "attribution")
COMMANDS = (("status",), ("lag",), ("dead-letters", "list"), ("sql", "SELECT 1"), ("sql", "SELECT getenv('HOME')"))
Place = tuple[str, bytes]


@injection(
    "planted-secrets", "Secrets planted in five settings, searched for after every process has worked", limit_s=360
)
def planted_secrets(record: Record) -> None:
    """In logs, metrics, `/health`, the process list, data files, pages, and what commands print; after errors too."""
    with new_rig(kafka_class=WithPasswords, commit_interval_ms=100, flush_interval_ms=100) as rig:
        assert isinstance(rig.kafka, WithPasswords)
        port, login_port = free_port(), free_port()
        plain = rig.settings.model_dump(exclude_unset=True)
        sasl = {
            "bootstrap_servers": f"127.0.0.1:{rig.kafka.password_port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_username": "proof",
        }
        rig.settings = type(rig.settings)(**{**plain, **sasl, **SECRETS})
        record.injected(f"{', '.join(SECRETS)}, and a sign-in's client secret")
        rig.start_together(("warehouse",), *(("process", name) for name in PROCESSORS), ("services",))
        rig.start("dashboard", dashboard_port=port)
        sign_in = {
            "dashboard_oidc_url": "http://127.0.0.1:9/.well-known/openid-configuration",
            "dashboard_oidc_client_id": "proof",
            "dashboard_oidc_client_secret": CLIENT_SECRET,
        }
        login = type(rig.settings)(**{**rig.settings.model_dump(exclude_unset=True), **sign_in})
        rig.start("dashboard", dashboard_port=login_port, **{name: getattr(login, name) for name in sign_in})
        rig.start("generate", "--storefront", "--rate", "300", "--for", "10", ready=False).process.wait(120)
        wait_until(lambda: any(worker.metrics() for worker in rig.workers), "metrics")
        searched = 0
        for place, text in [*_processes(rig), *_files(rig), *_commands(rig), *_pages(port, login_port)]:
            searched += 1
            for name, secret in {**SECRETS, "client secret": CLIENT_SECRET}.items():
                if secret.encode() in text:
                    record.leaked += 1
                    record.require(False, f"{name} is in {place}")
        (rig.settings.data_dir / "planted").write_text(SECRETS["sql_token"])
        found = any(SECRETS["sql_token"].encode() in text for _, text in _files(rig))
        record.require(found, "the search does not find a secret that is there")
        record.require(searched > 60, f"only {searched} places searched")
        open_to_others = _open_to_others(rig)
        record.require(not open_to_others, f"not on loopback alone: {open_to_others}")
        record.note(f"{searched} places searched; {len(rig.workers)} processes listen on loopback alone")


def _processes(rig: Rig) -> Iterator[Place]:
    for worker in rig.workers:
        name = " ".join(worker.command)
        if worker.process.poll() is None:
            yield f"the command line of {name}", " ".join(psutil.Process(worker.process.pid).cmdline()).encode()
            for path in ("metrics", "health"):
                with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/{path}", timeout=10) as answer:
                    yield f"/{path} of {name}", answer.read()


def _files(rig: Rig) -> Iterator[Place]:
    """Logs, the data directory, and Kafka's own log, without the broker's configuration, which is the test's."""
    for path in rig.folder.rglob("*"):
        if path.is_file() and path.name != "server.properties":
            yield str(path.relative_to(rig.folder)), _content(path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # compacted or rotated meanwhile
        return b""


def _commands(rig: Rig) -> Iterator[Place]:
    right = commands.environment(commands.variables(rig.settings))
    wrong = {**right, "STREAMGAUGE_SASL_USERNAME": "nobody", "STREAMGAUGE_SQL_URL": "http://127.0.0.1:9"}
    for environ in (right, wrong):
        for command in COMMANDS:
            done = commands.run(environ, *command, timeout_s=120)
            yield f"the output of {' '.join(command)}", (done.stdout + done.stderr).encode()


def _pages(port: int, login_port: int) -> Iterator[Place]:
    # Imported here: Streamlit warns about its runtime when a page is imported outside it.
    from dashboard.navigation import PAGES

    for page in PAGES:
        yield f"page {page.path}", pages.sent(port, page.path)
    yield "the page before the sign-in", pages.sent(login_port, "")


def _open_to_others(rig: Rig) -> list[str]:
    """Addresses that a process listens on and that other machines might reach."""
    return [
        f"{' '.join(worker.command)} on {one.laddr.ip}:{one.laddr.port}"
        for worker in rig.workers
        if worker.process.poll() is None
        for one in psutil.Process(worker.process.pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN and one.laddr.ip not in ("127.0.0.1", "::1")
    ]
