"""`python -m tests.benchmark.evaluation`: how long it takes to judge 100,000 posts that are scored."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from api.commands.shared import note, stdout
from data.posts import Example, Post
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy
from evaluation.comparison.compare import Contender, compare
from evaluation.metrics import evaluate
from evaluation.report.document import write_report
from evaluation.report.figures import About
from evaluation.scored import ScoredPosts
from evaluation.tuning.costs import Costs, HeadCosts
from evaluation.tuning.observed import Staffing
from evaluation.tuning.promises import parse_targets
from evaluation.tuning.search import Request, TunedPolicy, make_policy
from evaluation.tuning.tables import all_tables
from model.policy import Policy
from model.scores import Scores

_TARGETS = ("department:error<=0.1", "urgency.critical:recall>=0.9", "intent.legal_threat:precision>=0.8")
_COSTS = Costs(review=2, lost=20, heads={"urgency": HeadCosts(missed={"critical": 50}, other=1)})


def made_up(posts: int, taxonomy: Taxonomy, seed: int) -> ScoredPosts:
    """Posts of the default taxonomy, three in a group, whose right labels are drawn from what a model says of them."""
    generator = np.random.default_rng(seed)
    logits = {head.name: generator.normal(0, 4, (posts, len(head.labels))) for head in taxonomy}
    gold = {name: (values + generator.gumbel(size=values.shape)).argmax(axis=1) for name, values in logits.items()}
    examples = [
        Example(
            Post(f"post {row}", channel=("tweet", "email", "chat")[row % 3]),
            {head.name: head.labels[gold[head.name][row]] for head in taxonomy},
            f"g{row // 3}",
        )
        for row in range(posts)
    ]
    scores = {name: (1.3 * values).astype(np.float32) for name, values in logits.items()}
    return ScoredPosts(examples, Scores(scores, np.zeros((posts, 384), np.float32)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.evaluation", description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000, metavar="N", help="(default: %(default)s)")
    posts = parser.parse_args(arguments).posts
    taxonomy = Taxonomy.read(DEFAULT_TAXONOMY)
    scored = made_up(posts, taxonomy, seed=13)
    policy = Policy.plain(taxonomy, "0" * 64)
    request = Request(parse_targets(_TARGETS, taxonomy), _COSTS, label_sets=0.9, out_of_scope=0.03, recalibrate=True)
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        note(name)
        began = time.perf_counter()
        result = work()
        seconds[name] = time.perf_counter() - began
        return result

    timed("evaluate", lambda: evaluate(scored, policy, taxonomy))
    tuned: TunedPolicy = timed("tune", lambda: make_policy(scored, policy, taxonomy, request))
    timed("what tune shows", lambda: list(all_tables(tuned, None, policy, taxonomy, Staffing(20_000, 2))))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        about = About("Made up", ["made_up.jsonl"])
        timed("report", lambda: write_report(page, scored, tuned.policy, taxonomy, about))
        size = page.stat().st_size
    before, after = (Contender(scored.scores, each) for each in (policy, tuned.policy))
    timed("compare", lambda: compare(scored.examples, before, after))
    table = Table(title=f"{posts:,} posts, scored, in groups of three", caption=f"a report of {size / 2**20:.1f} MiB")
    table.add_column("")
    table.add_column("seconds", justify="right")
    for name, taken in (*seconds.items(), ("all", sum(seconds.values()))):
        table.add_row(name, f"{taken:.1f}")
    stdout.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
