"""Headers of dead letters: ours, Kafka Streams', Connect's and Spring's, and what is none of these."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgauge.dead_letters.headers import Headers, Position, attempt, original, read

STREAMS: Headers = [
    ("__streams.errors.exception", b"java.lang.IllegalArgumentException"),
    ("__streams.errors.message", b"count must be non-negative"),
    ("__streams.errors.stacktrace", b"at ..."),
    ("__streams.errors.topic", b"clicks"),
    ("__streams.errors.partition", b"2"),
    ("__streams.errors.offset", b"17"),
]
CONNECT: Headers = [
    ("__connect.errors.topic", b"orders"),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"3"),
    ("__connect.errors.connector.name", b"orders-sink"),
    ("__connect.errors.task.id", b"0"),
    ("__connect.errors.stage", b"VALUE_CONVERTER"),
    ("__connect.errors.class.name", b"org.apache.kafka.connect.json.JsonConverter"),
    ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
    ("__connect.errors.exception.message", b"Converting byte[] to Kafka Connect data failed"),
]
SPRING: Headers = [
    ("kafka_dlt-original-topic", b"payments"),
    ("kafka_dlt-original-partition", struct.pack(">i", 1)),
    ("kafka_dlt-original-offset", struct.pack(">q", 2**33)),
    ("kafka_dlt-original-timestamp", struct.pack(">q", 1_800_000_000_000)),
    ("kafka_dlt-original-timestamp-type", b"CreateTime"),
    ("kafka_dlt-original-consumer-group", b"billing"),
    ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
    ("kafka_dlt-exception-cause-fqcn", b"java.lang.IllegalStateException"),
    ("kafka_dlt-exception-message", b"Listener failed; no customer 'C-9'"),
]
# As the end of @RetryableTopic writes them, in its order: original headers, the retry topics' own, the exception.
RETRYABLE: Headers = [
    ("kafka_original-topic", b"invoices"),
    ("kafka_original-partition", struct.pack(">i", 1)),
    ("kafka_original-offset", struct.pack(">q", 2**33)),
    ("kafka_original-timestamp", struct.pack(">q", 1_800_000_000_000)),
    ("kafka_original-timestamp-type", b"CreateTime"),
    ("kafka_dlt-original-consumer-group", b"invoice-service"),
    ("retry_topic-original-timestamp", (1_800_000_000_000).to_bytes(6, "big")),
    ("retry_topic-attempts", struct.pack(">i", 2)),
    ("retry_topic-backoff-timestamp", (1_800_000_000_500).to_bytes(6, "big")),
    ("kafka_exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
    ("kafka_exception-cause-fqcn", b"java.lang.IllegalStateException"),
    ("kafka_exception-message", b"Listener failed; no such customer"),
    ("kafka_exception-stacktrace", b"..."),
    ("retry_topic-attempts", struct.pack(">i", 4)),
]
OURS: Headers = [
    ("trace", b"t"),
    ("__streams.errors.exception", b"InvalidEvent"),
    ("__streams.errors.message", b"Expected `int`"),
    ("__streams.errors.topic", b"orders"),
    ("__streams.errors.partition", b"4"),
    ("__streams.errors.offset", b"99"),
    ("streamgauge.reason", b"wrong_type"),
    ("streamgauge.field", b"$.amount_cents"),
    ("streamgauge.fingerprint", b"0123456789ab"),
    ("streamgauge.attempt", b"3"),
    ("streamgauge.retry-of", b"orders:4:7"),
]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            OURS,
            {
                "position": Position("orders", 4, 99),
                "reason": "wrong_type",
                "detail": "Expected `int`",
                "field": "$.amount_cents",
                "fingerprint": "0123456789ab",
                "attempts": 3,
                "retry_of": "orders:4:7",
            },
        ),
        (
            STREAMS,
            {
                "position": Position("clicks", 2, 17),
                "reason": "streams_error",
                "detail": "IllegalArgumentException: count must be non-negative",
                "consumer": None,
            },
        ),
        (
            CONNECT,
            {
                "position": Position("orders", 0, 3),
                "reason": "connect_error",
                "detail": "VALUE_CONVERTER: DataException: Converting byte[] to Kafka Connect data failed",
                "consumer": "connect-orders-sink",
            },
        ),
        (
            SPRING,
            {
                "position": Position("payments", 1, 2**33),
                "reason": "spring_error",
                "detail": "IllegalStateException: Listener failed; no customer 'C-9'",
                "consumer": "billing",
                "timestamp": 1_800_000_000_000,
                "attempts": 1,
            },
        ),
        (
            RETRYABLE,
            {
                "position": Position("invoices", 1, 2**33),
                "reason": "spring_error",
                "detail": "IllegalStateException: Listener failed; no such customer",
                "consumer": "invoice-service",
                "timestamp": 1_800_000_000_000,
                "attempts": 4,
            },
        ),
    ],
)
def test_each_kind_says_where_from_and_why(headers: Headers, expected: dict[str, Any]) -> None:
    error = read(headers)
    assert {name: getattr(error, name) for name in expected} == expected


def test_numbers_may_be_text_as_others_write_springs_headers() -> None:
    texts = {"kafka_dlt-original-partition": b"1", "kafka_dlt-original-offset": b"1234"}
    assert read([(name, texts.get(name, value)) for name, value in SPRING]).position == Position("payments", 1, 1234)


def test_through_retry_topics_the_first_origin_and_the_last_error_count() -> None:
    later = [
        ("kafka_dlt-original-topic", b"payments-retry-0"),
        ("kafka_dlt-exception-message", b"still no customer"),
        ("retry_topic-attempts", struct.pack(">i", 4)),
    ]
    error = read([*SPRING, *later])
    assert (error.position, error.attempts) == (Position("payments", 1, 2**33), 4)
    assert error.detail.endswith("still no customer")


def test_retry_topics_may_leave_out_headers_and_count_in_one_byte() -> None:
    fewer = [
        (name, value) for name, value in RETRYABLE if "exception" not in name and name != "kafka_original-timestamp"
    ]
    group = ("kafka_dlt-original-consumer-group", b"invoice-service")
    error = read([*fewer, ("retry_topic-attempts", b"\x05"), group])
    assert (error.position, error.reason, error.consumer) == (
        Position("invoices", 1, 2**33),
        "spring_error",
        "invoice-service",
    )
    assert (error.attempts, error.timestamp, error.detail) == (5, 1_800_000_000_000, "")


@pytest.mark.parametrize(("headers", "prefix"), [(SPRING, "kafka_dlt-"), (RETRYABLE, "kafka_")])
def test_a_key_that_spring_could_not_read_is_the_detail(headers: Headers, prefix: str) -> None:
    value = [(name, value) for name, value in headers if "exception" not in name]
    key = [
        (f"{prefix}key-exception-fqcn", b"org.springframework.kafka.support.serializer.DeserializationException"),
        (f"{prefix}key-exception-message", b"failed to deserialize"),
    ]
    assert read([*value, *key]).detail == "key: DeserializationException: failed to deserialize"


def test_who_wrote_last_failed_last() -> None:
    assert read([*CONNECT, *SPRING]).reason == "spring_error"
    assert read([*SPRING, *CONNECT]).reason == "connect_error"
    # The dead letter of a retry topic's own dead-letter topic, whose consumer failed with the plain recoverer.
    assert str(read([*RETRYABLE, *SPRING]).position) == f"payments:1:{2**33}"
    assert str(read([*SPRING, *RETRYABLE]).position) == f"invoices:1:{2**33}"


MALFORMED: list[Headers | None] = [
    None,
    [],
    [("trace", b"x")],
    [("__connect.errors.stage", b"TASK_PUT")],
    [(name, b"" if name.endswith(".offset") else value) for name, value in CONNECT],
    [(name, None) for name, _ in SPRING],
    [(name, b"-1" if name.endswith("partition") else value) for name, value in STREAMS],
    [(name, struct.pack(">i", -1) if name.endswith("partition") else value) for name, value in SPRING],
    [(name, b"99999999999999999999" if name.endswith("offset") else value) for name, value in CONNECT],
    [(name, b"a topic/with\xff" if name.endswith(".topic") else value) for name, value in CONNECT],
]


@pytest.mark.parametrize("headers", MALFORMED)
def test_what_does_not_say_where_from_is_unknown(headers: Headers | None) -> None:
    error = read(headers)
    assert (error.position, error.reason) == (None, "unknown")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([name for name, _ in [*OURS, *STREAMS, *CONNECT, *SPRING, *RETRYABLE]])
            | st.text(max_size=5),
            st.none() | st.binary(max_size=20) | st.sampled_from([value for _, value in [*OURS, *SPRING, *RETRYABLE]]),
        ),
        max_size=12,
    )
)
def test_no_header_is_too_strange(headers: list[tuple[str, bytes | None]]) -> None:
    error = read(headers)
    assert 1 <= error.attempts <= 1_000_000
    assert (error.reason == "unknown") or error.position is not None
    if error.position:
        assert Position.parse(str(error.position)) == error.position


@pytest.mark.parametrize(
    ("value", "expected"), [(b"2", 2), (b"0", 1), (b"-3", 1), (b"", 1), (b"many", 1_000_000), (None, 1)]
)
def test_attempts_are_counted_from_what_a_retry_says(value: bytes | None, expected: int) -> None:
    assert attempt([("streamgauge.attempt", b"7"), ("streamgauge.attempt", value)]) == expected
    assert attempt([("x", b"1")]) == attempt(None) == 1


def test_a_retry_takes_off_what_dead_lettering_added() -> None:
    assert original([*OURS, *CONNECT, *SPRING, *RETRYABLE, ("kafka_key-exception-message", b"x"), ("null", None)]) == [
        ("trace", b"t"),
        ("null", None),
    ]


@pytest.mark.parametrize("text", ["", "orders", "orders:1", "orders:1:x", "orders:-1:2", "a/b:1:2", "orders:1:2:3"])
def test_ids_that_are_none(text: str) -> None:
    assert Position.parse(text) is None
