"""What is read of a client's own certificate."""

from __future__ import annotations

from pathlib import Path

from streamgauge.runtime.connection import certificate
from tests.support.secure_kafka.certificates import Authority


def test_subject_and_end_are_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    good, late = authority.sign("shop"), authority.sign("late", days=-1)
    assert certificate.subject(good) == "CN=shop"
    assert certificate.expired(good) is None
    assert certificate.expired(late) is not None


def test_a_subject_that_rules_would_escape_is_not_told(tmp_path: Path) -> None:
    assert certificate.subject(Authority(tmp_path, "authority").sign("shop, the")) is None


def test_what_is_no_certificate_tells_nothing(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", Path(__file__)):
        assert certificate.subject(path) is None
        assert certificate.expired(path) is None
