"""Dashboards, alert rules, recording rules, from the Python in this folder. `make grafana` writes them.

python -m grafana.generate           write those that changed, remove those that are gone
python -m grafana.generate --check   exit 1 and name those that are not current
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from grafana import names, prometheus_rules, provisioning, runbooks
from grafana.alerts import ALERTS
from grafana.board import Board
from grafana.commerce import COMMERCE
from grafana.consumer_lag import CONSUMER_LAG
from grafana.failures import FAILURES
from grafana.internals import INTERNALS
from grafana.overview import OVERVIEW
from grafana.recording import RECORDINGS, recorded

ROOT = Path(__file__).parents[1]
BOARDS = (OVERVIEW, CONSUMER_LAG, FAILURES, COMMERCE, INTERNALS)
# Everything in these folders is generated; a file there that nothing makes any more is removed.
FOLDERS = ("grafana/generated/dashboards", "grafana/generated/alerts", "deploy/prometheus/rules")


def expressions() -> Iterator[tuple[str, str]]:
    """Every PromQL expression there is, and where it stands."""
    for board in BOARDS:
        for spec in board.specs():
            yield from ((f"{board.title}, {spec.title}", query.expr) for query in spec.queries)
        yield from ((f"{board.title}, ${v.name}", f"{v.metric}{{{v.label}!=''}}") for v in board.variables)
    yield from ((f"alert {alert.name}", alert.expr) for alert in ALERTS)
    yield from ((f"rule {rule.name}", rule.expr) for rule in RECORDINGS)


def files() -> dict[str, str]:
    """Text of each file, by path. Raises `ValueError` naming every metric and label that nobody serves."""
    known = recorded()
    wrong = [f"{where}: {what}" for where, expr in expressions() for what in names.check(expr, known)]
    if wrong:
        raise ValueError("\n".join(wrong))
    shown: dict[str, Board] = {board.uid: board for board in (*BOARDS, runbooks.board())}
    addresses = runbooks.addresses()
    made = {
        f"grafana/generated/dashboards/{uid}.json": json.dumps(board.render(addresses), indent=1, ensure_ascii=False)
        + "\n"
        for uid, board in shown.items()
    }
    made["grafana/generated/alerts/streamgauge.yaml"] = provisioning.rules(ALERTS, shown, addresses)
    made["deploy/prometheus/rules/streamgauge-recording.yml"] = prometheus_rules.recording_rules()
    made["deploy/prometheus/rules/streamgauge-alerts.yml"] = prometheus_rules.alerting_rules(ALERTS, shown, addresses)
    return made


def main() -> int:
    """Write or check; returns the exit code."""
    check = "--check" in sys.argv
    try:
        wanted = files()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    there = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).glob("*") if path.is_file()}
    stale = [name for name, text in wanted.items() if name not in there or (ROOT / name).read_text("utf-8") != text]
    gone = sorted(there - set(wanted))
    if not check:
        for name in stale:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(wanted[name], encoding="utf-8")
        for name in gone:
            (ROOT / name).unlink()
    for name in stale:
        sys.stdout.write(f"{name} {'is not current: run `make grafana`' if check else 'written'}\n")
    for name in gone:
        sys.stdout.write(f"{name} {'is made by nothing: run `make grafana`' if check else 'removed'}\n")
    return 1 if check and (stale or gone) else 0


if __name__ == "__main__":
    sys.exit(main())
