"""Events with markup and scripts in every string field of every stream, in keys and in dead letters."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from streamgauge.catalog import loader
from tests.browser.pipeline import Pipeline
from tests.support import invented_events
from tests.support.publishing import ordered_producer

EACH = 24
# Rendered as markup, an attack puts one of these words alone into an element; as plain text none is ever alone.
RENDERED = ("boldly", "struckly", "codely", "crimson", "leaklink")
ICON, EMOJI = "pest_control", "👿"
_INVENTED = re.compile(r"^(.*-)(\d+)$")


class LeakServer:
    """A server that no page may request anything from, and the paths that were requested."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        requests = self.requests

        class Record(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(self.path)
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Record)
        self.port = self.http.server_port


@contextmanager
def leak_server() -> Iterator[LeakServer]:
    """The server, while it listens."""
    leak = LeakServer()
    threading.Thread(target=leak.http.serve_forever, daemon=True).start()
    try:
        yield leak
    finally:
        leak.http.shutdown()
        leak.http.server_close()


def payloads(port: int) -> tuple[str, ...]:
    """Attacks, each short enough for an id (200 characters) with an invented suffix."""
    url = f"http://127.0.0.1:{port}/leak"
    return (
        f'hostile <script>window.hostile=1</script><img src="{url}" onerror="window.hostile=1"> **boldly** <b>x</b>',
        f"hostile ![x]({url}) [leaklink]({url}) {url} ~~struckly~~ <{url}>",
        f"hostile $\\frac{{1}}{{2}}$ :material/{ICON}: :smiling_imp: :red[crimson] `codely` ' OR 1=1 -- # x | y",
        f'hostile <a href="javascript:window.hostile=1">leaklink</a><iframe src="{url}"></iframe><a href="{url}">x</a>',
    )


def inject(value: Any, attacks: tuple[str, ...]) -> Any:
    """The value with an attack before each invented text; the same text always gets the same attack."""
    if isinstance(value, dict):
        return {name: inject(part, attacks) for name, part in value.items()}
    if isinstance(value, list):
        return [inject(part, attacks) for part in value]
    match = _INVENTED.match(value) if isinstance(value, str) else None
    return f"{attacks[int(match[2]) % len(attacks)]} {value}" if match else value


def publish(pipeline: Pipeline, port: int) -> int:
    """Publish valid and invalid events; returns the number of valid ones."""
    catalog, attacks = loader.load("streamgauge.catalog.commerce"), payloads(port)
    producer = ordered_producer(pipeline.environ["STREAMGAUGE_BOOTSTRAP_SERVERS"], linger_ms=5)
    start_ms = int(time.time() * 1_000) - invented_events.SPAN_MS
    for number, event in enumerate(invented_events.events(catalog, EACH, start_ms=start_ms)):
        attack = attacks[number % len(attacks)]
        value = inject(json.loads(event.value), attacks)
        producer.produce(event.topic, json.dumps(value), attack.encode())
        if number % EACH < len(attacks):
            invalid = [attack.encode(), json.dumps({attack: attack}).encode()]
            if "event_type" in value:
                invalid.append(json.dumps({**value, "event_type": attack}).encode())
            for payload in invalid:
                producer.produce(event.topic, payload, attack.encode())
    assert producer.flush(30) == 0
    return EACH * len(catalog.own)
