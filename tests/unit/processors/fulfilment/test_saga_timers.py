"""The index of deadlines: nothing too early, nothing forgotten, bounded work."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processors.fulfilment import timers


class Memory(dict[str, Any]):
    """A store as Quix gives one."""

    set = dict.__setitem__
    get_bytes = dict.get
    set_bytes = dict.__setitem__

    def delete(self, key: str) -> None:
        self.pop(key, None)


@given(
    st.lists(st.tuples(st.text(min_size=1), st.integers(0, 10_000), st.integers(0, 300)), max_size=30),
    st.integers(1, 5),
    st.integers(1, 7),
)
def test_each_order_is_due_once_after_its_time(
    filed: list[tuple[str, int, int]], most_orders: int, most_slots: int
) -> None:
    store, now, waiting, out = Memory(), 0, [], 0
    for order_id, wait, step in filed:
        now += step
        timers.schedule(store, order_id, now + wait, now)
        waiting.append((order_id, now + wait))
    for _ in range(500):
        now += 200
        handed = timers.due(store, now, most_orders, most_slots)
        assert len(handed) <= most_orders
        for order_id in handed:
            earliest = min(pair for pair in waiting if pair[0] == order_id)
            assert earliest[1] <= now
            waiting.remove(earliest)
            out += 1
    assert (waiting, out) == ([], len(filed))
    assert timers.behind_ms(store, now) == 0
    assert list(store) in ([], ["up_to"]), "it grows"


def test_a_long_list_takes_several_ticks_and_keeps_its_order() -> None:
    store = Memory()
    orders = [f"O-{number}" for number in range(1_200)]
    for order_id in orders:
        timers.schedule(store, order_id, 1_000, 0)
    assert timers.due(store, 999) == []
    ticks = [timers.due(store, 1_000 + tick) for tick in range(4)]
    assert [len(handed) for handed in ticks] == [500, 500, 200, 0]
    assert [order for handed in ticks for order in handed] == orders


def test_an_order_scheduled_behind_the_pointer_is_not_lost() -> None:
    store = Memory()
    timers.schedule(store, "first", 1_000, 0)
    assert timers.due(store, 60_000) == ["first"]
    timers.schedule(store, "second", 1_000, 0)  # a replica whose clock is behind
    assert timers.due(store, 60_250) == ["second"]
