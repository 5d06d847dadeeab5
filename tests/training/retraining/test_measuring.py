"""Each mix is trained once, the best is published once, and nothing of the work is left."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.registry import Registry
from training.pipeline import LOGS, RUNS, Job
from training.recipe import Recipe
from training.retraining.measuring import PROVENANCE, Challengers, Trained, best
from training.retraining.mixing import Mix


@pytest.fixture
def jobs(tmp_path: Path, taxonomy: Taxonomy, parts: Parts, recipe: Recipe) -> list[tuple[Mix, Job]]:
    """Six posts teach, or thirty."""
    source = tmp_path / "posts.jsonl"
    source.write_text("{}\n")
    few = replace(parts, train=parts.train[:6])
    mixes = [Mix("history", few, {"history": 6}), Mix("history+old", parts, {"history": 6, "old": 24})]
    short = replace(recipe, epochs=2)
    return [(mix, Job("mine", taxonomy, mix.parts, short, [source])) for mix in mixes]


def test_each_mix_is_trained_once_and_the_best_is_published_once(
    jobs: Sequence[tuple[Mix, Job]], tmp_path: Path
) -> None:
    models = Registry(tmp_path / "models")
    announced: list[tuple[int, str]] = []

    def announce(number: int, mix: Mix) -> None:
        announced.append((number, mix.name))

    first = Challengers(jobs, models)
    assert not first.begun
    trained = first.train(announce)
    assert announced == [(1, "history"), (2, "history+old")]
    published = first.publish(trained)
    assert published.manifest.reference == "mine@1"

    again = Challengers(jobs, models)  # as after a kill before the work folder was removed
    assert again.begun
    assert again.identity == first.identity
    assert again.publish(again.train(announce)).path == published.path
    assert len(announced) == 2
    assert models.references() == ["mine@1"]

    told = published.manifest.provenance[PROVENANCE]
    assert told["mix"] == best(trained).mix.name
    assert [mix["taught"] for mix in told["mixes"]] == [{"history": 6}, {"history": 6, "old": 24}]
    chosen = best(trained).bundle
    assert published.metrics() == chosen.metrics()
    assert published.manifest.files["model.onnx"] == chosen.manifest.files["model.onnx"]
    assert published.weights().is_dir()
    assert published.card()
    again.clear()
    assert not list(models.root.glob(f"{RUNS}/retrain-*"))
    assert len(list(models.root.glob(f"{RUNS}/{LOGS}/mine-*"))) == 2


def test_other_posts_that_judge_are_another_retraining(jobs: Sequence[tuple[Mix, Job]], tmp_path: Path) -> None:
    models = Registry(tmp_path / "models")
    others = [(mix, replace(job, parts=replace(job.parts, test=job.parts.test[1:]))) for mix, job in jobs]
    names = {Challengers(each, models).identity for each in (jobs, others, jobs[:1])}
    assert len(names) == 3


def test_of_mixes_that_score_the_same_the_first_wins(bundle: Bundle, parts: Parts) -> None:
    def trained(name: str, score: float) -> Trained:
        provenance = {**bundle.manifest.provenance, "dev_macro_f1": score}
        manifest = bundle.manifest.model_copy(update={"provenance": provenance})
        return Trained(Mix(name, parts, {}), replace(bundle, manifest=manifest))

    assert best([trained("a", 0.8), trained("b", 0.8), trained("c", 0.7)]).mix.name == "a"
    assert best([trained("a", 0.8), trained("b", 0.81)]).mix.name == "b"
