"""The parts of docs/fulfilment.md that are generated from the saga's table: the diagram and the transitions."""

from __future__ import annotations

from collections.abc import Iterable

from processors.fulfilment.saga import Limits
from streamgauge.domain.saga import BACK, ENDED, FORWARD, TIMEOUT, TRANSITIONS, State, Transition

# Which of Settings gives a step's limit.
LIMITS = {
    State.RESERVING_STOCK: "SAGA_STOCK_TIMEOUT_MS",
    State.REQUESTING_PAYMENT: "SAGA_PAYMENT_TIMEOUT_MS",
    State.REQUESTING_SHIPMENT: "SAGA_SHIPMENT_TIMEOUT_MS",
    State.SHIPPING: "SAGA_DELIVERY_TIMEOUT_MS",
    State.CANCELLING_SHIPMENT: "SAGA_SHIPMENT_TIMEOUT_MS",
    State.REFUNDING_PAYMENT: "SAGA_PAYMENT_TIMEOUT_MS",
    State.RELEASING_STOCK: "SAGA_STOCK_TIMEOUT_MS",
}


def diagram() -> str:
    """A Mermaid state diagram; what leads to the same place is one arrow."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for rule in TRANSITIONS:
        for target in rule.leads_to:
            if target is not rule.state:
                arrows.setdefault((rule.state, target), []).append(rule.on)
    lines = ["stateDiagram-v2", f"    [*] --> {State.RESERVING_STOCK}: order.placed"]
    lines += [f"    {source} --> {target}: {', '.join(on)}" for (source, target), on in arrows.items()]
    lines += [f"    {state} --> [*]" for state in ENDED]
    return "\n".join(["```mermaid", *lines, "```"])


def transitions() -> list[tuple[str, str, str, str]]:
    """State, event, what is done, where it may lead."""
    first = ("(none)", "`order.placed`", "begins; an order without items is cancelled at once", _codes(_begin()))
    return [first, *((f"`{rule.state}`", _on(rule), rule.description, _codes(rule.leads_to)) for rule in TRANSITIONS)]


def limits() -> list[tuple[str, str, str, str]]:
    """State, setting, the waits of its attempts with the defaults, what follows the last one."""
    known, rows = Limits(), []
    for state in (*FORWARD, *BACK):
        waits = [known.wait_ms(state, attempt) / 1_000 for attempt in range(1, known.max_attempts(state) + 1)]
        said = ", ".join(f"{wait:g}" for wait in waits[:4]) + (f", … ({len(waits)} attempts)" if waits[4:] else "")
        rows.append((f"`{state}`", f"`STREAMGAUGE_{LIMITS[state]}`", f"{said} s", _after(state)))
    return rows


def _after(state: State) -> str:
    rule = next(rule for rule in TRANSITIONS if (rule.state, rule.on) == (state, TIMEOUT))
    return _codes(target for target in rule.leads_to if target is not state)


def _begin() -> tuple[State, ...]:
    return State.RESERVING_STOCK, State.COMPENSATED


def _on(rule: Transition) -> str:
    return rule.on if rule.on == TIMEOUT else f"`{rule.on}`"


def _codes(states: Iterable[State]) -> str:
    return ", ".join(f"`{state}`" for state in states)
