"""Posts whose right labels are drawn from the very probabilities that a made-up model gives, or from others."""

import numpy as np

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.scored import ScoredPosts
from model.policy import Policy
from model.scores import Scores

TAXONOMY = Taxonomy.from_dict(
    {
        "name": "small",
        "heads": [
            {"name": "intent", "kind": "nominal", "labels": ["refund", "outage", "spam"]},
            {"name": "urgency", "kind": "ordinal", "labels": ["low", "high", "critical"]},
            {"name": "department", "kind": "nominal", "optional": True, "labels": ["support", "it"]},
        ],
        "routing": {"owner": "department", "unowned": {"intent": ["spam"]}},
    }
)


def policy() -> Policy:
    """With thresholds as they come."""
    return Policy.plain(TAXONOMY, "m" * 64)


def world(n: int, seed: int, sharpness: float = 4.0, boast: float = 1.0, groups: int | None = None) -> ScoredPosts:
    """Posts, their scores and right labels.

    Args:
        sharpness: of the logits: how sure the model is.
        boast: by how much its logits are too large.
        groups: of posts that are copies of one another.
    """
    generator = np.random.default_rng(seed)
    kinds = n if groups is None else groups
    logits, gold = {}, {}
    for head in TAXONOMY:
        true = generator.normal(0, sharpness, (kinds, len(head.labels)))
        gumbel = generator.gumbel(size=true.shape)
        gold[head.name] = (true + gumbel).argmax(axis=1)  # drawn from the softmax
        logits[head.name] = (boast * true).astype(np.float32)
    kind_of = np.arange(n) % kinds
    examples = []
    for row, kind in enumerate(kind_of.tolist()):
        labels: dict[str, str | None] = {head.name: head.labels[gold[head.name][kind]] for head in TAXONOMY}
        if labels["intent"] == "spam":
            labels["department"] = None
        group = None if groups is None else f"g{kind}"
        examples.append(Example(Post(f"post {row}"), labels, group))
    return ScoredPosts(
        examples, Scores({name: values[kind_of] for name, values in logits.items()}, np.zeros((n, 2), np.float32))
    )
