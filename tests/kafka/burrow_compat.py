"""Compatibility of Burrow 1.2.1 (2019) with Kafka 4: two old formats, and a ZooKeeper stub.

`old_kafka` is a proxy before a broker. It changes two things only: ListOffsets version 0, which Kafka 4 dropped, is
forwarded as version 1 and its response converted back; and responses name the proxy's address instead of the broker's.
`old_commits` copies `__consumer_offsets` as it grows into a topic of version 3 values, the newest that Burrow decodes;
Kafka 4 writes version 4, with the same fields and a topic id. Every commit keeps its offset and time, so that Burrow's
verdicts are its own. `no_zookeeper` accepts a session and grants nothing: Burrow keeps a lock for its notifier there,
which these tests do not use.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.support.publishing import ordered_producer
from tests.support.waiting import wait_until

METADATA, FIND_COORDINATOR, LIST_OFFSETS = 3, 10, 2


def _exactly(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = peer.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _frame(peer: socket.socket) -> bytes:
    return _exactly(peer, struct.unpack(">i", _exactly(peer, 4))[0])


def _send(peer: socket.socket, data: bytes) -> None:
    peer.sendall(struct.pack(">i", len(data)) + data)


class _Reader:
    """Reads Kafka's primitive types in sequence."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, form: str) -> int:
        """An integer."""
        (value,) = struct.unpack_from(">" + form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def text(self) -> bytes:
        """A string, its length included."""
        start = self._at
        length = self.take("h")
        self._at += max(0, length)
        return self._data[start : self._at]


def newer(request: bytes) -> bytes:
    """ListOffsets version 0 as version 1, which has no maximum number of offsets."""
    head = 8 + 2 + max(0, struct.unpack_from(">h", request, 8)[0])
    body = _Reader(request[head:])
    converted = request[:2] + struct.pack(">h", 1) + request[4:head] + struct.pack(">i", body.take("i"))
    topics = body.take("i")
    converted += struct.pack(">i", topics)
    for _ in range(topics):
        converted += body.text()
        partitions = body.take("i")
        converted += struct.pack(">i", partitions)
        for _ in range(partitions):
            converted += struct.pack(">iq", body.take("i"), body.take("q"))
            body.take("i")
    return converted


def older(response: bytes) -> bytes:
    """A ListOffsets response of version 1 as version 0: a list of offsets, and no timestamp."""
    body = _Reader(response[4:])
    topics = body.take("i")
    converted = response[:4] + struct.pack(">i", topics)
    for _ in range(topics):
        converted += body.text()
        partitions = body.take("i")
        converted += struct.pack(">i", partitions)
        for _ in range(partitions):
            number, error, _time, offset = body.take("i"), body.take("h"), body.take("q"), body.take("q")
            converted += struct.pack(">ihiq", number, error, 1, offset)
    return converted


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore it: peers disconnect in the middle of a request."""


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.socket.getsockname()[1])
        server.shutdown()


@contextmanager
def old_kafka(bootstrap: str) -> Iterator[str]:
    """The address of a proxy to the broker that supports ListOffsets version 0."""
    host, port = bootstrap.split(":")

    def address(number: int) -> bytes:
        return struct.pack(">h", len(host)) + host.encode() + struct.pack(">i", number)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Forward one request after the other, as a broker serves a connection."""
            own = self.request.getsockname()[1]
            with socket.create_connection((host, int(port))) as broker:
                while True:
                    request = _frame(self.request)
                    key, version = struct.unpack_from(">hh", request)
                    dropped = (key, version) == (LIST_OFFSETS, 0)
                    _send(broker, newer(request) if dropped else request)
                    response = _frame(broker)
                    if dropped:
                        response = older(response)
                    elif key in (METADATA, FIND_COORDINATOR):
                        response = response.replace(address(int(port)), address(own))
                    _send(self.request, response)

    with _serving(Handler) as own:
        yield f"127.0.0.1:{own}"


def older_commit(value: bytes) -> bytes | None:
    """A value of `__consumer_offsets`, version 4 as version 3: another length prefix of the metadata, and no topic id.

    None for metadata so long that its length takes more than one byte; our commits have no metadata.
    """
    version, offset, epoch, counted = struct.unpack_from(">hqiB", value)
    if version != 4 or counted > 127:
        return None
    text = value[15 : 15 + counted - 1]
    (made_at,) = struct.unpack_from(">q", value, 15 + len(text))
    return struct.pack(">hqih", 3, offset, epoch, len(text)) + text + struct.pack(">q", made_at)


@contextmanager
def old_commits(bootstrap: str, topic: str) -> Iterator[None]:
    """Copy all commits, past and future, into `topic`, which exists."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False})
    producer = ordered_producer(bootstrap, linger_ms=0)
    # The topic is created with the first group.
    wait_until(
        lambda: bool(consumer.list_topics("__consumer_offsets", timeout=10).topics["__consumer_offsets"].partitions),
        "__consumer_offsets exists",
        60.0,
    )
    numbers = consumer.list_topics("__consumer_offsets", timeout=10).topics["__consumer_offsets"].partitions
    consumer.assign([TopicPartition("__consumer_offsets", number, OFFSET_BEGINNING) for number in numbers])
    done = threading.Event()

    def copy() -> None:
        while not done.is_set():
            message = consumer.poll(0.1)
            # Keys of version 0 and 1 are commits, others group metadata; one without a value is a tombstone.
            if message is None or message.error() or not message.value():
                continue
            if struct.unpack_from(">h", message.key())[0] <= 1 and (commit := older_commit(message.value())):
                producer.produce(topic, commit, message.key())
                producer.poll(0)

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)
        producer.flush(10)
        consumer.close()


class _ZooKeeper(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Open a session; answer pings and the creation of the root, but never grant the lock."""
        timeout = struct.unpack_from(">iqi", _frame(self.request))[2]
        _send(self.request, struct.pack(">iiqi", 0, timeout, 1, 16) + bytes(16))
        while True:
            request = _frame(self.request)
            number, kind = struct.unpack_from(">ii", request)
            path = request[8 : 12 + struct.unpack_from(">i", request, 8)[0]] if kind == 1 else b""
            if b"/notifier/" not in path:
                _send(self.request, struct.pack(">iqi", number, 1, 0) + path)


@contextmanager
def no_zookeeper() -> Iterator[str]:
    """The address of a stub that accepts ZooKeeper sessions."""
    with _serving(_ZooKeeper) as port:
        yield f"127.0.0.1:{port}"
