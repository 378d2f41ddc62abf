"""Causes between event types, as a catalog declares them (`CAUSES`): they order the events of a story.

Only direct causes are declared: `{"payment.authorised": ("payment.requested",), …}`. An effect comes after the first
event of each type that is, directly or indirectly, a cause of it.
"""

from __future__ import annotations

from collections.abc import Mapping

Causes = Mapping[str, tuple[str, ...]]


def ancestors(causes: Causes) -> dict[str, frozenset[str]]:
    """All direct and indirect causes of each effect. Raises `ValueError` when something causes itself."""
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
    """Length of the longest chain of causes before each event type; 0 for one without a declared cause."""
    above = ancestors(causes)
    every = above.keys() | {cause for all_of in above.values() for cause in all_of}
    found: dict[str, int] = {}
    for event in sorted(every, key=lambda event: len(above.get(event, ()))):
        found[event] = max((found[cause] + 1 for cause in above.get(event, ())), default=0)
    return found
