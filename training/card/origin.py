"""Where the bundle came from, and what was done to it since its weights were learned."""

import json
from collections.abc import Mapping
from typing import Any

from training.card.facts import Facts
from training.card.markdown import bullets, cell, code, folded, number, section, share, table

_TOLD_ELSEWHERE = frozenset({"encoder", "recipe", "data", "graph", "packages", "tuned", "exported_with", "retraining"})


def origin(facts: Facts) -> str:
    """Its parent, how it was exported or tuned, and whatever else the provenance tells."""
    provenance, parent = facts.provenance, facts.about.parent
    tuned = provenance.get("tuned", [])
    return section(
        "## Where it came from",
        _parent(facts) if parent else "",
        _retrained(provenance.get("retraining")),
        _exported(provenance.get("exported_with")),
        section("### Tuned policy", _tuned(tuned)) if tuned else "",
        *(
            folded(name.replace("_", " "), f"```json\n{json.dumps(found, indent=1, ensure_ascii=False)}\n```")
            for name, found in provenance.items()
            if name not in _TOLD_ELSEWHERE and isinstance(found, Mapping | list | tuple) and found
        ),
    )


def _parent(facts: Facts) -> str:
    further = "" if {"exported_with", "tuned"} & set(facts.provenance) else ": training went on from its weights"
    return f"Made from {code(facts.about.parent)}{further}."


def _retrained(retraining: Mapping[str, Any] | None) -> str:
    if not retraining:
        return ""
    rows = [
        [code(mix.get("mix")), _taught(mix.get("taught", {})), number(mix.get("dev_macro_f1"))]
        for mix in retraining.get("mixes", [])
    ]
    return section(
        "### Retraining",
        f"Of the mixes of posts that were tried, {code(retraining.get('mix'))} did best on the dev part.",
        table(["mix", "posts that taught", "macro F1 on dev"], rows),
    )


def _taught(posts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in posts.items())


def _exported(exported: Mapping[str, Any] | None) -> str:
    if not exported:
        return ""
    posts = exported.get("posts", {})
    return (
        f"The weights are the parent's, exported anew: calibrated on {posts.get('calibration')} and scored on "
        f"{posts.get('test')} posts of {_named(exported)} that never taught them. Of the parts listed above, "
        "calibration and test were those of the first export."
    )


def _tuned(tuned: list[Mapping[str, Any]]) -> str:
    last = tuned[-1]
    posts = last.get("posts")
    count = (
        f" on {posts['independent']} independent posts" if isinstance(posts, Mapping) and "independent" in posts else ""
    )
    times = f", the last of {len(tuned)} times" if len(tuned) > 1 else ""
    about = (
        f"The thresholds are no longer those that training set: they were tuned{count} of {_named(last)}{times}. "
        "What they promise holds for posts like those, with the chance that each target names."
    )
    return "\n\n".join(filter(None, [about, bullets(_target(target) for target in last.get("targets") or [])]))


def _target(target: object) -> str:
    if not isinstance(target, Mapping):
        return code(target)
    kept = "kept" if target.get("kept") else "**refused**: the posts cannot bear it"
    threshold = f", from {target['threshold']:.3f} on" if target.get("threshold") is not None else ""
    rates = _rate(target.get("seen"), "on these") + _rate(target.get("tested"), "on others")
    return f"{code(target.get('target'))}: {kept}{threshold}, on {target.get('posts')} posts{rates}."


def _rate(seen: Mapping[str, Any] | None, where: str) -> str:
    if not seen or seen.get("rate") is None or not seen.get("rate_ci95"):
        return ""
    low, high = seen["rate_ci95"]
    return f"; {where} it is {share(seen['rate'])} (95 % interval {share(low)} to {share(high)})"


def _named(made: Mapping[str, Any]) -> str:
    files = made.get("files") or []
    return (
        ", ".join(f"{code(file['name'])} (sha256 {cell(file['sha256'][:12])})" for file in files)
        or "files not recorded"
    )
