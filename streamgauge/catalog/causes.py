"""Which event types cause which, as a catalog says it (`CAUSES`): what a story is told in the order of.

It names direct causes only: `{"payment.authorised": ("payment.requested",), …}`. An effect comes after the first event
of each type that is, directly or not, a cause of it.
"""

from __future__ import annotations

from collections.abc import Mapping

Causes = Mapping[str, tuple[str, ...]]


def ancestors(causes: Causes) -> dict[str, frozenset[str]]:
    """Every direct and indirect cause of each effect. Raises `ValueError` where something causes itself."""
    found: dict[str, frozenset[str]] = {}

    def of(effect: str, below: tuple[str, ...]) -> frozenset[str]:
        if effect in below:
            raise ValueError(f"`{effect}` causes itself: {' → '.join((*below[below.index(effect) :][::-1], effect))}")
        if effect not in found:
            direct = causes.get(effect, ())
            found[effect] = frozenset(direct).union(*(of(cause, (*below, effect)) for cause in direct))
        return found[effect]

    return {effect: of(effect, ()) for effect in causes}


def depths(causes: Causes) -> dict[str, int]:
    """How many causes lie one behind the other before each event type; 0 for what nothing named here causes."""
    above = ancestors(causes)
    every = above.keys() | {cause for all_of in above.values() for cause in all_of}
    found: dict[str, int] = {}
    for event in sorted(every, key=lambda event: len(above.get(event, ()))):
        found[event] = max((found[cause] + 1 for cause in above.get(event, ())), default=0)
    return found
