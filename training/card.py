"""The card of a bundle: what it is, what it scored, where it came from."""

from collections.abc import Mapping
from typing import Any


def card(reference: str, figures: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Markdown, with the figures of the test part as they stand in metrics.json."""
    data, recipe = provenance["data"], provenance["recipe"]
    lines = [
        f"# {reference}",
        "",
        f"Encoder {provenance['encoder']}, {recipe['epochs']} epochs (best: {provenance['best_epoch']:.0f}), "
        f"seed {recipe['seed']}, on {data['posts']['train']} posts; hash of the rows {data['learned_sha256'][:12]}.",
        "",
        f"Scored on {figures['n']} posts that neither taught, picked nor calibrated the model; "
        "figures are of the most probable label.",
        "",
        "| head | n | accuracy | macro F1 | 95 % interval | ECE | quadratic kappa |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, head in figures["heads"].items():
        low, high = head["macro_f1_ci95"]
        kappa = f"{head['qwk']:.3f}" if "qwk" in head else ""
        lines.append(
            f"| {name} | {head['n']} | {head['accuracy']:.3f} | {head['macro_f1']:.3f} "
            f"| {low:.3f} to {high:.3f} | {head['ece']:.3f} | {kappa} |"
        )
    if "weighted" in figures:
        shown = ", ".join(
            f"{name} accuracy {head['accuracy']:.3f}, ECE {head['ece']:.3f}"
            for name, head in figures["weighted"].items()
        )
        lines += ["", f"With the rows weighted to the shares of an unfiltered stream: {shown}."]
    graph = provenance["graph"]
    if against := graph.get("int8_against_float32"):
        agreement = ", ".join(f"{head} {share:.1%}" for head, share in against["label_agreement"].items())
        lines += ["", f"int8 gives the label of float32 for these shares of the posts: {agreement}."]
    if reasons := graph.get("fp32_because"):
        lines += ["", f"Served in float32, because int8 did not pass its gate: {'; '.join(reasons)}."]
    return "\n".join([*lines, "", "All figures: metrics.json. All provenance: manifest.json.", ""])
