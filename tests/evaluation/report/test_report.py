"""What the report shows against plain counting, and that its file is closed to the outside and to what posts say."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.calibration import expected_calibration_error
from evaluation.report.curves import MOST_CUTS, Outcomes, reliability, risk_coverage
from evaluation.report.document import write_report
from evaluation.report.figures import About, Options, report_figures
from evaluation.report.one_threshold import route_outcomes
from evaluation.report.standouts import MOST_POSTS, confident_errors, label_errors
from evaluation.scored import ScoredPosts, answers_of
from evaluation.tuning.costs import Costs, HeadCosts, cost_per_1000
from model.decision import decide
from model.novelty import energy
from model.policy import Novelty, Policy
from model.scores import Scores
from tests.evaluation.report.reported import HOSTILE, SECRET, Reported, reported

ABOUT = About("Figures <of> {{script}}", ["posts.jsonl"], made=datetime(2026, 3, 1, 9, 30, tzinfo=UTC))


class Page(HTMLParser):
    """The elements of a page, as a browser would see them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: dict[tuple[str, str | None], str] = {}
        self._open: tuple[str, str | None] = ("", None)
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs).get("type"))

    def handle_endtag(self, tag: str) -> None:
        self._open = ("", None)

    def handle_data(self, data: str) -> None:
        self.contents[self._open] = self.contents.get(self._open, "") + data

    @property
    def figures(self) -> Any:
        return json.loads(self.contents["script", "application/json"])


@pytest.fixture
def made(taxonomy: Taxonomy) -> Reported:
    return reported(taxonomy)


def report(made: Reported, path: Path, options: Options | None = None) -> str:
    write_report(path, made.posts, made.policy, made.taxonomy, ABOUT, options)
    return path.read_text(encoding="utf-8")


def with_one_threshold(policy: Policy, threshold: float) -> Policy:
    heads = {}
    for name, head in policy.heads.items():
        own = {label: max(threshold, head.threshold_of(label)) for label in policy.unowned.get(name, ())}
        heads[name] = head.model_copy(update={"threshold": threshold, "label_thresholds": own})
    return policy.model_copy(update={"heads": heads})


@pytest.mark.parametrize("count", [1, 7, 300, 3000])
def test_each_cut_counts_what_reaches_its_threshold(count: int) -> None:
    generator = np.random.default_rng(count)
    confidence = np.where(generator.random(count) < 0.3, 0.9, generator.beta(4, 1, count))  # with ties
    wrong, judged = generator.random(count) < 0.2, generator.random(count) < 0.8
    found = risk_coverage(Outcomes(confidence, judged, wrong, confidence >= 0.8), start=0.8)
    assert len(found["thresholds"]) <= MOST_CUTS
    assert found["thresholds"] == sorted(set(found["thresholds"]), reverse=True)
    assert found["thresholds"][-1] == 0
    assert found["thresholds"][found["start"]] == 0.8
    for cut, threshold in enumerate(found["thresholds"]):
        reached = confidence >= threshold
        assert found["handled"][cut] == reached.sum()
        assert found["judged"][cut] == (reached & judged).sum()
        assert found["errors"][cut] == (reached & judged & wrong).sum()
    handled, errors = found["handled"][found["start"]], found["errors"][found["start"]]
    assert found["policy"] == {"handled": handled, "judged": found["judged"][found["start"]], "errors": errors}


def test_the_bounds_of_each_cut_are_exact(made: Reported) -> None:
    curve = report_figures(made.posts, made.policy, made.taxonomy, ABOUT, Options())["heads"][1]["curve"]
    assert len(curve["thresholds"]) > 100
    for cut in range(0, len(curve["thresholds"]), 25):
        if curve["judged"][cut]:
            interval = binomtest(curve["errors"][cut], curve["judged"][cut]).proportion_ci(method="exact")
            assert [curve["low"][cut], curve["high"][cut]] == pytest.approx([interval.low, interval.high])


def test_where_nothing_is_judged_there_are_no_bounds() -> None:
    found = risk_coverage(Outcomes(np.array([0.4, 0.9]), np.zeros(2, bool), np.ones(2, bool), np.ones(2, bool)))
    assert found["judged"] == [0, 0]
    assert found["low"] == found["high"] == [None, None]


def test_cuts_of_many_posts_are_of_equal_mass() -> None:
    confidence = np.random.default_rng(2).beta(9, 1, 50_000)
    never = np.zeros(50_000, bool)
    handled = risk_coverage(Outcomes(confidence, ~never, never, never))["handled"]
    assert 400 < len(handled) <= MOST_CUTS
    assert max(np.diff(handled)) < 2.5 * 50_000 / MOST_CUTS


def test_the_bins_are_those_of_the_calibration_error() -> None:
    generator = np.random.default_rng(3)
    probabilities = generator.dirichlet(np.ones(4), 400)
    gold = generator.integers(0, 4, 400)
    bins = reliability(probabilities, gold)
    assert len(bins) == 15
    assert sum(each["posts"] for each in bins) == 400
    gaps = sum(each["posts"] * abs(each["confidence"] - each["right"]) for each in bins) / 400
    assert gaps == pytest.approx(expected_calibration_error(probabilities, gold))
    first = bins[0]
    interval = binomtest(round(first["right"] * first["posts"]), int(first["posts"])).proportion_ci(method="exact")
    assert [first["low"], first["high"]] == pytest.approx([interval.low, interval.high])


@pytest.mark.parametrize("threshold", [0.0, 0.35, 0.6, 0.8, 0.95])
def test_one_threshold_for_all_does_what_decide_does(made: Reported, threshold: float) -> None:
    middle = float(np.quantile(energy(made.posts.scores.logits["intent"]), 0.9))
    policy = made.policy.model_copy(update={"novelty": Novelty(head="intent", threshold=middle)})
    outcomes = route_outcomes(made.posts, policy, decide(made.posts.scores, policy))
    decisions = decide(made.posts.scores, with_one_threshold(policy, threshold))
    handled = np.array([decision.action != "review" for decision in decisions])
    assert 0 < handled.sum() < 300
    assert (outcomes.confidence >= threshold).tolist() == handled.tolist()
    wrong = [
        decision.owner != example.labels["department"]
        for decision, example in zip(decisions, made.posts.examples, strict=True)
    ]
    assert outcomes.wrong[handled].tolist() == np.array(wrong)[handled].tolist()


def test_the_slider_of_the_routing_starts_at_the_policy(made: Reported) -> None:
    routing = report_figures(made.posts, made.policy, made.taxonomy, ABOUT, Options())["routing"]
    curve = routing["curve"]
    at_start = {name: curve[name][curve["start"]] for name in ("handled", "judged", "errors")}
    assert curve["thresholds"][curve["start"]] == 0.7
    assert at_start == curve["policy"] == {name: routing[name] for name in at_start}

    heads = {**made.policy.heads, "urgency": made.policy.heads["urgency"].model_copy(update={"threshold": 0.4})}
    policy = made.policy.model_copy(update={"heads": heads})
    curve = report_figures(made.posts, policy, made.taxonomy, ABOUT, Options())["routing"]["curve"]
    off = [abs(handled - curve["policy"]["handled"]) for handled in curve["handled"]]
    assert off[curve["start"]] == min(off)


def test_the_cost_of_a_threshold_is_that_of_the_policy_with_it(made: Reported) -> None:
    costs = Costs(
        review=2, lost=30, heads={"department": HeadCosts(other=9), "urgency": HeadCosts(missed={"high": 50})}
    )
    figures = report_figures(made.posts, made.policy, made.taxonomy, ABOUT, Options(costs=costs))
    curve = figures["routing"]["curve"]
    for cut in (0, 40, 120, len(curve["thresholds"]) - 1):
        policy = with_one_threshold(made.policy, curve["thresholds"][cut])
        assert curve["costs"][cut] == pytest.approx(cost_per_1000(made.posts, policy, made.taxonomy, costs))
    intent, urgency, department = (head["curve"]["costs"] for head in figures["heads"])
    assert intent is None
    assert min(urgency) > 0
    _, wrong = made.sure("department")
    owned = [example.labels["department"] is not None for example in made.posts.examples]
    assert department[-1] == pytest.approx(1000 * 9 * wrong[owned].mean())  # all taken as they are


def test_the_surest_errors_come_first(made: Reported) -> None:
    head = made.taxonomy.head("urgency")
    found = confident_errors(answers_of(made.posts, head, made.policy.heads["urgency"]))
    confidence, wrong = made.sure("urgency")
    expected = [row for row in np.argsort(-confidence, kind="stable").tolist() if wrong[row]][:MOST_POSTS]
    assert [row for row, _ in found] == expected
    assert found[0][1]["confidence"] == pytest.approx(confidence[expected[0]])
    assert all(entry["gold"] != entry["said"] for _, entry in found)


def test_labels_that_were_exchanged_are_found(made: Reported) -> None:
    sharp = Scores({name: 4 * values for name, values in made.posts.scores.logits.items()}, made.posts.scores.embedding)
    labels = made.taxonomy.head("urgency").labels
    right = [labels[place] for place in sharp.logits["urgency"].argmax(axis=1)]
    exchanged = range(10, 40)
    examples = [
        replace(example, labels={"urgency": labels[(labels.index(said) + (row in exchanged)) % 3]})
        for row, (example, said) in enumerate(zip(made.posts.examples, right, strict=True))
    ]
    answers = answers_of(ScoredPosts(examples, sharp), made.taxonomy.head("urgency"), made.policy.heads["urgency"])
    found = label_errors(answers)
    rows = {row for row, _ in found}
    assert rows <= set(exchanged)
    assert len(rows) > 20
    assert all(entry["suggested"] == right[row] != entry["given"] for row, entry in found)


def test_labels_too_rare_to_be_judged_are_passed_over(made: Reported) -> None:
    few = ScoredPosts(made.posts.examples[:4], made.posts.take(np.arange(4)).scores)
    assert label_errors(answers_of(few, made.taxonomy.head("urgency"), made.policy.heads["urgency"])) == []


def test_the_page_holds_the_figures_and_its_own_style_and_script_alone(made: Reported, tmp_path: Path) -> None:
    source = report(made, tmp_path / "new" / "out.html")
    page = Page(source)
    expected = report_figures(made.posts, made.policy, made.taxonomy, ABOUT, Options())
    assert page.figures == json.loads(json.dumps(expected))
    assert page.figures["header"]["made"] == "1 March 2026, 09:30 UTC"
    assert page.contents["title", None] == page.contents["h1", None] == ABOUT.title

    policy = next(attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes) or ""
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for kind, element in (("style-src", ("style", None)), ("script-src", ("script", None))):
        hashed = b64encode(sha256(page.contents[element].encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{hashed}'"


def test_nothing_is_asked_for_outside(made: Reported, tmp_path: Path) -> None:
    source = report(made, tmp_path / "out.html")
    assert set(re.findall(r"https?://[^\"'\s]*", source)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "@import" not in source
    assert "url(" not in source.replace("url(#${clip})", "")
    for _, attributes in Page(source).elements:
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))
        assert "src" not in attributes


def test_what_a_post_says_stays_data(made: Reported, tmp_path: Path) -> None:
    page = Page(report(made, tmp_path / "out.html"))
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert "img" not in [tag for tag, _ in page.elements]
    shown = page.figures["heads"][0]["errors"][0]
    assert shown["text"] == shown["origin"] == HOSTILE


def test_texts_are_left_out_where_that_is_asked(made: Reported, tmp_path: Path) -> None:
    assert SECRET in report(made, tmp_path / "with.html")
    without = report(made, tmp_path / "without.html", Options(texts=False))
    assert SECRET not in without
    figures = Page(without).figures
    assert figures["texts"] is False
    for head in figures["heads"]:
        for entry in (*head["errors"], *head["suspects"]):
            assert "text" not in entry
            assert entry["id"].startswith("post-")
            assert entry["origin"]


def test_long_texts_and_long_lists_are_cut(taxonomy: Taxonomy, tmp_path: Path) -> None:
    made = reported(taxonomy, count=6000)
    long = [replace(example, post=replace(example.post, text="word " * 5000)) for example in made.posts.examples]
    source = report(replace(made, posts=replace(made.posts, examples=long)), tmp_path / "out.html")
    figures = Page(source).figures
    assert len(source) < 1_000_000
    for head in figures["heads"]:
        assert len(head["errors"]) == MOST_POSTS
        assert len(head["suspects"]) <= MOST_POSTS
        assert len(head["errors"][0]["text"]) < 650


def test_what_is_not_there_is_left_out(made: Reported, taxonomy: Taxonomy, tmp_path: Path) -> None:
    plain = made.taxonomy.to_dict()
    del plain["routing"]
    bare = Taxonomy.from_dict(plain)
    examples = [Example(replace(made.posts.examples[1].post, channel=None), {"urgency": "low"})]
    posts = ScoredPosts(examples, made.posts.take(np.array([1])).scores)
    write_report(tmp_path / "out.html", posts, Policy.plain(bare, "m"), bare, ABOUT)
    figures = Page((tmp_path / "out.html").read_text()).figures
    assert figures["routing"] is None
    assert [head["name"] for head in figures["heads"]] == ["urgency"]
    assert [part["name"] for part in figures["slices"]] == ["length"]


def test_slices_are_those_that_were_asked_for(made: Reported) -> None:
    figures = report_figures(made.posts, made.policy, made.taxonomy, ABOUT, Options(slices=["channel"]))
    (channel,) = figures["slices"]
    assert {value["name"]: value["posts"] for value in channel["values"]} == {"mail": 150, "chat": 150}
    _, wrong = made.sure("urgency")
    accuracy, low, high, small = channel["values"][0]["heads"]["urgency"]
    assert accuracy == pytest.approx(1 - wrong[::2].mean())
    assert low < accuracy < high
    assert small is False


def test_every_script_of_the_package_stands_in_the_page(made: Reported, tmp_path: Path) -> None:
    source = report(made, tmp_path / "out.html")
    folder = Path(__file__).parents[3] / "evaluation" / "report"
    scripts = [path.read_text() for path in folder.glob("*.js")]
    assert len(scripts) > 2
    assert all(script in source for script in scripts)
