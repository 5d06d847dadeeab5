import hashlib
import json
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss

from data.errors import BundleError, DataError, Interrupted
from data.examples import posts_of
from data.files import file_sha256
from data.normalise import fingerprint
from data.posts import Example, Post
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.bundle import MANIFEST, MODEL, TAXONOMY, TOKENIZER, TRAINING_ROWS, WEIGHTS, Bundle, Precision
from model.decision import decide
from model.quantize import Quantised, quantize
from model.registry import POINTER, Registry
from model.scores import Scores
from model.tokenizer import Encoded
from training.loop.work_folder import WorkFolder
from training.pipeline import LOGS, RUNS, Job, export_bundle, train_bundle
from training.precision import fit_policy
from training.recipe import Recipe


def unfinished(root: Path) -> list[str]:
    """What lies in a registry beside its bundles; the logs of runs are kept."""
    return [path.name for path in (root / RUNS).iterdir() if path.name != LOGS]


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.fixture(scope="module")
def job(taxonomy: Taxonomy, parts: Parts, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A short job on posts of two files that bear the same name."""
    root = tmp_path_factory.mktemp("sources")
    sources = [root / year / "posts.jsonl" for year in ("2024", "2025")]
    for source in sources:
        source.parent.mkdir()
        source.write_text(f"read in {source.parent.name}")
    return Job("twin", taxonomy, parts, replace(recipe, epochs=1), sources)


@pytest.fixture(scope="module")
def twins(job: Job, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """The same job done twice, one after the other."""
    registry = Registry(tmp_path_factory.mktemp("models"))
    return [Bundle.load(train_bundle(job, registry)) for _ in range(2)]


@pytest.fixture(scope="module")
def held_out(parts: Parts) -> list[Example]:
    """Posts that did not teach `toy@1`, and some that picked its epoch."""
    return [*parts.dev, *parts.calibration, *parts.test]


@pytest.fixture(scope="module")
def exported(registry: Registry, held_out: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """`toy@2`, exported anew in float32 from the weights of `toy@1`, in a copy of the registry."""
    root = tmp_path_factory.mktemp("exported") / "models"
    copy = Registry(Path(shutil.copytree(registry.root, root)))
    return Bundle.load(export_bundle(Bundle.load(copy.resolve("toy@1")), Precision.FP32, held_out, [], copy))


def test_provenance_names_encoder_recipe_and_outcome(bundle: Bundle, recipe: Recipe) -> None:
    provenance = bundle.manifest.provenance
    assert provenance["encoder"] == recipe.encoder
    assert provenance["recipe"] == asdict(recipe)
    assert 1 <= provenance["best_epoch"] <= recipe.epochs
    assert 0 < provenance["dev_macro_f1"] <= 1


def test_provenance_names_the_data(bundle: Bundle, parts: Parts) -> None:
    data = bundle.manifest.provenance["data"]
    assert data["files"] == [{"name": "posts.jsonl", "sha256": sha256("{}\n")}]
    assert data["posts"] == {"train": 30, "dev": 9, "calibration": 9, "test": 12}
    rows = sorted(fingerprint(text) for text in posts_of([*parts.train, *parts.dev]))
    assert data["learned_sha256"] == sha256(json.dumps(rows))


def test_provenance_names_graph_code_and_versions(bundle: Bundle) -> None:
    provenance = bundle.manifest.provenance
    assert provenance["graph"]["float32"]["operators"]["Attention"] == 2
    assert provenance["graph"]["int8"]["products"] == 8
    assert 0 <= provenance["graph"]["float32"]["largest_difference"] <= 1e-4
    assert len(bytes.fromhex(provenance["code_sha256"])) == 32
    assert provenance["python"] == platform.python_version()
    assert provenance["packages"].keys() >= {"torch", "transformers", "scikit-learn", "onnxruntime", "tokenizers"}
    assert provenance["packages"] == {name: version(name) for name in provenance["packages"]}


def test_provenance_knows_files_of_the_same_name_apart(twins: list[Bundle], job: Job) -> None:
    recorded = json.dumps(twins[0].manifest.provenance["data"]["files"])
    for source in job.sources:
        assert file_sha256(source) in recorded


def test_the_rows_that_taught_the_weights_are_kept_as_hashes(bundle: Bundle, parts: Parts) -> None:
    rows = (bundle.path / TRAINING_ROWS).read_text(encoding="utf-8").splitlines()
    assert rows == sorted({fingerprint(text) for text in posts_of([*parts.train, *parts.dev])})


def test_the_figures_are_of_the_test_part_as_it_will_be_served(
    bundle: Bundle, parts: Parts, taxonomy: Taxonomy
) -> None:
    engine = bundle.engine(workers=1)
    decisions = decide(engine.score(posts_of(parts.test)), bundle.policy)
    engine.close()
    metrics = bundle.metrics()
    assert metrics["n"] == len(parts.test)
    for head in taxonomy:
        gold = [(example.labels[head.name], decision) for example, decision in zip(parts.test, decisions, strict=True)]
        known = [(label, decision.heads[head.name].label) for label, decision in gold if label is not None]
        truth, answers = zip(*known, strict=True)
        present = sorted(set(truth))
        figures = metrics["heads"][head.name]
        assert figures["n"] == len(known)
        assert figures["accuracy"] == pytest.approx(accuracy_score(truth, answers))
        assert figures["macro_f1"] == pytest.approx(f1_score(truth, answers, average="macro", labels=present))


@pytest.mark.parametrize("made", ["bundle", "exported"])
def test_the_reference_is_the_calibration_part_as_it_will_be_served(
    made: str, parts: Parts, request: pytest.FixtureRequest
) -> None:
    found: Bundle = request.getfixturevalue(made)
    reference = found.reference()
    engine = found.engine(workers=1)
    known = engine.score(posts_of([*parts.calibration, *parts.test])).logits["intent"]
    engine.close()
    assert reference is not None
    assert len(reference) >= 9
    if made == "bundle":
        known = known[: len(parts.calibration)]
        assert len(reference) == len(known)
    for row in reference.scores.logits["intent"]:
        assert np.abs(known - row).max(axis=1).min() < 1e-4


def test_a_trained_bundle_answers_what_it_was_taught(bundle: Bundle) -> None:
    engine = bundle.engine(workers=1)
    posts = ["refund please order is late", "site is down again help", "win cash now thanks"]
    decisions = decide(engine.score(posts), bundle.policy)
    engine.close()
    assert [(decision.action, decision.owner) for decision in decisions] == [
        ("auto", "support"),
        ("auto", "it"),
        ("ignore", None),
    ]


def test_the_same_job_gives_the_same_weights_each_time(twins: list[Bundle]) -> None:
    first, second = (file_sha256(twin.weights() / "model.safetensors") for twin in twins)
    assert first == second


def test_the_same_job_gives_the_next_version_and_leaves_no_work_behind(twins: list[Bundle]) -> None:
    assert [twin.manifest.reference for twin in twins] == ["twin@1", "twin@2"]
    root = twins[0].path.parent.parent
    assert Registry(root).promoted() == "twin@1"
    assert unfinished(root) == []


def test_a_stopped_job_publishes_nothing_and_is_resumed_to_a_whole_bundle(
    job: Job, tmp_path: Path, stopping_at: Callable[..., AbstractContextManager[None]]
) -> None:
    registry = Registry(tmp_path)
    with stopping_at(3), pytest.raises(Interrupted, match="stopped at step 3 of 4"):
        train_bundle(job, registry)
    assert (registry.references(), registry.promoted()) == ([], None)
    with stopping_at(2):  # which a run from the start would reach
        path = train_bundle(job, registry, resume=True)
    assert Bundle.load(path).manifest.reference == "twin@1"
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize("promoted", [True, False], ids=["promoted", "not yet promoted"])
def test_a_job_that_was_killed_after_its_bundle_was_there_publishes_no_second_one(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promoted: bool
) -> None:
    registry = Registry(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(WorkFolder, "remove", _killed)
        with pytest.raises(RuntimeError, match="killed"):
            train_bundle(job, registry)
    if not promoted:
        (tmp_path / POINTER).unlink()
    assert train_bundle(job, registry, resume=True) == registry.resolve("twin@1")
    assert (registry.references(), registry.promoted()) == (["twin@1"], "twin@1")
    assert unfinished(tmp_path) == []


def test_a_job_begun_anew_is_published_though_its_bundle_of_before_is_there(
    job: Job, tmp_path: Path, stopping_at: Callable[..., AbstractContextManager[None]]
) -> None:
    registry = Registry(tmp_path)
    train_bundle(job, registry)
    with stopping_at(2), pytest.raises(Interrupted):
        train_bundle(job, registry)
    assert train_bundle(job, registry, resume=True) == registry.resolve("twin@2")


def test_the_logs_of_a_run_outlive_it(job: Job, twins: list[Bundle]) -> None:
    root = twins[0].path.parent.parent
    assert [path.name for path in (root / RUNS / LOGS).iterdir()] == [f"twin-{job.identity()}"]


def _killed(*given: Any) -> None:
    raise RuntimeError("killed")


def _changed(value: Any) -> Any:
    if value is None:
        return 7
    return f"{value}x" if isinstance(value, str) else value * 2 or 0.5


@pytest.mark.parametrize("setting", [field.name for field in fields(Recipe)])
def test_a_job_with_another_setting_is_another_job(job: Job, setting: str) -> None:
    recipe = replace(job.recipe, **{setting: _changed(getattr(job.recipe, setting))})
    assert replace(job, recipe=recipe).identity() != job.identity()


@pytest.mark.parametrize("part", ["train", "dev"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rows: rows[:-1], id="a row less"),
        pytest.param(lambda rows: [replace(rows[0], post=Post("thanks")), *rows[1:]], id="another text"),
        pytest.param(lambda rows: [replace(rows[0], labels={"intent": "spam"}), *rows[1:]], id="other labels"),
    ],
)
def test_a_job_with_other_rows_to_learn_from_is_another_job(
    job: Job, part: str, change: Callable[[list[Example]], list[Example]]
) -> None:
    parts = replace(job.parts, **{part: change(getattr(job.parts, part))})
    assert replace(job, parts=parts).identity() != job.identity()


def test_a_job_with_another_taxonomy_is_another_job(job: Job) -> None:
    taxonomy = Taxonomy.from_dict({**job.taxonomy.to_dict(), "routing": None})
    assert replace(job, taxonomy=taxonomy).identity() != job.identity()


def test_what_does_not_change_the_weights_does_not_change_the_job(job: Job) -> None:
    parts = replace(job.parts, test=job.parts.test[:3], calibration=job.parts.calibration[:3])
    assert replace(job, parts=parts, sources=[]).identity() == job.identity()


def test_a_temperature_is_fitted_for_each_head_on_the_posts_that_carry_it(taxonomy: Taxonomy) -> None:
    generator = np.random.default_rng(5)
    targets = generator.integers(0, 3, 200)
    logits = (3 * np.eye(3)[targets] + 4 * generator.standard_normal((200, 3))).astype(np.float32)
    labels = [{"intent": taxonomy.head("intent").labels[target]} for target in targets]
    examples = [Example(Post("late"), each) for each in labels[:150]] + [Example(Post("late"), {})] * 50
    scores = Scores({"intent": logits, "urgency": logits, "department": logits[:, :2]}, np.zeros((200, 4), np.float32))
    policy = fit_policy(scores, examples, taxonomy, "m")
    temperature = policy.heads["intent"].temperature
    loss, colder, warmer = (
        log_loss(targets[:150], softmax(logits[:150].astype(np.float64) / (temperature * factor), axis=1))
        for factor in (1.0, 0.95, 1.05)
    )
    assert loss < min(colder, warmer)
    assert [policy.heads[name].temperature for name in ("urgency", "department")] == [1.0, 1.0]


def test_an_exported_bundle_is_the_next_version_and_names_its_parent(exported: Bundle) -> None:
    assert exported.manifest.reference == "toy@2"
    assert exported.manifest.parent == "toy@1"
    root = exported.path.parent.parent
    assert Registry(root).promoted() == "toy@1"
    assert unfinished(root) == []


def test_an_exported_bundle_keeps_weights_tokenizer_taxonomy_and_rows(exported: Bundle, bundle: Bundle) -> None:
    kept = (TOKENIZER, TAXONOMY, TRAINING_ROWS, f"{WEIGHTS}/model.safetensors", f"{WEIGHTS}/config.json")
    assert {name: exported.manifest.files[name] for name in kept} == {
        name: bundle.manifest.files[name] for name in kept
    }
    assert exported.manifest.provenance["recipe"] == bundle.manifest.provenance["recipe"]
    assert exported.manifest.max_tokens == bundle.manifest.max_tokens
    assert exported.policy.model_sha256 == exported.manifest.files[MODEL]


def test_the_wished_precision_is_served_and_stands_in_the_manifest(exported: Bundle, bundle: Bundle) -> None:
    assert (bundle.manifest.precision, exported.manifest.precision) == ("int8", "fp32")
    assert "int8" not in exported.manifest.provenance["graph"]
    assert (exported.path / MODEL).stat().st_size != (bundle.path / MODEL).stat().st_size


def test_an_exported_bundle_scores_as_its_parent_does(exported: Bundle, bundle: Bundle, parts: Parts) -> None:
    engines = [each.engine(workers=1) for each in (exported, bundle)]
    child, parent = (engine.score(posts_of(parts.test)) for engine in engines)
    for engine in engines:
        engine.close()
    for head, logits in parent.logits.items():
        np.testing.assert_allclose(child.logits[head], logits, rtol=0, atol=0.01)  # the parent's are in int8
        np.testing.assert_array_equal(child.logits[head].argmax(axis=1), logits.argmax(axis=1))


def test_int8_that_does_not_pass_its_gate_is_not_served_and_the_manifest_says_why(
    registry: Registry, held_out: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Registry(Path(shutil.copytree(registry.root, tmp_path / "models")))
    monkeypatch.setattr("training.precision.quantize", _quantize_badly)
    path = export_bundle(Bundle.load(copy.resolve("toy@1")), Precision.INT8, held_out, [], copy)
    manifest = Bundle.load(path).manifest
    assert manifest.precision == "fp32"
    reasons = manifest.provenance["graph"]["fp32_because"]
    fault = re.compile(r"\w+: the same label for [\d.]+% of \d+ posts, expected at least 98%")
    assert any(map(fault.fullmatch, reasons))
    assert f"Served in float32, because int8 did not pass its gate: {reasons[0]}" in Bundle.load(path).card()


def _quantize_badly(graph: Path, path: Path, sample: Sequence[Encoded]) -> Quantised:
    """As `quantize`, but the graph then calls every post an outage."""
    quantised = quantize(graph, path, sample)
    model = onnx.load(str(path))
    [bias] = [tensor for tensor in model.graph.initializer if tensor.name == "network.heads.intent.bias"]
    moved = numpy_helper.to_array(bias) + np.array([0, 100, 0], np.float32)
    bias.CopyFrom(numpy_helper.from_array(moved, bias.name))
    onnx.save(model, str(path))
    return quantised


def test_provenance_of_an_exported_bundle_counts_the_posts_that_it_was_scored_on(exported: Bundle) -> None:
    assert exported.manifest.provenance["exported_with"]["posts"]["test"] == exported.metrics()["n"]


@pytest.fixture
def copy(registry: Registry, tmp_path: Path) -> Registry:
    return Registry(Path(shutil.copytree(registry.root, tmp_path / "models")))


def test_examples_of_one_group_are_too_few_to_calibrate_and_score(copy: Registry, parts: Parts) -> None:
    one_story = [replace(example, group="one story") for example in parts.test]
    before = sorted(copy.root.rglob("*"))
    with pytest.raises(DataError, match="too few to calibrate on one half and score on the other"):
        export_bundle(Bundle.load(copy.resolve("toy")), Precision.INT8, one_story, [], copy)
    assert sorted(copy.root.rglob("*")) == before


def test_a_bundle_without_weights_cannot_be_exported(copy: Registry, parts: Parts) -> None:
    path = copy.resolve("toy")
    plain = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    plain["files"] = {name: sha for name, sha in plain["files"].items() if not name.startswith(WEIGHTS)}
    (path / MANIFEST).write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(BundleError, match="no training weights in this bundle"):
        export_bundle(Bundle.load(path), Precision.INT8, parts.test, [], copy)
    assert copy.references() == ["toy@1"]
