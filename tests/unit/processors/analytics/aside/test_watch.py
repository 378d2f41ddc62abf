"""An operator's decision closes a breaker once, and only for events that are not committed yet."""

from __future__ import annotations

import threading

import pytest

from processors.analytics.aside import watch
from processors.analytics.aside.circuit_breaker import CircuitBreaker
from processors.analytics.aside.streams import Obstacle
from processors.analytics.aside.watch import StreamWatch
from streamgauge.catalog import loader
from streamgauge.dead_letters.outputs import Outputs
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings


@pytest.mark.parametrize(("until", "closed"), [({0: 499, 1: 50}, False), ({0: 500, 1: 50}, False), ({0: 501}, True)])
def test_decisions_about_what_is_committed_are_over(
    monkeypatch: pytest.MonkeyPatch, until: dict[int, int], closed: bool
) -> None:
    class Decided:
        """What operators decided: all of it, as after a restart."""

        def __init__(self, *_arguments: object) -> None: ...

        def by_operator(self) -> dict[str, dict[int, int]]:
            """One decision, in the record of a while ago."""
            return {"orders": until}

    monkeypatch.setattr(watch, "BreakerClosing", Decided)
    settings = Settings()
    process = Process("t", settings, threading.Event())
    outputs, breaker = Outputs(settings, object()), CircuitBreaker(0.9, 100)
    made = StreamWatch(process, loader.load(settings.catalog), outputs, breaker, lambda _stream: pytest.fail("no"))
    monkeypatch.setattr(made, "_check_inputs", lambda: None)
    made.set_aside([Obstacle("orders", "bad_events", "all bad")], {("orders", 0): 500, ("orders", 1): 50}, {})
    assert made.changed()
    made.check()
    assert ("orders" not in made.aside, made.changed()) == (closed, closed)
