from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from model.registry import Registry
from model.scores import UNLABELLED
from training.curve.learning_curve import curve_folder, point_of, smaller_parts, train_on_part
from training.pipeline import Job, train_bundle
from training.recipe import Recipe


@pytest.fixture
def job(tmp_path: Path, taxonomy: Taxonomy, parts: Parts, recipe: Recipe) -> Job:
    source = tmp_path / "posts.jsonl"
    source.write_text("{}\n")
    return Job("toy", taxonomy, parts, replace(recipe, epochs=1), [source])


def test_parts_grow_each_within_the_next_and_are_judged_by_the_same_posts(job: Job) -> None:
    parts = smaller_parts(job)
    texts = [{example.post.text for example in part.parts.train} for part in parts]
    assert len(texts) == 3
    assert texts[0] < texts[1] < texts[2] < {example.post.text for example in job.parts.train}
    assert all(part.parts.test is job.parts.test and part.recipe == job.recipe for part in parts)
    assert [part.name for part in parts] == [f"curve-{len(text)}" for text in texts]


def test_parts_with_fewer_than_two_posts_a_label_are_left_out(job: Job) -> None:
    few = replace(job, parts=replace(job.parts, train=job.parts.train[:16]))
    [part] = smaller_parts(few)
    assert 6 <= len(part.parts.train) < 16


def test_posts_of_one_group_make_no_parts(job: Job) -> None:
    together = [replace(example, group="one") for example in job.parts.train]
    assert smaller_parts(replace(job, parts=replace(job.parts, train=together))) == []


def test_a_part_is_trained_once_and_scored_as_its_bundle_answers(job: Job, taxonomy: Taxonomy) -> None:
    work = Registry(curve_folder(job, job.sources[0].parent))
    part = smaller_parts(job)[0]
    point = train_on_part(part, work)
    assert point.posts == len(part.parts.train)
    for head in taxonomy:
        gold, said = targets_of(job.parts.test, head), point.said[head.name]
        known = gold != UNLABELLED
        assert np.array_equal(said != UNLABELLED, known)
        accuracy = point.heads[head.name]["accuracy"]
        assert (said[known] == gold[known]).mean() == pytest.approx(accuracy)
    again = train_on_part(part, work)
    assert work.references() == [f"{part.name}@1"], "nothing is trained twice"
    assert again.heads == point.heads


def test_the_last_point_is_that_of_the_bundle_itself(job: Job, tmp_path: Path) -> None:
    folder = train_bundle(job, Registry(tmp_path / "models"))
    point = point_of(job, folder)
    assert point.posts == 30
    assert set(point.heads) == {"intent", "urgency", "department"}


def test_other_posts_or_another_recipe_have_another_folder(job: Job, tmp_path: Path) -> None:
    others = [
        replace(job, parts=replace(job.parts, test=job.parts.dev)),
        replace(job, recipe=replace(job.recipe, seed=14)),
    ]
    assert len({curve_folder(each, tmp_path) for each in (job, *others)}) == 3
    assert curve_folder(replace(job), tmp_path) == curve_folder(job, tmp_path)
