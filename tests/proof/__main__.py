"""Run the injections one after the other, store what each found, and write the table of docs/reliability.md.

    python -m tests.proof [--only NAME]… [--again] [--list]

Those that have a result for the code as it is are skipped, so that an interrupted run resumes; `--again` runs them too.
Exit code 1 where anything was lost, repeated, leaked or otherwise wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.proof import page, plan, results
from tests.proof.injection import INJECTIONS, Injection
from tests.proof.results import Result
from tests.proof.run import run_one
from tests.support.requirements import require_kafka


def main() -> int:
    """Parse the options, run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make proof", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this injection; may be repeated")
    parser.add_argument("--again", action="store_true", help="also those that have a result for the code as it is")
    parser.add_argument("--list", action="store_true", help="list the injections and run none")
    parser.add_argument("--minutes", type=float, default=120.0, help="how long the soak lasts")
    options = parser.parse_args()
    os.environ["PROOF_SOAK_MINUTES"] = str(options.minutes)
    plan.load()
    if unknown := set(options.only or ()) - INJECTIONS.keys():
        parser.error(f"no injection {min(unknown)}; --list shows them")
    chosen = [one for one in INJECTIONS.values() if (one.name in options.only if options.only else not one.by_itself)]
    if options.list:
        for one in chosen:
            print(f"{one.name:24s} at most {one.limit_s:4.0f} s  {one.fault}")
        return 0
    require_kafka()
    return run(chosen, options.again)


def run(chosen: list[Injection], again: bool) -> int:
    """Run the chosen ones; the table is written after each. Returns the exit code."""
    version, known, began, failed = results.version(), results.load(), time.monotonic(), []
    for number, one in enumerate(chosen, 1):
        head = f"[{number}/{len(chosen)}, {(time.monotonic() - began) / 60:.0f} min] {one.name}: {one.fault}"
        result = known.get(one.name)
        if result is not None and result.version == version and not again:
            print(f"{head}: done before", flush=True)
        else:
            print(head, flush=True)
            result = run_one(one, version)
            results.store(result)
            page.write(results.load())
        if not result.holds:
            failed.append(one.name)
        print(f"  {summary(result)}", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} hold" + (f"; not: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def summary(result: Result) -> str:
    """A result on one line."""
    counts = f"{result.times} injected, {result.lost} lost, {result.repeated} repeated, {result.leaked} leaked"
    back = f", back after {page.back(result.back_s)}" if result.back_s else ""
    return "; ".join([f"{counts}{back}, {result.seconds:.0f} s", *(f"WRONG: {text}" for text in result.wrong)])


if __name__ == "__main__":
    sys.exit(main())
