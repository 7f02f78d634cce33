"""The dashboard and the rules that come with Reelbot ask for metrics it has, by labels they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.telemetry.metrics import Family, Metrics

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
ELSEWHERE = frozenset({"process_resident_memory_bytes", "process_cpu_seconds_total"})
"""Of the client library, and only on Linux."""
OF_PROMETHEUS = frozenset({"job", "instance", "le"})
_WORDS = re.compile(r"[a-zA-Z_:][\w:]*")
_SELECTOR = re.compile(r"\b((?:reelbot|process)_\w+)(?:\{([^}]*)\})?")


def samples() -> dict[str, Family]:
    """Every name a scrape of ours can have, and what it belongs to."""
    found: dict[str, Family] = {}
    for family in Metrics().families:
        endings = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        found |= {family.name + ending: family for ending in endings}
    return found


def dashboard() -> dict[str, Any]:
    return dict(json.loads(DASHBOARD.read_text(encoding="utf-8")))


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]
    yield from (rule["expr"] for rule in rules())


EXPRESSIONS = sorted(set(expressions()))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_asked_for_exists_with_these_labels(expression: str) -> None:
    """A name or a label that is misspelt would draw an empty panel, or an alert that never fires."""
    known = samples()
    asked = _SELECTOR.findall(expression)

    assert asked, "an expression without a metric"
    for name, matchers in asked:
        assert name in known or name in ELSEWHERE, name
        if name in known:
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert labels <= {*known[name].labels, *OF_PROMETHEUS}, f"{name} has no such label"


@pytest.mark.parametrize("expression", [each for each in EXPRESSIONS if " by (" in each])
def test_what_is_grouped_by_is_a_label(expression: str) -> None:
    """Of the metrics in the same expression."""
    known = samples()
    names = [name for name, _ in _SELECTOR.findall(expression) if name in known]
    labels = {label for name in names for label in known[name].labels} | OF_PROMETHEUS
    grouped = {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in _WORDS.findall(group)}

    assert grouped
    assert grouped <= labels


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_counters_are_rates_and_gauges_are_not(expression: str) -> None:
    """A counter by itself says how old a process is; the rate of a gauge says nothing at all."""
    known = samples()
    for name, _ in _SELECTOR.findall(expression):
        if name not in known or expression.startswith("label_values("):
            continue
        is_rate = re.search(rf"\b(?:rate|increase)\({name}\b", expression) is not None
        assert is_rate == (known[name].kind != "gauge"), name


def test_parentheses_are_balanced() -> None:
    for expression in EXPRESSIONS:
        for left, right in ("()", "{}", "[]"):
            assert expression.count(left) == expression.count(right), expression


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """No id of somebody's Grafana, no data source of somebody's, and a stable address."""
    found = dashboard()

    assert (found["id"], found["uid"]) == (None, "reelbot")
    sources = [target["datasource"]["uid"] for panel in found["panels"] for target in panel.get("targets", ())]
    assert set(sources) == {"${datasource}"}
    assert found["templating"]["list"][0]["type"] == "datasource"


def test_panels_have_names_of_their_own_and_do_not_overlap() -> None:
    """Laid out on Grafana's grid of 24 columns."""
    panels = dashboard()["panels"]
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not own & cells, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells |= own

    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "What people feel", "Money", "Providers", "Deliveries and chats", "Process and disk",
    ]  # fmt: skip


def test_every_metric_of_ours_is_drawn_or_alerted_on() -> None:
    """What nobody looks at should not be counted."""
    used = {name for expression in EXPRESSIONS for name, _ in _SELECTOR.findall(expression)}
    known = samples()

    assert {known[name].name for name in used if name in known} == {family.name for family in known.values()}


def test_every_rule_says_what_it_means_and_how_grave_it_is() -> None:
    """In one sentence each, under a name of its own."""
    found = rules()

    assert len({rule["alert"] for rule in found}) == len(found) >= 5
    for rule in found:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert all(rule["annotations"][part].endswith((".", '"')) for part in ("summary", "description")), rule["alert"]


def test_every_metric_is_in_the_reference_and_nothing_else_is() -> None:
    """With its labels."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(reelbot_\w+)` \| \w+ \| ([^|]*) \|", page, re.MULTILINE))

    assert {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in documented.items()} == {
        family.name: family.labels for family in Metrics().families
    }
