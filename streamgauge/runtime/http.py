"""An ASGI application on a thread of this process, for as long as a block runs.

The socket is bound first, so that a port in use is an error of the start; uvicorn's own signal handlers stay out, and a
stop is one flag.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import uvicorn

from streamgauge.runtime.errors import UsageError

STOP_S = 10.0


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket: a client that connects before the server's thread runs waits, and is not refused.

    Raises `UsageError` where the port is in use, or the address is not this machine's; `setting` is how the variables
    to change begin (`STREAMGAUGE_SQL` for `STREAMGAUGE_SQL_PORT`).
    """
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it each small answer waits some 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} is in use ({error.strerror}); set {setting}_PORT to a free one") from None
        raise UsageError(f"cannot listen on {host}:{port} ({error.strerror}); correct {setting}_HOST") from None
    return listener


@contextmanager
def serve(app: Any, listener: socket.socket, name: str, **options: Any) -> Iterator[threading.Thread]:
    """Serve `app` from a thread called `name`, which is yielded; the block's end stops it and closes the listener.

    `options` are `uvicorn.Config`'s. Blocks at the end for at most 10 s.
    """
    with closing(listener):
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name=name, daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            server.should_exit = True
            thread.join(timeout=STOP_S)
