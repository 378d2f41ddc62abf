"""The table in docs/reliability.md, made from the results."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from streamgauge.runtime import files
from tests.proof.injection import INJECTIONS, Injection
from tests.proof.results import ROOT, Result

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- begin faults -->\n", "<!-- end faults -->\n"
HEAD = ("Fault", "Injected", "Lost", "Repeated", "Leaked", "Back after", "Notes")


def table(results: Mapping[str, Result]) -> str:
    """A row for every injection, in the order of the run; those never run say so. Below it, where it was measured."""
    rows = [HEAD, tuple("---" for _ in HEAD), *(row(one, results.get(one.name)) for one in INJECTIONS.values())]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows]
    return "\n".join([*lines, "", measured(results)])


def row(injection: Injection, result: Result | None) -> tuple[str, ...]:
    """The cells of an injection."""
    name = f"{'; '.join(filter(None, (injection.fault, injection.holds)))} (`{injection.name}`)"
    if result is None:
        return name, "not run", "", "", "", "", injection.exception
    wrong = [f"**{sentence}**" for sentence in result.wrong]
    notes = ". ".join(text.rstrip(".") for text in (*wrong, injection.exception, *result.notes) if text)
    counts = (str(count) if count == 0 else f"**{count:,}**" for count in (result.lost, result.repeated, result.leaked))
    return name, f"{result.times:,} ×", *counts, back(result.back_s), notes


def back(seconds: list[float]) -> str:
    """The median and the longest time to recover."""
    if not seconds:
        return ""
    middle, longest = statistics.median(seconds), max(seconds)
    return f"{middle:.1f} s" if len(seconds) == 1 else f"{middle:.1f} s, at most {longest:.1f} s"


def measured(results: Mapping[str, Result]) -> str:
    """Where, when and on what the rows were measured: a line for each machine."""
    groups: dict[str, list[Result]] = {}
    for result in results.values():
        if result.name in INJECTIONS:
            groups.setdefault(result.machine, []).append(result)
    return "\n".join(f"- {_measured(machine, found)}" for machine, found in groups.items())


def _measured(machine: str, results: Sequence[Result]) -> str:
    days = sorted({result.date[:10] for result in results})
    commits = list(dict.fromkeys(result.version for result in sorted(results, key=lambda one: one.date)))
    loads = [result.load for result in results]
    took = sum(result.seconds for result in results) / 60
    # More than one process for each core waited already when an injection began.
    busy = max(loads) > 2 * int(machine.split()[0])
    return "; ".join(
        [
            machine,
            " to ".join(dict.fromkeys((days[0], days[-1]))),
            f"commit{'s' * (len(commits) > 1)} {', '.join(commits)}",
            f"{took:.0f} min in all",
            f"load average at the start of each {min(loads):.1f} to {max(loads):.1f}"
            + (": other work kept the machine busy, and times to come back are longer than on a quiet one" * busy),
        ]
    )


def write(results: Mapping[str, Result]) -> None:
    """Put the table between its markers in the page."""
    files.write_atomically(PAGE, filled(PAGE.read_text(encoding="utf-8"), results))


def filled(text: str, results: Mapping[str, Result]) -> str:
    """The page's text with the table between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(results)}\n{END}{after}"
