"""Every PromQL name is one that somebody serves: a typo fails `make grafana`, not the night's first alert.

`check` knows the metric catalogue, the KPI counters, what prometheus_client and Prometheus add, and the recording
rules; for each the labels it carries. It reads PromQL as a sequence of words and is no parser: promtool is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from grafana import places
from streamgauge.catalog import loader
from streamgauge.runtime.metrics import CATALOGUE

# What a scrape adds to every sample (deploy/prometheus).
TARGET = frozenset({"job", "instance", "process"})
# What a rule or a range query leaves out is not checked: these are words of the language.
_WORDS = frozenset({"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS_TOO = frozenset({"offset", "bool", "inf", "nan", "start", "end", "atan2"})
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_MATCHER = re.compile(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)")
_MADE = re.compile(r"label_(?:replace|join)\(")

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
    """Every name that can be asked for, with its labels; recording rules are not among them."""
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
    """What is wrong with the names of a PromQL expression: one line each, none when all is well.

    `recorded` has the recording rules' names and labels.
    """
    known = served() | {name: frozenset(labels) for name, labels in recorded.items()}
    made = set(re.findall(r'"([^"]*)"', expression)) if _MADE.search(expression) else set()
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    text = re.sub(r"\[[^\]]*\]|\boffset\s+-?\$?\w+", " ", text)
    groupings = [label.strip() for found in _GROUPING.findall(text) for label in found.split(",") if label.strip()]
    text = _GROUPING.sub(" ", text)
    problems, carried = [], set[str]()
    bare = _MATCHERS.sub(" ", text)
    for name in _NAME.findall(bare):
        if name.lower() in _WORDS | _WORDS_TOO:
            continue
        if name in known:
            carried |= known[name]
        else:
            problems.append(f"`{name}` is no metric that anybody serves")
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\s*(\{[^{}]*\})", text):
        unknown = set(_MATCHER.findall(matchers)) - known.get(name, frozenset())
        problems += [f"`{name}` has no label `{label}`" for label in sorted(unknown) if name in known]
    missing = [label for label in groupings if label not in carried | made]
    return problems + [f"nothing in it has the label `{label}`" for label in dict.fromkeys(missing)]
