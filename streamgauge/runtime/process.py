"""Run a long-lived command as a process: settings, logging, signals, `/metrics` and `/health`, exit codes.

The command's function gets a `Process` and works until `process.stop` is set. `/health` responds 503 with the reason
until the command reports that it is ready. A run file in `<data_dir>/run/` has the address for `streamgauge status` and
Prometheus (run_file.py).
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from confluent_kafka import KafkaException
from prometheus_client import make_wsgi_app

from streamgauge.runtime import metrics, settings, stop
from streamgauge.runtime.connection import explain
from streamgauge.runtime.connection.missing import Missing
from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.runtime.printable import printable
from streamgauge.runtime.settings import Settings

FIRST_METRICS_PORT = 9101
log = logging.getLogger("streamgauge")


@dataclass
class Process:
    """A running command: its name, settings, stop event and health.

    A process is unready when it cannot do its work, and degraded when it does it but something is not well: one stream
    is set aside, events were lost. Each problem has a subject, so that it can be replaced and solved by itself. A right
    that is `missing` is no problem: with it, more could be shown.
    """

    name: str
    settings: Settings
    stop: threading.Event
    _why_not: str | None = field(default="starting")
    _problems: dict[str, str] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)

    def ready(self) -> None:
        """Report that the process does its work."""
        if self._why_not is None:
            return
        log.info("ready")
        self._why_not = None
        metrics.gauge("streamgauge_process_ready").labels(self.name).set(1)

    def unready(self, why: str) -> None:
        """Report that the process cannot do its work, and why."""
        if self._why_not != why:
            log.warning("not ready: %s", why)
        self._why_not = why
        metrics.gauge("streamgauge_process_ready").labels(self.name).set(0)

    def problem(self, subject: str, text: str) -> None:
        """Report something that is not well while the work goes on; replaces what was reported of `subject`."""
        if self._problems.get(subject) != text:
            log.warning("%s", text)
        self._problems = {**self._problems, subject: text}

    def solved(self, subject: str) -> None:
        """Withdraw what was reported of `subject`."""
        self._problems = {name: text for name, text in self._problems.items() if name != subject}

    def lacks(self, missing: list[Missing]) -> None:
        """Report the rights that the cluster does not grant; replaces those reported before."""
        self.missing = missing

    @property
    def health(self) -> dict[str, Any]:
        """`{"process", "status", "why", "problems", "missing_rights"}`; status is `ready` or `unready`, problems a list
        of sentences, missing rights a list of objects with the fields of `Missing`.
        """
        why, problems = self._why_not, list(self._problems.values())
        status = "ready" if why is None else "unready"
        rights = [one._asdict() for one in self.missing]
        return {
            "process": self.name,
            "status": status,
            "why": why or "",
            "problems": problems,
            "missing_rights": rights,
        }


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Scrapes are not worth a log line."""


def _serve(process: Process) -> int:
    """Serve `/metrics` and `/health` from a daemon thread; returns the port."""
    scrape: Any = make_wsgi_app()

    def app(environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != "/health":
            try:
                answer: Iterable[bytes] = scrape(environ, respond)
            except (TypeError, ValueError):
                # An `Accept` that prometheus_client cannot read: its plain format.
                environ.pop("HTTP_ACCEPT", None)
                answer = scrape(environ, respond)
            return answer
        health = process.health
        respond(
            "200 OK" if health["status"] == "ready" else "503 Service Unavailable",
            [("Content-Type", "application/json")],
        )
        return [json.dumps(health).encode()]

    host, wanted = process.settings.metrics_host, process.settings.metrics_port
    for port in [wanted] if wanted else range(FIRST_METRICS_PORT, FIRST_METRICS_PORT + 500):
        try:
            server = make_server(host, port, app, server_class=_Server, handler_class=_Quiet)
        except OSError:
            continue
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        return port
    raise UsageError(f"port {wanted or FIRST_METRICS_PORT} is in use; set STREAMGAUGE_METRICS_PORT to a free one")


class _Printable(logging.Formatter):
    """Entries of one line, with control characters visible: messages may quote events."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(printable(line) for line in super().formatException(ei).expandtabs().split("\n"))


def set_up_logging(level: str) -> None:
    """Log to standard error, one line per entry, times in UTC; libraries from WARNING on."""
    form = _Printable("%(asctime)s %(levelname)-7s %(message)s")
    form.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(level)


def run(name: str, work: Callable[[Process], None]) -> int:
    """Run a long-lived command; returns its exit code (0 done, 1 failed, 2 wrong use or missing part)."""
    try:
        config = settings.load()
        set_up_logging(config.log_level)
        process = Process(name, config, stop.on_signals())
        metrics.register(name)
        port = _serve(process)
        metrics.gauge("streamgauge_process_ready").labels(name).set(0)
        metrics.gauge("streamgauge_process_info").labels(name, version("streamgauge")).set(1)
        entry = run_file.write(config.data_dir, name, config.metrics_host, port)
    except (StreamgaugeError, OSError) as error:
        sys.stderr.write(f"streamgauge {name}: {printable(str(error))}\n")
        return 2
    try:
        log.info("%s started, metrics on http://%s:%d/metrics", name, config.metrics_host, port)
        work(process)
        log.info("%s stopped", name)
        return 0
    except UsageError as error:
        log.error("%s", error)
        return 2
    except KafkaException as error:
        why = explain.explained(error, config)
        log.error("%s: %s", name, why)
        return 2 if isinstance(why, UsageError) else 1
    except (StreamgaugeError, OSError) as error:
        log.error("%s: %s", name, error)
        return 1
    finally:
        entry.unlink(missing_ok=True)
