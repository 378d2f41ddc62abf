"""Description of a retry's plan: the causes with their prechecks, what is left out and why; in lines, or for JSON."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from streamgauge.cli.dead_letters.plan import Options, Plan
from streamgauge.cli.dead_letters.precheck import Precheck
from streamgauge.dead_letters.retry import canary
from streamgauge.runtime.settings import Settings

EXAMPLES, VERDICTS, LEFT_OUT = 3, 20, 1_000


@dataclass
class Cause:
    """Letters of one cause that would be sent, and their precheck verdicts (`Precheck.verdict`)."""

    fingerprint: str
    stream: str
    reason: str
    letters: int = 0
    verdicts: Counter[str | None] = field(default_factory=Counter)


def causes_of(settings: Settings, plan: Plan) -> list[Cause]:
    """The plan's letters by cause, the most frequent cause first."""
    precheck = Precheck(settings, int(time.time() * 1_000))
    causes: dict[tuple[str, str, str], Cause] = {}
    for item in plan.ready:
        name = item.letter.fingerprint, item.letter.stream, item.letter.reason
        cause = causes.setdefault(name, Cause(*name))
        cause.letters += 1
        cause.verdicts[precheck.verdict(item)] += 1
    return sorted(causes.values(), key=lambda cause: -cause.letters)


def summary(settings: Settings, plan: Plan, options: Options) -> dict[str, Any]:
    """The plan for JSON; verdicts as `Precheck.verdict` returns them."""
    targets = Counter((item.letter.position.topic, item.letter.position.partition) for item in plan.ready)
    return {
        "ready": len(plan.ready),
        "causes": [
            {
                "fingerprint": cause.fingerprint,
                "stream": cause.stream,
                "reason": cause.reason,
                "letters": cause.letters,
                "verdicts": [
                    {"says": verdict, "letters": number} for verdict, number in cause.verdicts.most_common(VERDICTS)
                ],
            }
            for cause in causes_of(settings, plan)[:VERDICTS]
        ],
        "to": [
            {"topic": topic, "partition": number, "letters": letters} for (topic, number), letters in targets.items()
        ],
        "edits": [{"letter": item.letter.id, "edit": item.edit} for item in plan.ready[:EXAMPLES] if item.edit],
        "left_out": {
            "retried": len(plan.retried),
            "gone": len(plan.expired),
            "homeless": len(plan.no_origin),
            "refused": len(plan.refused),
        },
        "refusals": [{"letter": letter.id, "why": why} for letter, why in plan.left_out[:LEFT_OUT]],
        "blocked": plan.blocked,
        "rungs": [len(rung) for rung in canary.rungs(plan.ready)],
        "rate": options.rate,
    }


def describe(settings: Settings, plan: Plan, options: Options) -> Iterable[str]:
    """The plan for people, line by line."""
    for cause in causes_of(settings, plan):
        yield f"{cause.letters:>7,} x {cause.fingerprint} {cause.stream} {cause.reason}"
        for verdict, count in cause.verdicts.most_common(EXAMPLES):
            if verdict is not None:
                text = f"would fail again: {verdict}" if verdict else "would pass now"
                yield f"{count:>9,} {text}"
    for item in plan.ready[:EXAMPLES]:
        if item.edit is not None:
            yield f"edited {item.letter.id}: {item.edit}"
    by_reason = defaultdict[str, list[str]](list)
    for letter, why in plan.left_out:
        by_reason[why.removeprefix(f"{letter.id} ")].append(letter.id)
    for why, letters in by_reason.items():
        more = f", and {len(letters) - EXAMPLES:,} more" if len(letters) > EXAMPLES else ""
        yield f"{len(letters):,} left out: {why} ({', '.join(letters[:EXAMPLES])}{more})"
    rungs = canary.rungs(plan.ready)
    steps = ", ".join(f"{len(rung):,}" for rung in rungs[:6]) + (", …" if len(rungs) > 6 else "")
    yield f"{len(plan.ready):,} to send" + (
        f", at most {options.rate:g} a second, in rungs of {steps}" if rungs else ""
    )
    if plan.blocked and rungs:
        yield f"a run would refuse all of them: {plan.blocked}"
