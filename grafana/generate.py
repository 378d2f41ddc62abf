"""Generates dashboards, alert rules and recording rules from the Python in this folder (`make grafana`).

python -m grafana.generate           write changed files, remove obsolete ones
python -m grafana.generate --check   exit 1 and name files that are not current
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
# Everything in these folders is generated; obsolete files are removed.
FOLDERS = ("grafana/generated/dashboards", "grafana/generated/alerts", "deploy/prometheus/rules")


def expressions() -> Iterator[tuple[str, str]]:
    """All PromQL expressions, each with its location."""
    for board in BOARDS:
        for spec in board.specs():
            yield from ((f"{board.title}, {spec.title}", query.expr) for query in spec.queries)
        yield from ((f"{board.title}, ${v.name}", f"{v.metric}{{{v.label}!=''}}") for v in board.variables)
    yield from ((f"alert {alert.name}", alert.expr) for alert in ALERTS)
    yield from ((f"rule {rule.name}", rule.expr) for rule in RECORDINGS)


def files() -> dict[str, str]:
    """Content of each file by path. Raises `ValueError` naming all unknown metrics and labels."""
    known = recorded()
    wrong = [f"{where}: {what}" for where, expr in expressions() for what in names.check(expr, known)]
    if wrong:
        raise ValueError("\n".join(wrong))
    shown: dict[str, Board] = {board.uid: board for board in (*BOARDS, runbooks.board())}
    addresses = runbooks.addresses()
    rendered = {
        f"grafana/generated/dashboards/{uid}.json": json.dumps(board.render(addresses), indent=1, ensure_ascii=False)
        + "\n"
        for uid, board in shown.items()
    }
    rendered["grafana/generated/alerts/streamgauge.yaml"] = provisioning.rules(ALERTS, shown, addresses)
    rendered["deploy/prometheus/rules/streamgauge-recording.yml"] = prometheus_rules.recording_rules()
    rendered["deploy/prometheus/rules/streamgauge-alerts.yml"] = prometheus_rules.alerting_rules(
        ALERTS, shown, addresses
    )
    return rendered


def main() -> int:
    """Write or check; returns the exit code."""
    check = "--check" in sys.argv
    try:
        generated = files()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    existing = {
        str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).glob("*") if path.is_file()
    }
    stale = [
        name for name, text in generated.items() if name not in existing or (ROOT / name).read_text("utf-8") != text
    ]
    obsolete = sorted(existing - set(generated))
    if not check:
        for name in stale:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(generated[name], encoding="utf-8")
        for name in obsolete:
            (ROOT / name).unlink()
    for name in stale:
        sys.stdout.write(f"{name} {'is not current: run `make grafana`' if check else 'written'}\n")
    for name in obsolete:
        sys.stdout.write(f"{name} {'is obsolete: run `make grafana`' if check else 'removed'}\n")
    return 1 if check and (stale or obsolete) else 0


if __name__ == "__main__":
    sys.exit(main())
