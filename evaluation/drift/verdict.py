"""What a drift comes to, in words: the mix of labels, the posts themselves, or nothing that matters."""

from evaluation.drift.effects import Effect
from evaluation.drift.measure import Drift, HeadDrift

NOTHING = "no change of a size that matters"
TOO_FEW = "no change shown, but too few posts to rule one out"

_UNKNOWN = "whether the posts themselves did cannot be told from these"


def verdict(drift: Drift) -> str:
    """Of the posts as a whole."""
    moved = [name for name, head in drift.heads.items() if head.mix.alarm]
    mixes = f"the mix of labels ({', '.join(moved)})"
    if _posts_changed(drift):
        return f"the posts themselves changed{f', and {mixes} with them' if moved else ''}"
    best = _best(drift)
    if moved or drift.inputs.alarm:
        only = mixes if moved else f"the mix of labels ({best.head.name}), and that little,"
        if best.left.negligible or not drift.inputs.alarm:
            return f"only {only} changed"
        return f"{only} changed; {_UNKNOWN}"
    if drift.alarm:
        return f"what the posts are about hardly changed, but {' and '.join(_other_alarms(drift))} did"
    return _quiet(drift.inputs, drift.tokens.distance, *(head.mix for head in drift.heads.values()))


def head_verdict(drift: Drift, name: str) -> str:
    """Of one head. Weighting the reference to its new label shares either explains how the posts differ, or does not;
    then another head's may.
    """
    head = drift.heads[name]
    if _posts_changed(drift):
        return f"the posts themselves changed{', and the mix of labels with them' if head.mix.alarm else ''}"
    if drift.inputs.alarm and head.left.alarm:
        what = "the mix of labels changed with" if head.mix.alarm else "the posts changed only in"
        return f"{what} the mix of {_best(drift).head.name}"
    if head.mix.alarm:
        known = head.left.negligible or not drift.inputs.alarm
        return "only the mix of labels changed" if known else f"the mix of labels changed; {_UNKNOWN}"
    if head.confidence.distance.alarm or head.entropy.distance.alarm:
        return f"the model is {'less' if head.confidence.mean.size < 0 else 'more'} sure of its answers"
    if drift.inputs.alarm:
        return "the mix of labels changed, but little"
    return _quiet(head.mix, head.confidence.distance, head.left)


def _quiet(*effects: Effect) -> str:
    return NOTHING if all(effect.negligible for effect in effects) else TOO_FEW


def _other_alarms(drift: Drift) -> list[str]:
    unsure = [
        name for name, head in drift.heads.items() if head.confidence.distance.alarm or head.entropy.distance.alarm
    ]
    length = ["their length"] if drift.tokens.distance.alarm else []
    return [*length, *([f"how sure the model is of {', '.join(unsure)}"] if unsure else [])]


def _posts_changed(drift: Drift) -> bool:
    return drift.inputs.alarm and _best(drift).left.alarm


def _best(drift: Drift) -> HeadDrift:
    """The head whose mix of labels explains most of how the posts differ."""
    return min(drift.heads.values(), key=lambda head: head.left.size)
