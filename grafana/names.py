"""Checks the metric and label names in PromQL, so that a typo fails `make grafana`.

`check` knows the metric catalogue, the KPI counters, the metrics of prometheus_client and Prometheus, and the recording
rules, each with its labels. It reads PromQL as a sequence of words; promtool checks the syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from grafana import places
from streamgauge.catalog import loader
from streamgauge.runtime.metrics import CATALOGUE

# Labels that a scrape adds to every sample (deploy/prometheus).
TARGET = frozenset({"job", "instance", "process"})
# Keywords of PromQL.
_KEYWORDS = frozenset(["and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right"])
_KEYWORDS |= frozenset(["offset", "bool", "inf", "nan", "start", "end", "atan2"])
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_MATCHER = re.compile(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)")
_LABEL_FUNCTION = re.compile(r"label_(?:replace|join)\(")

CLIENT: Mapping[str, tuple[str, ...]] = {
    "process_virtual_memory_bytes": (),
    "process_resident_memory_bytes": (),
    "process_start_time_seconds": (),
    "process_cpu_seconds_total": (),
    "process_open_fds": (),
    "process_max_fds": (),
    "python_gc_objects_collected_total": ("generation",),
    "python_gc_objects_uncollectable_total": ("generation",),
    "python_gc_collections_total": ("generation",),
    "python_info": ("implementation", "major", "minor", "patchlevel", "version"),
}
PROMETHEUS: Mapping[str, tuple[str, ...]] = {
    "up": (),
    "scrape_duration_seconds": (),
    "scrape_samples_scraped": (),
    "ALERTS": ("alertname", "alertstate", "severity", "consumergroup", "topic", "stream", "reason", "name"),
}


@cache
def served() -> dict[str, frozenset[str]]:
    """Every exported name with its labels, without recording rules."""
    found: dict[str, tuple[str, ...]] = {**CLIENT, **PROMETHEUS}
    for metric in (*CATALOGUE, *loader.load(places.CATALOG).metrics):
        if metric.kind == "histogram":
            found |= {
                f"{metric.name}_bucket": (*metric.labels, "le"),
                f"{metric.name}_sum": metric.labels,
                f"{metric.name}_count": metric.labels,
            }
        else:
            found[metric.name] = metric.labels
    return {name: frozenset(labels) | TARGET for name, labels in found.items()}


def check(expression: str, recorded: Mapping[str, Iterable[str]]) -> list[str]:
    """Problems with the names of a PromQL expression, one line each.

    `recorded` has the recording rules' names and labels.
    """
    known = served() | {name: frozenset(labels) for name, labels in recorded.items()}
    created = set(re.findall(r'"([^"]*)"', expression)) if _LABEL_FUNCTION.search(expression) else set()
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    text = re.sub(r"\[[^\]]*\]|\boffset\s+-?\$?\w+", " ", text)
    groupings = [label.strip() for found in _GROUPING.findall(text) for label in found.split(",") if label.strip()]
    text = _GROUPING.sub(" ", text)
    problems, carried = [], set[str]()
    bare = _MATCHERS.sub(" ", text)
    for name in _NAME.findall(bare):
        if name.lower() in _KEYWORDS:
            continue
        if name in known:
            carried |= known[name]
        else:
            problems.append(f"`{name}` is not a metric of any process")
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\s*(\{[^{}]*\})", text):
        unknown = set(_MATCHER.findall(matchers)) - known.get(name, frozenset())
        problems += [f"`{name}` has no label `{label}`" for label in sorted(unknown) if name in known]
    missing = [label for label in groupings if label not in carried | created]
    return problems + [f"nothing in it has the label `{label}`" for label in dict.fromkeys(missing)]
