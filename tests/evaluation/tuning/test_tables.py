"""A tuned policy as a person reads it in a terminal, and as a machine does."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from data.taxonomy import Taxonomy
from evaluation.scored import ScoredPosts
from evaluation.tuning import tables
from evaluation.tuning.observed import Staffing
from evaluation.tuning.promises import parse_targets
from evaluation.tuning.risk_control import Refusal
from evaluation.tuning.search import Request, TunedPolicy, make_policy
from evaluation.tuning.sentences import promised_on, refusals, times_as_many
from evaluation.tuning.thresholds import Outcome
from model.decision import decide
from model.policy import Policy
from tests.evaluation.report.reported import SECRET, Reported, reported

TARGETS = ["department:error<=0.25", "urgency.high:recall>=0.99@0.99"]


@pytest.fixture
def made(taxonomy: Taxonomy) -> Reported:
    return reported(taxonomy)


@pytest.fixture
def tuned(made: Reported) -> TunedPolicy:
    """One target kept, one refused."""
    wishes = parse_targets(TARGETS, made.taxonomy)
    return make_policy(made.posts, made.policy, made.taxonomy, Request(wishes, recalibrate=True))


def text_of(table: Table) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cells_of(table: Table) -> list[list[str]]:
    lines = text_of(table).splitlines()
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]


def test_all_there_is_to_see_fits_a_terminal_and_shows_no_text(made: Reported, tuned: TunedPolicy) -> None:
    other = reported(made.taxonomy, seed=6).posts
    found = list(tables.all_tables(tuned, other, made.policy, made.taxonomy, Staffing(20_000, 2)))
    titles = [str(table.title) for table in found]
    assert titles == [
        f"targets, on {tuned.independent} independent posts; passing and wrong of all {len(tuned.judged)}",
        "the same, on 300 other posts",
        "department:error<=0.25@0.95: other thresholds",
        f"calibration, fitted on {tuned.parts['fitted']} posts; log loss of posts left out of the fit",
        "thresholds that change",
        "decisions that change, of 300",
        "people",
    ]
    everything = "".join(map(text_of, found))
    assert max(map(len, everything.splitlines())) <= 80
    assert SECRET not in everything


def test_targets_have_a_line_each_with_what_was_seen(made: Reported, tuned: TunedPolicy) -> None:
    kept, refused = tuned.outcomes
    lines = cells_of(tables.outcomes(tuned, made.taxonomy))
    assert lines[0][:3] == ["department:error<=0.25@", f"{kept.threshold:.6f}", str(kept.posts)]
    assert [line[1] for line in lines if line[1]] == [f"{kept.threshold:.6f}", "refused"]
    assert refused.threshold is None
    decisions = [
        (decision.heads["department"], example.labels["department"])
        for decision, example in zip(decide(tuned.judged.scores, tuned.policy), tuned.judged.examples, strict=True)
        if example.labels["department"] is not None
    ]
    accepted = [(answer, gold) for answer, gold in decisions if answer.accepted]
    assert lines[0][3] == f"{len(accepted) / len(decisions):.3f}"
    assert lines[0][4] == f"{np.mean([answer.label != gold for answer, gold in accepted]):.4f}"


def test_thresholds_that_change_alike_share_a_line(taxonomy: Taxonomy) -> None:
    before = Policy.plain(taxonomy, "m")
    heads = dict(before.heads)
    heads["intent"] = heads["intent"].with_thresholds([0.9, 0.9, 0.85])
    heads["urgency"] = heads["urgency"].with_thresholds([0.75, 0.75, 0.75])
    assert cells_of(tables.thresholds(before, before.model_copy(update={"heads": heads}))) == [
        ["intent", "refund, outage", "0.500000", "0.900000"],
        ["intent", "spam", "0.800000", "0.850000"],
        ["urgency", "3 of 3", "0.500000", "0.750000"],
    ]


def test_the_work_of_people_is_that_of_the_posts_that_they_review(tuned: TunedPolicy) -> None:
    lines = cells_of(
        tables.work(replace(tuned, cost_before=1234.5, cost_after=99.0), [0.5, 0.25], Staffing(960, 2, hours=8))
    )
    assert lines == [
        ["share to review", "0.500", "0.250"],
        ["posts to review a day", "480", "240"],
        ["reviewers", "2.0", "1.0"],
        ["cost of 1,000 posts", "1,234.5", "99.0"],
    ]
    assert cells_of(tables.work(tuned, [0.5, 0.25], None)) == [["share to review", "0.500", "0.250"]]


def test_what_is_for_machines_is_json_and_says_what_was_refused(made: Reported, tuned: TunedPolicy) -> None:
    sweeps = tables.sweeps_of(tuned, made.taxonomy)
    assert list(sweeps) == ["department:error<=0.25@0.95"]
    plain = json.loads(json.dumps(tables.plain(tuned, None, made.taxonomy, sweeps), allow_nan=False))
    kept, refused = plain["targets"]
    assert (kept["kept"], kept["tested"], "examples_needed" in kept) == (True, None, False)
    # Some are ignored, and so missed at any threshold: no number of posts would do.
    assert (refused["kept"], refused["examples_needed"], refused["times_this_file"]) == (False, None, None)
    assert refused["least_error_seen"] > 0.01
    assert Policy.model_validate(plain["policy"]) == tuned.policy
    assert plain["posts"]["independent"] == len(tuned.judged)
    assert plain["sweeps"]["department:error<=0.25@0.95"][-1]["coverage"] == 1


def test_a_promise_names_the_files_that_it_rests_on(made: Reported, tuned: TunedPolicy) -> None:
    said = promised_on(tuned, ["may.csv", "june.csv"])
    assert f"posts drawn like those of may.csv, june.csv ({tuned.independent} bear it out)" in said
    grouped = ScoredPosts([replace(each, group="one") for each in made.posts.examples], made.posts.scores)
    of_groups = make_policy(grouped, made.policy, made.taxonomy, Request(parse_targets(TARGETS, made.taxonomy)))
    assert "of may.csv, each group counting as one post (1 bear it out)" in promised_on(of_groups, ["may.csv"])


@pytest.mark.parametrize(
    ("target", "posts", "refusal", "said"),
    [
        (
            "department:error<=0.02",
            100,
            Refusal(1500, 0.01),
            "department:error<=0.02@0.95 cannot be promised on 100 posts; about 1,500 like these would do, as in a "
            "file 15.0 times as long, if errors stayed as rare as they are",
        ),
        ("urgency.high:recall>=0.95", 0, Refusal(59, 0.0), "on 0 posts; about 59 labelled high would do if errors"),
        ("intent.spam:precision>=0.9", 7, Refusal(29, 0.0), "about 29 taken for spam would do, as in a file 4.1 times"),
        ("intent.spam:error<=0.1", 7, Refusal(29, 0.0), "about 29 taken for spam would do"),
        (
            "route:error<=0.02",
            900,
            Refusal(None, 0.043),
            "route:error<=0.02@0.95 cannot be kept: even where the model is surest, 4.3% is wrong",
        ),
    ],
)
def test_a_refusal_says_what_it_would_take(
    tuned: TunedPolicy, taxonomy: Taxonomy, target: str, posts: int, refusal: Refusal, said: str
) -> None:
    (promise,) = parse_targets([target], taxonomy).promises
    outcome = Outcome(promise, posts, None, refusal)
    (line,) = refusals(replace(tuned, outcomes=(Outcome(promise, 900, 0.5), outcome)))
    assert said in line
    assert times_as_many(outcome) == (refusal.examples / posts if refusal.examples and posts else None)
