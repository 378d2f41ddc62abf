"""Decisions: equal for equal ids, at the configured rates, and independent of each other."""

from __future__ import annotations

from collections import Counter

import pytest

from generators.orders import DECLINED
from generators.services import decisions
from generators.services.decisions import Behaviour
from streamgauge.runtime.errors import UsageError

IDS = [f"P-O-run-{number:06d}" for number in range(20_000)]


def share(hits: int) -> float:
    return hits / len(IDS)


def test_decisions_depend_on_the_seed_and_not_on_the_order() -> None:
    ones = [decisions.payment_declined(Behaviour(seed=5), one, "card") for one in IDS[:500]]
    others = [decisions.payment_declined(Behaviour(seed=5), one, "card") for one in reversed(IDS[:500])]
    assert ones == others[::-1]
    assert ones != [decisions.payment_declined(Behaviour(seed=6), one, "card") for one in IDS[:500]]


@pytest.mark.parametrize("method", DECLINED)
def test_each_method_has_its_rate(method: str) -> None:
    declined = sum(decisions.payment_declined(Behaviour(), one, method) is not None for one in IDS)
    assert share(declined) == pytest.approx(DECLINED[method], abs=0.006)


@pytest.mark.parametrize(("decline", "expected"), [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_decline_is_the_share_of_all(decline: float, expected: float) -> None:
    declined = sum(decisions.payment_declined(Behaviour(decline=decline), one, "wallet") is not None for one in IDS)
    assert share(declined) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("fail", [0.0, 0.2, 1.0])
def test_half_of_the_failures_are_lost_before_dispatch(fail: float) -> None:
    behaviour = Behaviour(fail=fail)
    lost = [decisions.lost_before_dispatch(behaviour, one) for one in IDS]
    late = [decisions.not_delivered(behaviour, one, never_receives=False) is not None for one in IDS]
    assert share(sum(lost)) == pytest.approx(fail / 2, abs=0.01)
    assert share(sum(late)) == pytest.approx(fail / 2, abs=0.01)


def test_refund_abusers_rarely_receive_a_parcel() -> None:
    failed = sum(decisions.not_delivered(Behaviour(fail=0), one, never_receives=True) is not None for one in IDS)
    assert share(failed) == pytest.approx(decisions.NEVER_RECEIVES, abs=0.01)


@pytest.mark.parametrize("name", ["lose", "duplicate", "reorder"])
def test_faults_have_their_configured_share(name: str) -> None:
    behaviour = Behaviour(**{name: 0.1})  # type: ignore[arg-type]
    hit = {"lose": behaviour.loses, "duplicate": behaviour.repeats, "reorder": lambda one: behaviour.late_ms(one) > 0}
    assert share(sum(map(hit[name], IDS))) == pytest.approx(0.1, abs=0.01)
    assert not any(map(hit[next(other for other in hit if other != name)], IDS))


def test_latency_has_its_median_and_a_tail() -> None:
    waits = sorted(Behaviour(latency_ms=100).delay_ms("payment", one) for one in IDS)
    assert 90 <= waits[len(waits) // 2] <= 110
    assert waits[0] >= 50
    assert share(sum(wait == 500 for wait in waits)) == pytest.approx(decisions.SLOW_SHARE, abs=0.005)


def test_orders_spread_over_locations_by_the_weight_of_their_regions() -> None:
    places = Counter(decisions.location_of(Behaviour(), one) for one in IDS)
    assert share(places["newark"]) == pytest.approx(0.24, abs=0.01)
    assert share(places["berlin"]) == pytest.approx(0.17, abs=0.01)
    assert len(places) == 6


@pytest.mark.parametrize("name", ["decline", "fail", "duplicate", "reorder", "lose", "latency_ms"])
@pytest.mark.parametrize("value", [-0.1, 1e9, float("nan")])
def test_a_wrong_option_is_named(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} is"):
        Behaviour(**{name: value}).check()  # type: ignore[arg-type]
