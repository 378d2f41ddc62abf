"""Slow consumers: analytics with a tenth of its processor time, and readers of SQL that do not read."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import ExitStack

from tests.proof.injection import Record, injection
from tests.proof.pipeline import pipeline

SLOW_S, READERS = 40.0, 20


@injection(
    "slow-consumer",
    f"Slow consumers: analytics runs a tenth of the time for {SLOW_S:.0f} s, and {READERS} clients request "
    "SQL results of some megabytes and do not read them",
    limit_s=300,
)
def slow_consumer(record: Record) -> None:
    """Merges and other queries go on."""
    with pipeline(record, rate=2_000) as shop, ExitStack() as stack:
        wait = shop.visible()
        body = b'{"sql": "SELECT range AS n, repeat(\'x\', 100) AS x FROM range(50000)"}'
        head = (
            f"POST /sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        for _ in range(READERS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", shop.rig.settings.sql_port)))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.sendall(head.encode() + body)
        record.injected(f"{READERS} readers that do not read")
        pid, until = shop.running["analytics-0"].process.pid, time.monotonic() + SLOW_S
        record.injected("analytics a tenth of the time")
        slowest = 0.0
        while time.monotonic() < until:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.9)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)
            began = time.monotonic()
            record.require(shop.visible() >= wait, "a query was refused or went back")
            slowest = max(slowest, time.monotonic() - began)
        record.require(slowest < 10.0, f"a query took {slowest:.1f} s")
        record.note(f"Slowest query meanwhile {slowest:.1f} s")
        shop.wait_back()
        shop.compare()
