"""Labelled posts with made-up scores, for tests of the report."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.scored import ScoredPosts
from model.policy import HeadPolicy, Policy
from model.scores import Scores

HOSTILE = (
    "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'> & \u2028 {{style}} \\u003c"
)
SECRET = "the words of somebody"


@dataclass(frozen=True)
class Reported:
    """What a report is made of."""

    posts: ScoredPosts
    policy: Policy
    taxonomy: Taxonomy

    def sure(self, head: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """`(n_posts,)` each, worked out anew: the confidence of each answer, and whether it is wrong."""
        logits = self.posts.scores.logits[head].astype(np.float64)
        raised = np.exp(logits)
        labels = self.taxonomy.head(head).labels
        said = [labels[place] for place in raised.argmax(axis=1)]
        gold = [example.labels[head] for example in self.posts.examples]
        wrong = np.array([one != other for one, other in zip(said, gold, strict=True)])
        return raised.max(axis=1) / raised.sum(axis=1), wrong


def reported(taxonomy: Taxonomy, count: int = 300, seed: int = 5) -> Reported:
    """Posts that a model answers rightly more often than not; some owned by nobody. The first is hostile."""
    generator = np.random.default_rng(seed)
    logits, gold = {}, {}
    for head in taxonomy:
        n_labels = len(head.labels)
        targets = generator.integers(0, n_labels, count)
        drawn = generator.normal(0, 1.2, (count, n_labels)) + 2 * np.eye(n_labels)[targets]
        logits[head.name] = drawn.astype(np.float32)
        gold[head.name] = [head.labels[target] for target in targets]
    examples = []
    for row in range(count):
        labels: dict[str, str | None] = {name: column[row] for name, column in gold.items()}
        if labels["intent"] == "spam":
            labels["department"] = None
        text = HOSTILE if row == 0 else f"{SECRET} {row}"
        post = Post(text, id=f"post-{row}", channel=("mail", "chat")[row % 2])
        examples.append(Example(post, labels, origin=f"some/posts.jsonl:{row + 1}"))
    # The hostile post is the surest of all errors, so that the page shows it.
    examples[0] = Example(examples[0].post, {**examples[0].labels, "intent": "refund"}, origin=HOSTILE)
    logits["intent"][0] = [-9, 9, -9]
    policy = Policy(
        model_sha256="m",
        taxonomy_sha256=taxonomy.sha256,
        heads={
            head.name: HeadPolicy(
                labels=head.labels, threshold=0.7, label_thresholds={"spam": 0.8} if head.name == "intent" else {}
            )
            for head in taxonomy
        },
        owner="department",
        unowned={"intent": ("spam",)},
    )
    return Reported(ScoredPosts(examples, Scores(logits, np.zeros((count, 1), np.float32))), policy, taxonomy)
