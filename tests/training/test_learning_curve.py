from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from data.splitting.parts import Parts, subset
from data.taxonomy import Taxonomy
from model.registry import Registry
from training.learning_curve import curve_folder, draw, learning_curve
from training.pipeline import Job
from training.recipe import Recipe


def test_a_curve_has_a_point_a_size_is_resumed_and_drawn(
    tmp_path: Path, taxonomy: Taxonomy, parts: Parts, recipe: Recipe
) -> None:
    source = tmp_path / "posts.jsonl"
    source.write_text("{}\n")
    job = Job("toy", taxonomy, parts, replace(recipe, epochs=1), [source])
    work = Registry(curve_folder(job, tmp_path))
    points = learning_curve(job, [15, 9999], work)
    assert [point.posts for point in points] == [len(subset(parts.train, 15)), 30]
    assert all(0 <= point.heads["intent"]["macro_f1"] <= 1 for point in points)
    other = replace(job, parts=replace(parts, test=parts.dev))
    assert curve_folder(other, tmp_path) != work.root
    made = work.references()
    assert len(made) == 2
    assert learning_curve(job, [15], work) == points
    assert work.references() == made  # nothing was trained twice
    picture = tmp_path / "curve.svg"
    draw(points, picture)
    text = picture.read_text()
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314  # our own file
    draw(points, picture)
    assert picture.read_text() == text
