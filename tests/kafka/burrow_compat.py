"""What Burrow 1.2.1 (2019) needs and Kafka 4 no longer has: two old formats, and a ZooKeeper.

`old_kafka` stands before a broker. It passes every request on untouched but two: ListOffsets version 0, which Kafka 4
dropped, is asked in version 1 and answered in version 0; and where the broker names its own address, it names ours.
`old_commits` copies `__consumer_offsets` as it grows into a topic of version 3 values, the newest that Burrow decodes;
Kafka 4 writes version 4, the same fields and a topic id. Every commit, its offset and its time stay those of the
broker, and all that Burrow makes of them is its own. `no_zookeeper` takes a session and answers nothing that matters:
Burrow keeps a lock for its notifier there, and we use no notifier.
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
    """Kafka's primitive types, one after the other."""

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
    """ListOffsets version 0 as version 1: it no longer says how many offsets are wanted."""
    head = 8 + 2 + max(0, struct.unpack_from(">h", request, 8)[0])
    body = _Reader(request[head:])
    made = request[:2] + struct.pack(">h", 1) + request[4:head] + struct.pack(">i", body.take("i"))
    topics = body.take("i")
    made += struct.pack(">i", topics)
    for _ in range(topics):
        made += body.text()
        partitions = body.take("i")
        made += struct.pack(">i", partitions)
        for _ in range(partitions):
            made += struct.pack(">iq", body.take("i"), body.take("q"))
            body.take("i")
    return made


def older(response: bytes) -> bytes:
    """ListOffsets version 1 as version 0: a list of offsets, and no timestamp."""
    body = _Reader(response[4:])
    topics = body.take("i")
    made = response[:4] + struct.pack(">i", topics)
    for _ in range(topics):
        made += body.text()
        partitions = body.take("i")
        made += struct.pack(">i", partitions)
        for _ in range(partitions):
            number, error, _time, offset = body.take("i"), body.take("h"), body.take("q"), body.take("q")
            made += struct.pack(">ihiq", number, error, 1, offset)
    return made


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that goes away in the middle is none."""


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.socket.getsockname()[1])
        server.shutdown()


@contextmanager
def old_kafka(bootstrap: str) -> Iterator[str]:
    """An address that speaks to the broker, ListOffsets version 0 included."""
    host, port = bootstrap.split(":")

    def place(number: int) -> bytes:
        return struct.pack(">h", len(host)) + host.encode() + struct.pack(">i", number)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """One request after the other, as each connection of a client is served."""
            ours = self.request.getsockname()[1]
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
                        response = response.replace(place(int(port)), place(ours))
                    _send(self.request, response)

    with _serving(Handler) as mine:
        yield f"127.0.0.1:{mine}"


def older_commit(value: bytes) -> bytes | None:
    """A commit as `__consumer_offsets` has it, version 4 as version 3: its text is counted otherwise, and no topic id.

    None for one with so long a text that its length is more than one byte; ours have none.
    """
    version, offset, epoch, counted = struct.unpack_from(">hqiB", value)
    if version != 4 or counted > 127:
        return None
    text = value[15 : 15 + counted - 1]
    (made_at,) = struct.unpack_from(">q", value, 15 + len(text))
    return struct.pack(">hqih", 3, offset, epoch, len(text)) + text + struct.pack(">q", made_at)


@contextmanager
def old_commits(bootstrap: str, topic: str) -> Iterator[None]:
    """Copy what was and is committed into `topic`, which exists."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False})
    producer = ordered_producer(bootstrap, linger_ms=0)
    # It is made with the first group there is.
    wait_until(
        lambda: bool(consumer.list_topics("__consumer_offsets", timeout=10).topics["__consumer_offsets"].partitions),
        "the broker keeps offsets",
        60.0,
    )
    numbers = consumer.list_topics("__consumer_offsets", timeout=10).topics["__consumer_offsets"].partitions
    consumer.assign([TopicPartition("__consumer_offsets", number, OFFSET_BEGINNING) for number in numbers])
    done = threading.Event()

    def copy() -> None:
        while not done.is_set():
            message = consumer.poll(0.1)
            # Keys of version 0 and 1 are commits, others tell of groups; without a value it is an expiry.
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
        """A session; pings and the making of the root are answered, the waiting for the lock never is."""
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
    """An address that takes a ZooKeeper session."""
    with _serving(_ZooKeeper) as mine:
        yield f"127.0.0.1:{mine}"
