"""Injections of `make proof` that guard what no other test does, each in a minute or two on a quiet machine."""

from __future__ import annotations

import pytest

from tests.proof import plan
from tests.proof.injection import INJECTIONS
from tests.proof.run import run_one
from tests.support.requirements import require_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
GUARDED = ("stop-broker", "stop-analytics", "torn-log", "dlq-gone", "wrong-tokens", "planted-secrets")
plan.load()


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", GUARDED)
def test_nothing_is_lost_repeated_or_leaked(name: str) -> None:
    require_kafka()
    result = run_one(INJECTIONS[name], "")
    assert result.holds, result
