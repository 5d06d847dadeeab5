import multiprocessing
import shutil
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from data.errors import BundleError, PolicyError, RegistryError
from data.taxonomy import Taxonomy
from model import bundle as layout
from model.bundle import MODEL, SERVED, About, Bundle, inherit, seal
from model.policy import LabelSets, Policy
from model.registry import POINTER, Registry


def filling(source: Path, name: str = "toy") -> Callable[[Path, int], None]:
    """Writes a bundle of what another one serves."""
    bundle = Bundle.load(source)

    def fill(folder: Path, version: int) -> None:
        inherit(bundle, folder, SERVED)
        seal(folder, About(name=name, version=version, precision="fp32", max_tokens=32, max_windows=3))

    return fill


def publish_a_few(root: Path, source: Path, together: Barrier) -> None:
    """Run in a process of its own."""
    fill = filling(source)
    together.wait(timeout=60)
    for _ in range(5):
        Registry(root).publish("toy", fill)


@pytest.fixture
def copy(registry: Registry, tmp_path: Path) -> Registry:
    """A copy of the registry with `toy@1`, which a test may change."""
    return Registry(Path(shutil.copytree(registry.root, tmp_path / "models")))


@pytest.fixture
def three(copy: Registry, bundle: Bundle) -> Registry:
    """`toy@1` to `toy@3`, the first of them promoted."""
    copy.publish("toy", filling(bundle.path))
    copy.publish("toy", filling(bundle.path))
    return copy


def test_versions_count_up_by_name_and_the_first_bundle_is_promoted(bundle: Bundle, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    paths = [registry.publish(name, filling(bundle.path, name)) for name in ("toy", "toy", "other")]
    assert [path.relative_to(registry.root).as_posix() for path in paths] == ["toy/1", "toy/2", "other/1"]
    assert registry.references() == ["other@1", "toy@1", "toy@2"]
    assert registry.promoted() == "toy@1"
    assert [Bundle.load(path).manifest.version for path in paths] == [1, 2, 1]


def test_versions_are_ordered_as_numbers(copy: Registry, bundle: Bundle) -> None:
    (copy.root / "toy" / "1").rename(copy.root / "toy" / "9")
    copy.publish("toy", filling(bundle.path))
    assert copy.references() == ["toy@9", "toy@10"]
    assert copy.resolve("toy") == copy.root / "toy" / "10"


def test_an_empty_folder_has_no_bundle_and_says_how_to_make_one(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "absent")
    assert (registry.references(), registry.promoted()) == ([], None)
    with pytest.raises(RegistryError, match=r"absent: no bundle is promoted; train one \(triage train\)"):
        registry.resolve()


@pytest.mark.parametrize(("reference", "folder"), [("toy", "toy/3"), ("toy@2", "toy/2"), (None, "toy/1")])
def test_a_bundle_is_found_by_name_by_version_or_as_the_promoted_one(
    three: Registry, reference: str | None, folder: str
) -> None:
    assert three.resolve(reference) == three.root / folder


def test_a_bundle_is_found_by_its_path_wherever_it_lies(three: Registry, bundle: Bundle) -> None:
    assert three.resolve(str(bundle.path)) == bundle.path


@pytest.mark.parametrize("reference", ["toy@7", "toy@x", "toy@01", "toy@-1", "other", "other@1", "../models/toy", ""])
def test_an_unknown_bundle_is_refused_and_the_known_ones_are_named(three: Registry, reference: str) -> None:
    with pytest.raises(RegistryError) as caught:
        three.resolve(reference)
    assert f"no bundle {reference!r}: expected the path of a bundle, or one of" in str(caught.value)
    assert "toy@1, toy@2, toy@3" in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../up", "a b", "a@1", "-x", "é"])
def test_a_name_that_cannot_be_a_folders_is_refused(copy: Registry, bundle: Bundle, name: str) -> None:
    before = sorted(copy.root.rglob("*"))
    with pytest.raises(RegistryError, match="cannot be a bundle's name: expected letters, digits"):
        copy.publish(name, filling(bundle.path))
    assert sorted(copy.root.rglob("*")) == before


def test_a_fill_that_fails_leaves_nothing(copy: Registry, bundle: Bundle) -> None:
    def fail(folder: Path, version: int) -> None:
        filling(bundle.path)(folder, version)
        raise OSError(28, "No space left on device")

    before = sorted(copy.root.rglob("*"))
    with pytest.raises(OSError, match="No space left"):
        copy.publish("toy", fail)
    assert sorted(copy.root.rglob("*")) == before
    assert copy.publish("toy", filling(bundle.path)).name == "2"


def test_a_first_fill_that_fails_promotes_nothing(tmp_path: Path) -> None:
    def fail(folder: Path, version: int) -> None:
        (folder / "half").touch()
        raise BundleError("half written")

    registry = Registry(tmp_path)
    with pytest.raises(BundleError, match="half written"):
        registry.publish("toy", fail)
    assert (registry.references(), registry.promoted()) == ([], None)


def test_processes_that_publish_at_once_each_get_versions_of_their_own(bundle: Bundle, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    processes = [
        context.Process(target=publish_a_few, args=(tmp_path / "models", bundle.path, together)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]
    registry = Registry(tmp_path / "models")
    assert registry.references() == [f"toy@{version}" for version in range(1, 11)]
    assert registry.promoted() == "toy@1"
    for reference in registry.references():
        assert Bundle.load(registry.resolve(reference)).manifest.reference == reference


def test_promoting_and_rolling_back_walk_the_same_way(three: Registry) -> None:
    assert [three.promote(reference) for reference in ("toy@3", "toy", "toy@2")] == ["toy@3", "toy@3", "toy@2"]
    assert three.promoted() == "toy@2"
    assert three.resolve() == three.root / "toy" / "2"
    assert [three.rollback(), three.rollback()] == ["toy@3", "toy@1"]
    assert Registry(three.root).promoted() == "toy@1"


def test_with_nothing_promoted_before_there_is_nothing_to_go_back_to(three: Registry) -> None:
    with pytest.raises(RegistryError, match="nothing was promoted before"):
        three.rollback()
    assert three.promoted() == "toy@1"


def test_a_bundle_of_the_folder_may_be_promoted_by_its_path(three: Registry) -> None:
    assert three.promote(str(three.root / "toy" / "2")) == "toy@2"


def test_a_bundle_that_lies_elsewhere_is_not_promoted(three: Registry, bundle: Bundle) -> None:
    with pytest.raises(RegistryError, match="only bundles of the folder can be promoted"):
        three.promote(str(bundle.path))
    assert three.promoted() == "toy@1"


def test_a_torn_bundle_is_not_promoted(three: Registry) -> None:
    (three.root / "toy" / "2" / MODEL).unlink()
    with pytest.raises(BundleError, match=r"2/model\.onnx: missing"):
        three.promote("toy@2")
    assert three.promoted() == "toy@1"


def test_nothing_rolls_back_to_a_torn_bundle(three: Registry) -> None:
    three.promote("toy@2")
    (three.root / "toy" / "1" / MODEL).unlink()
    with pytest.raises(BundleError, match=r"1/model\.onnx: missing"):
        three.rollback()
    assert three.promoted() == "toy@2"


def test_a_promoted_bundle_that_was_deleted_is_named(three: Registry) -> None:
    shutil.rmtree(three.root / "toy" / "1")
    with pytest.raises(RegistryError, match=r"no bundle 'toy@1': .*toy@2, toy@3"):
        three.resolve()


@pytest.mark.parametrize("content", ["", '{"current": ', '{"current": 3}', '{"now": "toy@1"}', "[]"])
def test_a_broken_pointer_is_refused_by_its_name_with_the_way_to_mend_it(three: Registry, content: str) -> None:
    (three.root / POINTER).write_text(content)
    with pytest.raises(RegistryError, match=r"promoted\.json: not a pointer .*triage models promote NAME@VERSION"):
        three.resolve()
    (three.root / POINTER).unlink()
    three.promote("toy@2")
    assert three.resolve() == three.root / "toy" / "2"


def test_with_a_broken_pointer_nothing_is_published(three: Registry, bundle: Bundle) -> None:
    (three.root / POINTER).write_text("{")
    with pytest.raises(RegistryError, match="not a pointer"):
        three.publish("toy", filling(bundle.path))
    assert three.references() == ["toy@1", "toy@2", "toy@3"]


def strict(bundle: Bundle, **changes: object) -> Policy:
    """The policy of a bundle with other thresholds, and other changes to the head `urgency`."""
    heads = {name: head.model_copy(update={"threshold": 0.97}) for name, head in bundle.policy.heads.items()}
    heads["urgency"] = heads["urgency"].model_copy(update=changes)
    return bundle.policy.model_copy(update={"heads": heads})


def plain_card(folder: Path, manifest: About) -> str:
    """Tells what it was given: a manifest, and a folder with the policy that it is of."""
    threshold = Policy.read(folder / layout.POLICY).heads["intent"].threshold
    return f"{manifest.reference}, made from {manifest.parent}, threshold {threshold}\n"


def test_a_policy_makes_the_next_version_of_the_same_model(copy: Registry) -> None:
    parent = Bundle.load(copy.resolve("toy@1"))
    before = {path: path.read_bytes() for path in sorted(parent.path.rglob("*")) if path.is_file()}
    policy = strict(parent, label_sets=LabelSets(coverage=0.9, least_probability=0.1))
    path = copy.publish_policy(parent, policy, {"targets": ["department:error<=0.02@0.95"], "seed": 13}, plain_card)

    assert path == copy.root / "toy" / "2"
    child = Bundle.load(path)
    assert (child.manifest.reference, child.manifest.parent) == ("toy@2", "toy@1")
    assert child.policy == policy
    assert child.policy.version != parent.policy.version
    for name in ("precision", "max_tokens", "max_windows"):
        assert getattr(child.manifest, name) == getattr(parent.manifest, name)
    assert child.manifest.provenance["tuned"] == [{"targets": ["department:error<=0.02@0.95"], "seed": 13}]
    assert {**child.manifest.provenance, "tuned": None} == {**parent.manifest.provenance, "tuned": None}
    assert {file: content for file, content in before.items() if file.read_bytes() != content} == {}
    assert copy.promoted() == "toy@1", "a policy is promoted by somebody who has looked at it"


def test_all_that_is_not_of_the_policy_is_inherited(copy: Registry) -> None:
    parent = Bundle.load(copy.resolve("toy@1"))
    child = Bundle.load(copy.publish_policy(parent, strict(parent), {}, plain_card))
    changed = {layout.POLICY, layout.METRICS, layout.CARD}
    assert set(child.manifest.files) == set(parent.manifest.files)
    assert {name for name, sha in child.manifest.files.items() if sha != parent.manifest.files[name]} == changed
    assert [file.name for file in sorted(child.weights().iterdir())] == [
        file.name for file in sorted(parent.weights().iterdir())
    ]
    assert child.training_rows() == parent.training_rows()
    reference = child.reference()
    assert reference is not None
    assert child.card() == "toy@2, made from toy@1, threshold 0.97\n"


def test_figures_of_decisions_that_are_no_longer_made_are_left_out(copy: Registry) -> None:
    parent = Bundle.load(copy.resolve("toy@1"))
    assert {"routing", "decided"} <= set(parent.metrics())
    child = Bundle.load(copy.publish_policy(parent, strict(parent), {}, plain_card))
    assert child.metrics() == {"n": parent.metrics()["n"], "heads": parent.metrics()["heads"]}


@pytest.mark.parametrize("change", [{"temperature": 3.0}, {"scales": (1.0, 2.0, 1.0)}, {"biases": (0.0, 1.0, 0.0)}])
def test_figures_of_a_head_that_is_calibrated_anew_are_left_out(copy: Registry, change: dict[str, object]) -> None:
    parent = Bundle.load(copy.resolve("toy@1"))
    child = Bundle.load(copy.publish_policy(parent, strict(parent, **change), {}, plain_card))
    assert set(child.metrics()["heads"]) == {"intent", "department"}


def test_a_policy_of_a_policy_has_it_as_parent(copy: Registry) -> None:
    first = Bundle.load(copy.resolve("toy@1"))
    second = Bundle.load(copy.publish_policy(first, strict(first), {"seed": 1}, plain_card))
    third = Bundle.load(copy.publish_policy(second, first.policy, {"seed": 2}, plain_card))
    assert (third.manifest.parent, third.manifest.provenance["tuned"]) == ("toy@2", [{"seed": 1}, {"seed": 2}])
    assert third.policy == first.policy


def test_a_bundle_that_was_shipped_without_figures_and_weights_gets_a_policy_too(copy: Registry) -> None:
    copy.publish("toy", filling(copy.resolve("toy@1")))
    bare = Bundle.load(copy.resolve("toy@2"))
    child = Bundle.load(copy.publish_policy(bare, strict(bare), {}, plain_card))
    assert set(child.manifest.files) == set(SERVED)
    assert (child.manifest.parent, child.manifest.max_windows) == ("toy@2", 3)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"model_sha256": "of another model"}, "the policy was made for the model of another m"),
        ({"taxonomy_sha256": "of another taxonomy"}, "the policy was made for the taxonomy of another t"),
    ],
)
def test_a_policy_of_another_model_or_taxonomy_is_not_published(
    copy: Registry, change: dict[str, str], fault: str
) -> None:
    parent = Bundle.load(copy.resolve("toy@1"))
    before = sorted(copy.root.rglob("*"))
    with pytest.raises(PolicyError, match=fault):
        copy.publish_policy(parent, parent.policy.model_copy(update=change), {}, plain_card)
    assert sorted(copy.root.rglob("*")) == before


def test_a_policy_that_lacks_a_head_is_not_published(copy: Registry, taxonomy: Taxonomy) -> None:
    parent = Bundle.load(copy.resolve("toy@1"))
    heads = {head.name: parent.policy.heads[head.name] for head in taxonomy if head.name != "urgency"}
    with pytest.raises(PolicyError, match="does not have the heads and labels of the taxonomy"):
        copy.publish_policy(parent, parent.policy.model_copy(update={"heads": heads}), {}, plain_card)


@pytest.mark.parametrize("name", [layout.METRICS, layout.TRAINING_ROWS, "weights/model.safetensors"])
def test_a_policy_of_a_damaged_bundle_is_not_published(copy: Registry, name: str) -> None:
    """Least of all under a new checksum."""
    parent = Bundle.load(copy.resolve("toy@1"))
    (parent.path / name).write_text("{}")
    with pytest.raises(BundleError, match=f"{name}: torn or altered"):
        copy.publish_policy(parent, strict(parent), {}, plain_card)
    assert copy.references() == ["toy@1"]


def test_a_bundle_is_found_by_where_it_came_from_the_oldest_first_and_torn_ones_passed_over(
    registry: Registry, bundle: Bundle, tmp_path: Path
) -> None:
    copy = Registry(Path(shutil.copytree(registry.root, tmp_path / "models")))

    def fill(folder: Path, version: int) -> None:
        inherit(bundle, folder, SERVED)
        seal(folder, bundle.manifest.made_anew(version=version, provenance={"run": "wanted"}))

    torn, second, _ = (copy.publish("toy", fill) for _ in range(3))
    (torn / "policy.json").unlink()
    assert copy.find("toy", lambda provenance: provenance.get("run") == "wanted") == second
    assert copy.find("toy", lambda provenance: provenance.get("run") == "another") is None
    assert copy.find("other", lambda provenance: True) is None
