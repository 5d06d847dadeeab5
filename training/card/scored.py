"""What the model scored, on which posts, and how far that can be believed."""

from collections.abc import Iterator, Mapping
from typing import Any

from training.card.facts import Facts
from training.card.markdown import bullets, code, folded, interval, number, section, share, table

_WEAKEST = 5
_FEW = 30
"""Posts of a label in the test part, below which its figures say little."""


def evaluation(facts: Facts) -> str:
    """Figures with intervals, weakest labels, calibration, routing, and the gate between precisions."""
    heads = facts.figures.get("heads", {})
    if not heads:
        return section("## Evaluation", "No figures are recorded: `triage evaluate` makes them.", _gate(facts))
    return section(
        "## Evaluation",
        _scored_on(facts),
        _overview(heads),
        _without_figures(facts),
        _weighted(facts),
        _weakest(facts),
        *(folded(f"{name}: each label", _labels(head)) for name, head in heads.items()),
        section("### Calibration", _calibration(facts)),
        section("### Routing", _routing(facts)),
        _gate(facts),
    )


def _scored_on(facts: Facts) -> str:
    exported = facts.provenance.get("exported_with")
    which = "posts of the files that it was exported with" if exported else "posts of the test part"
    decided = "Figures are of the most probable label, whatever the policy then does with it; intervals are 95 % ones"
    return (
        f"Scored on {facts.figures['n']} {which}, which neither taught, picked nor calibrated the model. {decided}, "
        "from these posts alone: other posts, or another seed of the training, may well score outside them."
    )


def _overview(heads: Mapping[str, Any]) -> str:
    return table(
        [
            "head",
            "n",
            "accuracy",
            "95 % interval",
            "macro F1",
            "95 % interval",
            "ECE",
            "quadratic kappa",
            "95 % interval",
        ],
        (
            [
                name,
                head["n"],
                number(head["accuracy"]),
                interval(head.get("accuracy_ci95")),
                number(head["macro_f1"]),
                interval(head.get("macro_f1_ci95")),
                number(head.get("ece")),
                number(head.get("qwk")),
                interval(head.get("qwk_ci95")),
            ]
            for name, head in heads.items()
        ),
    )


def _without_figures(facts: Facts) -> str:
    without = [code(head.name) for head in facts.taxonomy if head.name not in facts.figures["heads"]]
    if not without:
        return ""
    why = "it was calibrated anew since, or " if facts.provenance.get("tuned") else ""
    reason = f"{why}no post of the test part carries its label"
    return f"No figures for {', '.join(without)}: {reason}. `triage evaluate` makes them."


def _weighted(facts: Facts) -> str:
    shown = [
        f"{name} accuracy {head['accuracy']:.3f}, ECE {head['ece']:.3f}"
        for name, head in facts.figures.get("weighted", {}).items()
    ]
    return f"With the rows weighted to the shares of an unfiltered stream: {', '.join(shown)}." if shown else ""


def _weakest(facts: Facts) -> str:
    lines = []
    for name, head in facts.figures["heads"].items():
        rows = head.get("per_label", {})
        known = sorted((label for label in rows if rows[label]["support"]), key=lambda label: rows[label]["f1"])
        weakest = ", ".join(_weak(label, rows[label]) for label in known[: min(_WEAKEST, len(known) // 2)])
        unseen = ", ".join(code(label) for label in rows if not rows[label]["support"])
        line = [f"weakest {weakest}"] if weakest else []
        line += [f"nothing is known of {unseen}, which no post of the test part carries"] if unseen else []
        lines += [f"{code(name)}: {'; '.join(line)}."] if line else []
    return section("### Weakest labels", "By F1, with the posts that carry the label.", bullets(lines)) if lines else ""


def _weak(label: str, row: Mapping[str, Any]) -> str:
    few = ", too few to tell" if row["support"] < _FEW else ""
    return f"{code(label)} {row['f1']:.2f} ({row['support']}{few})"


def _labels(head: Mapping[str, Any]) -> str:
    return table(
        ["label", "posts", "precision", "95 % interval", "recall", "95 % interval", "F1"],
        (
            [
                code(label),
                row["support"],
                *(
                    shown
                    for key in ("precision", "recall")
                    for shown in (number(row[key]), interval(row.get(f"{key}_ci95")))
                ),
                number(row["f1"]),
            ]
            for label, row in head.get("per_label", {}).items()
        ),
    )


def _calibration(facts: Facts) -> str:
    rows = []
    for name, head in facts.figures["heads"].items():
        policy, before = facts.policy.heads[name], head.get("uncalibrated", {})
        method = "a scale and a bias a label" if policy.scales or policy.biases else "one temperature"
        cells = [number(figures.get(key)) for key in ("ece", "log_loss", "brier") for figures in (before, head)]
        rows.append([name, method, number(policy.temperature), *cells])
    columns = ["head", "by", "temperature"]
    columns += [f"{name}{when}" for name in ("ECE", "log loss", "Brier") for when in (" before", "")]
    said = "ECE is of the most probable label, in 15 bins of equal mass; 0 is perfect."
    return f"{said}\n\n{table(columns, rows)}"


def _routing(facts: Facts) -> str:
    figures = facts.figures.get("routing")
    if facts.policy.owner is None:
        return "No head names who owns a post, so nothing is routed; a post is `auto` where every head is accepted."
    if figures is None:
        return "Not measured under this policy: `triage evaluate` does it."
    handled = (
        f"Under the policy {share(figures['auto_rate'])} of the posts are handled without a person, "
        f"{share(figures['ignored_rate'])} are ignored as nobody's, the others go to a person."
    )
    if figures["auto_error"] is None or figures["auto_error_ci95"] is None:
        return f"{handled} How many go to a wrong owner is not known: no post shows it."
    low, high = figures["auto_error_ci95"]
    wrong = f"{share(figures['auto_error'])} (95 % interval {share(low)} to {share(high)})"
    return f"{handled} Of those that no person sees {wrong} go to a wrong owner."


def _gate(facts: Facts) -> str:
    graph = facts.provenance.get("graph", {})
    return section("### Precision gate", "\n\n".join(_gate_lines(graph)))


def _gate_lines(graph: Mapping[str, Any]) -> Iterator[str]:
    if against := graph.get("float32_against_network"):
        yield f"The float32 graph gives the label of the network for {_agreement(against)} of {against['posts']} posts."
    if against := graph.get("int8_against_float32"):
        yield f"int8 gives the label of float32 for these shares of the posts: {_agreement(against)}."
    if reasons := graph.get("fp32_because"):
        yield f"Served in float32, because int8 did not pass its gate: {'; '.join(reasons)}."


def _agreement(against: Mapping[str, Any]) -> str:
    return ", ".join(f"{head} {found:.1%}" for head, found in against["label_agreement"].items())
