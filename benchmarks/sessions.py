"""Dashboard sessions without a browser: Streamlit's WebSocket protocol, with response times.

A browser keeps a WebSocket open, requests the page once, and then each refreshing fragment at the interval that the
server sets. This does the same, so that the server does all its work and no CPU time goes to rendering.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

# Longest time of a run before the session counts as dead.
PATIENCE_S = 60.0


@dataclass
class Times:
    """Seconds of the first run, from opening the connection, and of each refresh; `failed` are exceptions shown."""

    first_s: float = 0.0
    refreshes_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Session:
    """One page held open at `path` with `query`, until `close`."""

    def __init__(self, port: int, path: str, query: str) -> None:
        self.path, self.times = path, Times()
        self._port, self._query = port, query
        self._stop = threading.Event()
        self._hash = ""
        self._every: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name=path, daemon=True)

    def open(self) -> Session:
        """Start the session; returns at once."""
        self._thread.start()
        return self

    def close(self) -> Times:
        """End the session; returns its times."""
        self._stop.set()
        self._thread.join(PATIENCE_S)
        return self.times

    def _run(self) -> None:
        began = time.perf_counter()
        address = f"127.0.0.1:{self._port}"
        with connect(
            f"ws://{address}/_stcore/stream",
            origin=Origin(f"http://{address}"),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        ) as socket:
            self._ask(socket, ClientState(query_string=self._query, page_name=self.path))
            self.times.first_s = time.perf_counter() - began
            due = {part: time.monotonic() + every for part, every in self._every.items()}
            while not self._stop.is_set():
                self._stop.wait(0.02)
                for part, every in list(self._every.items()):
                    if time.monotonic() < due.setdefault(part, time.monotonic() + every):
                        continue
                    due[part] = time.monotonic() + every
                    began = time.perf_counter()
                    state = ClientState(
                        query_string=self._query, page_script_hash=self._hash, fragment_id=part, is_auto_rerun=True
                    )
                    self._ask(socket, state)
                    self.times.refreshes_s.append(time.perf_counter() - began)

    def _ask(self, socket: ClientConnection, state: ClientState) -> None:
        """Request a run and read its elements to the end."""
        socket.send(BackMsg(rerun_script=state).SerializeToString())
        while True:
            message = ForwardMsg.FromString(socket.recv(PATIENCE_S, decode=False))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._hash = message.new_session.page_script_hash
                if not state.fragment_id:
                    self._every.clear()
            elif kind == "auto_rerun":
                self._every[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
                self.times.failed.append(message.delta.new_element.exception.message)
            elif kind == "script_finished":
                return
