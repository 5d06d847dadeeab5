"""The weights of a bundle as the Hugging Face libraries load them, without this project.

A head a question over mean pooling is no class of `transformers`, and code that a model brings along is not run by
careful people. So the encoder stands in the folder as itself, the heads beside it as plain tensors, and the card shows
the lines that put them together.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from data import normalise
from data.errors import BundleError
from data.files import publish_folder, whole_folder, write_whole
from model.bundle import TOKENIZER, Bundle
from model.network import TriageNetwork
from training.card.document import hub_card

HEADS, HEAD_WEIGHTS, NORMALISATION, README = "heads.json", "heads.safetensors", "normalise.py", "README.md"

# What the families call them; tokenizer.json knows the tokens, but not what each is for.
_SPECIAL_TOKENS = {
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
}

_LINES = """\
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

folder = Path(".")  # this one, or huggingface_hub.snapshot_download("OWNER/NAME")
sys.path.insert(0, str(folder))
from normalise import normalise

texts = ["my order never came", "the app crashes when I log in"]
tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
batch = tokenizer([normalise(text) for text in texts], truncation=True, padding=True, return_tensors="pt")
mask = batch["attention_mask"].unsqueeze(-1)
with torch.inference_mode():
    embedding = (encoder(**batch).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
weights = load_file(folder / "heads.safetensors")
for name, head in json.loads((folder / "heads.json").read_text())["heads"].items():
    logits = embedding @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    scaled = logits * torch.tensor(head["scales"]) + torch.tensor(head["biases"])
    probabilities = (scaled / head["temperature"]).softmax(dim=-1)
    for text, row in zip(texts, probabilities):
        print(name, head["labels"][int(row.argmax())], round(float(row.max()), 4))"""

_USAGE = """\
Here lie the encoder with its tokenizer, as `AutoModel` and `AutoTokenizer` take them; the heads as plain tensors
(`heads.safetensors`) with their labels and calibration (`heads.json`); and the normalisation that every post passes
first (`normalise.py`, Apache-2.0, which needs `pip install emoji`). A post of plain words, without HTML entities,
emoji, links, e-mail addresses and numbers of six digits or more, passes it unchanged. Nothing here is run on loading.

The most probable label of each post and its probability, with `transformers` and without the `triage` command:

```python
{lines}
```

`transformers` may tell that the weights of a pooler are missing: nothing here uses one. {length} {precision}

The embedding alone: `SentenceTransformer("DIR")` of sentence-transformers, given normalised posts. To train further
on the encoder: `triage train FILE --encoder DIR`. What trained it, with the heads: the bundle's own `weights/`."""


def write_hub_format(bundle: Bundle, folder: Path) -> None:
    """Write encoder, heads, tokenizer, normalisation and card.

    Raises:
        BundleError: the bundle has no weights, or the folder exists and is not empty.
    """
    network = TriageNetwork.from_pretrained(bundle.weights())
    with whole_folder(folder.parent) as temporary:
        network.encoder.save_pretrained(temporary)
        save_file(
            {name: tensor.contiguous() for name, tensor in network.heads.state_dict().items()},
            temporary / HEAD_WEIGHTS,
        )
        write_whole(temporary / HEADS, json.dumps(_heads(bundle), indent=2, ensure_ascii=False) + "\n")
        _write_tokenizer(Tokenizer.from_file(str(bundle.path / TOKENIZER)), bundle.manifest.max_tokens, temporary)
        _write_sentence_transformers(temporary, network.encoder.config.hidden_size, bundle.manifest.max_tokens)
        shutil.copyfile(str(normalise.__file__), temporary / NORMALISATION)
        write_whole(temporary / README, hub_card(bundle.path, bundle.manifest, _usage(bundle)))
        try:
            publish_folder(temporary, folder)
        except OSError as error:
            raise BundleError(
                f"{folder}: cannot be written: {error.strerror}; name a folder that does not exist"
            ) from error


def _heads(bundle: Bundle) -> dict[str, Any]:
    """Labels in the order of the logits, and what calibrates these: `(logits * scales + biases) / temperature`."""
    heads = {}
    for head in bundle.taxonomy:
        policy = bundle.policy.heads[head.name]
        heads[head.name] = {
            "kind": head.kind,
            "labels": list(head.labels),
            "definitions": list(head.definitions),
            "temperature": policy.temperature,
            "scales": list(policy.scales or [1.0] * len(head.labels)),
            "biases": list(policy.biases or [0.0] * len(head.labels)),
        }
    return {"max_tokens": bundle.manifest.max_tokens, "heads": heads}


def _usage(bundle: Bundle) -> str:
    precision = f"The service runs these weights in {bundle.manifest.precision}"
    compared = bundle.manifest.provenance.get("graph", {}).get("int8_against_float32", {})
    if bundle.manifest.precision == "int8" and (shifts := compared.get("probability_shift")):
        told = ", ".join(f"{head} {shift:.3f}" for head, shift in shifts.items())
        precision += f": a post's probabilities differ from these by up to about so much in the mean: {told}"
    length = f"Posts are cut after {bundle.manifest.max_tokens} tokens, without a word."
    if bundle.manifest.max_windows > 1:
        length += (
            f" The service reads up to {bundle.manifest.max_windows} such windows of a longer post and makes one of "
            "their logits: the logarithm of the mean of their exponentials."
        )
    return _USAGE.format(lines=_LINES, length=length, precision=f"{precision}.")


def _write_tokenizer(tokenizer: Tokenizer, max_tokens: int, folder: Path) -> None:
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        # Some encoders refuse the types of tokens, and none here was trained with any.
        model_input_names=["input_ids", "attention_mask"],
        # What somebody writes in a post is never a marker of the encoder's own.
        split_special_tokens=True,
        **_special_tokens(tokenizer),
    ).save_pretrained(folder)
    # The name that transformers 5 gives to this class is not known to transformers 4, which could load it all the same.
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    write_whole(path, json.dumps({**settings, "tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n")


def _write_sentence_transformers(folder: Path, dimension: int, max_tokens: int) -> None:
    """What sentence-transformers needs besides: that the embedding is the mean over the tokens."""
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(kinds.items())
    ]
    write_whole(folder / "modules.json", json.dumps(modules, indent=2) + "\n")
    write_whole(folder / "sentence_bert_config.json", json.dumps({"max_seq_length": max_tokens}, indent=2) + "\n")
    pooling = {"word_embedding_dimension": dimension, "pooling_mode_mean_tokens": True}
    write_whole(folder / "1_Pooling" / "config.json", json.dumps(pooling, indent=2) + "\n")


def _special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    return {
        role: token
        for role, tokens in _SPECIAL_TOKENS.items()
        for token in tokens
        if tokenizer.token_to_id(token) is not None
    }
