"""A pipeline whose events attack whoever shows them: every string field of every stream, keys and dead letters too."""

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
# Whatever is rendered has one of these words alone in an element of its own; as text they never are alone.
RENDERED = ("boldly", "struckly", "codely", "crimson", "leaklink")
ICON, EMOJI = "pest_control", "👿"
_INVENTED = re.compile(r"^(.*-)(\d+)$")


class Leak:
    """A server that no page may ask, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Count(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Count)
        self.port = self.server.server_port


@contextmanager
def leak() -> Iterator[Leak]:
    """The server, listening."""
    found = Leak()
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()


def attacks(port: int) -> tuple[str, ...]:
    """Each fits into an id (200 characters), together with the few that tell one from another."""
    url = f"http://127.0.0.1:{port}/leak"
    return (
        f'hostile <script>window.hostile=1</script><img src="{url}" onerror="window.hostile=1"> **boldly** <b>x</b>',
        f"hostile ![x]({url}) [leaklink]({url}) {url} ~~struckly~~ <{url}>",
        f"hostile $\\frac{{1}}{{2}}$ :material/{ICON}: :smiling_imp: :red[crimson] `codely` ' OR 1=1 -- # x | y",
        f'hostile <a href="javascript:window.hostile=1">leaklink</a><iframe src="{url}"></iframe><a href="{url}">x</a>',
    )


def hostile(value: Any, known: tuple[str, ...]) -> Any:
    """The value with an attack before each invented text; the same text has the same one everywhere."""
    if isinstance(value, dict):
        return {name: hostile(part, known) for name, part in value.items()}
    if isinstance(value, list):
        return [hostile(part, known) for part in value]
    found = _INVENTED.match(value) if isinstance(value, str) else None
    return f"{known[int(found[2]) % len(known)]} {value}" if found else value


def send(pipeline: Pipeline, port: int) -> int:
    """Send them, good and bad; returns how many of them are traffic."""
    catalog, known = loader.load("streamgauge.catalog.commerce"), attacks(port)
    producer = ordered_producer(pipeline.environ["STREAMGAUGE_BOOTSTRAP_SERVERS"], linger_ms=5)
    start_ms = int(time.time() * 1_000) - invented_events.SPAN_MS
    for number, event in enumerate(invented_events.events(catalog, EACH, start_ms=start_ms)):
        attack = known[number % len(known)]
        value = hostile(json.loads(event.value), known)
        producer.produce(event.topic, json.dumps(value), attack.encode())
        if number % EACH < len(known):
            bad = [attack.encode(), json.dumps({attack: attack}).encode()]
            if "event_type" in value:
                bad.append(json.dumps({**value, "event_type": attack}).encode())
            for payload in bad:
                producer.produce(event.topic, payload, attack.encode())
    assert producer.flush(30) == 0
    return EACH * len(catalog.own)
