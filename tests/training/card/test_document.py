import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from model.bundle import CARD, METRICS, Bundle
from model.registry import Registry
from training.card.document import card, hub_card

SECTIONS = [
    "Model details",
    "Uses",
    "Bias, risks and limitations",
    "How to get started",
    "Training details",
    "Evaluation",
]


def test_the_card_of_a_bundle_is_the_one_in_its_folder(bundle: Bundle) -> None:
    assert card(bundle.path, bundle.manifest) == (bundle.path / CARD).read_text(encoding="utf-8")


def test_a_card_has_the_sections_of_the_hub_in_their_order_and_data_that_the_hub_reads(bundle: Bundle) -> None:
    read = ModelCard(bundle.card())
    assert re.findall(r"^## (.*)$", read.text, re.MULTILINE) == SECTIONS
    assert read.text.strip().startswith("# toy@1\n")
    plain = read.data.to_dict()  # type: ignore[no-untyped-call]  # as huggingface_hub has it
    assert plain["model-index"][0]["name"] == "toy@1"
    assert plain["library_name"] == "onnx"


def test_a_card_holds_the_figures_of_its_metrics(bundle: Bundle) -> None:
    for name, head in bundle.metrics()["heads"].items():
        assert re.search(rf"^\| {name} \| {head['n']} \| {head['accuracy']:.3f} \| ", bundle.card(), re.MULTILINE)


def test_a_card_tells_no_text_of_a_post(bundle: Bundle) -> None:
    for text in ("site is down again", "win cash now", "refund please order"):
        assert text not in bundle.card()


def test_a_policy_of_its_own_has_a_card_of_its_own(registry: Registry, tmp_path: Path) -> None:
    copy = Registry(Path(shutil.copytree(registry.root, tmp_path / "models")))
    parent = Bundle.load(copy.resolve("toy@1"))
    heads = {name: head.model_copy(update={"threshold": 0.97}) for name, head in parent.policy.heads.items()}
    policy = parent.policy.model_copy(update={"heads": heads})
    child = Bundle.load(copy.publish_policy(parent, policy, {"targets": ["department:error<=0.02"]}, card))
    text = child.card()
    assert "# toy@2" in text
    assert "| `urgency` | ordinal | 3 |  | 0.970 |" in text
    assert "Made from `toy@1`." in text
    assert "`department:error<=0.02`" in text
    assert "Not measured under this policy" in text
    assert "0.500" not in text.partition("## Uses")[0]


def test_the_card_for_the_hub_says_how_it_is_used_there(bundle: Bundle) -> None:
    text = hub_card(bundle.path, bundle.manifest, "Use it so.")
    assert "## How to get started\n\nUse it so.\n" in text
    assert "triage serve" not in text
    assert "library_name: transformers" in text


@pytest.mark.parametrize("without_figures", [False, True])
def test_an_old_bundle_whose_manifest_knows_little_has_a_card(
    bundle: Bundle, tmp_path: Path, without_figures: bool
) -> None:
    folder = Path(shutil.copytree(bundle.path, tmp_path / "old"))
    if without_figures:
        (folder / METRICS).unlink()
    text = card(folder, bundle.manifest.model_copy(update={"provenance": {}}))
    found = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert found == SECTIONS
    assert ("No figures are recorded" in text) is without_figures
