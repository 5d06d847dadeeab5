"""What Prometheus and Grafana are told to ask is what the service says."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import pytest
import yaml
from prometheus_client.registry import CollectorRegistry

from api.problems import Code
from api.telemetry import Telemetry

API = Path(__file__).parents[2] / "api"
PROMETHEUS = API / "image" / "prometheus"
DASHBOARD = json.loads((API / "image" / "grafana" / "dashboards" / "triage.json").read_text())
RULES = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

TARGET = {"job", "instance"}  # which Prometheus adds

_VARIABLES = {"$__rate_interval": "1m", "$quantile": "0.5", "$head": "intent"}
_LABEL_VALUES = re.compile(r"label_values\((\w+), (\w+)\)")
_IN_TEXT = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")


class Asked(NamedTuple):
    """An expression, and the text that is shown with what it gives."""

    expression: str
    text: str


def asked() -> Iterator[Any]:
    for panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in _VARIABLES.items():
                expression = expression.replace(name, value)
            yield pytest.param(Asked(expression, target["legendFormat"]), id=f"{panel['title']}-{target['refId']}")
    for group in RULES:
        for rule in group["rules"]:
            yield pytest.param(Asked(rule["expr"], rule["annotations"]["summary"]), id=rule["alert"])


def said() -> dict[str, set[str]]:
    """Every sample that the service can give, with its labels."""
    registry: CollectorRegistry = Telemetry()._registry
    samples = {"up": set[str]()}
    for family in registry.collect():
        collector = registry._names_to_collectors.get(family.name)
        labels = set(getattr(collector, "_labelnames", ()))  # a metric without samples tells them nowhere else
        match family.type:
            case "counter":
                samples[f"{family.name}_total"] = labels
            case "histogram":
                samples |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
                samples[f"{family.name}_bucket"] = {*labels, "le"}
            case _:
                samples[family.name] = labels
    return samples


SAID = said()


def selectors(expression: promql_parser.Expr) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(expression, visit)
    return found


def groupings(expression: promql_parser.Expr) -> list[tuple[set[str], set[str]]]:
    """Of each aggregation the labels that it keeps and those that there are."""
    found: list[tuple[set[str], set[str]]] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            there = [SAID[selector.name or ""] | TARGET for selector in selectors(node.expr)]
            found.append((set(node.modifier.labels), set.intersection(*there)))

    promql_parser.walk(expression, visit)
    return found


@pytest.mark.parametrize("question", list(asked()))
def test_every_metric_and_label_that_is_asked_for_is_said(question: Asked) -> None:
    expression = promql_parser.parse(question.expression)
    sources = "".join(path.read_text() for path in API.rglob("*.py"))
    for selector in selectors(expression):
        assert selector.name in SAID
        for matcher in selector.matchers.matchers:
            assert matcher.name in SAID[selector.name] | TARGET
            if matcher.name == "code":
                assert matcher.value in set(Code)
            elif matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual):
                assert f'"{matcher.value}"' in sources or matcher.name in {"job", "head"}
    kept = [kept for kept, there in groupings(expression) if kept <= there]
    assert len(kept) == len(groupings(expression))
    there = set.union(TARGET, *kept, *(SAID[selector.name or ""] for selector in selectors(expression)))
    assert set(_IN_TEXT.findall(question.text)) <= there


def test_the_variables_of_the_dashboard_are_those_of_its_panels() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert {f"${name}" for name in variables} == _VARIABLES.keys() - {"$__rate_interval"}
    used = set(re.findall(r"\$(\w+)", json.dumps(PANELS)))
    assert used == {*variables, "__rate_interval"}
    for metric, label in _LABEL_VALUES.findall(json.dumps(list(variables.values()))):
        assert label in SAID[metric]


def test_the_dashboard_shows_every_metric_of_the_service() -> None:
    shown = {
        selector.name for panel in asked() for selector in selectors(promql_parser.parse(panel.values[0].expression))
    }
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in SAID if name.startswith("triage_")}
    assert {name for name in families if not any((asked or "").startswith(name) for asked in shown)} == set()


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_rules_are_those_that_prometheus_reads() -> None:
    assert yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["rule_files"] == ["rules.yml"]
    for group in RULES:
        for rule in group["rules"]:
            assert promql_parser.parse_duration(rule.get("for", "1m"))
            assert rule["labels"]["severity"] in {"critical", "warning"}


SERIES = {
    'up{job="triage", instance="here"}': "1x4 0x60",
    'triage_requests_total{instance="here", route="/classify", status="200"}': "0+90x64",
    'triage_requests_total{instance="here", route="/classify", status="500"}': "0+10x64",
    'triage_problems_total{instance="here", code="queue_full"}': "0+5x64",
    'triage_drift{instance="here", head="intent"}': "0.2x64",
    'triage_drift{instance="here", head="urgency"}': "0.1x64",
    'triage_confidence_shift{instance="here", head="intent"}': "-0.2x64",
    'triage_problems_total{instance="here", code="store_unavailable"}': "0+5x64",
    'triage_model_replacements_total{instance="here", outcome="failed"}': "0x50 1x14",
}


def test_prometheus_own_tool_accepts_the_rules_and_each_alert_fires(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    subprocess.run([promtool, "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"], check=True)
    firing = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "60m",
        "exp_samples": [
            {"labels": f'{{alertname="{rule["alert"]}"}}', "value": 1} for group in RULES for rule in group["rules"]
        ],
    }
    quiet = {**firing, "eval_time": "3m", "exp_samples": []}
    tests = {
        "rule_files": [str(PROMETHEUS / "rules.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": [firing, quiet],
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    subprocess.run([promtool, "test", "rules", tmp_path / "tests.yml"], check=True)
