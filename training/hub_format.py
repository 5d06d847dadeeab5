"""The weights of a bundle as the Hugging Face libraries load them."""

import shutil
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from data.errors import BundleError
from data.files import publish_folder, whole_folder
from model.bundle import TOKENIZER, Bundle


def write_hub_format(bundle: Bundle, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer, for `TriageNetwork.from_pretrained` and `AutoTokenizer`.

    Raises:
        BundleError: the bundle has no weights, or the folder exists and is not empty.
    """
    weights = bundle.weights()
    with whole_folder(folder.parent) as temporary:
        shutil.copytree(weights, temporary, dirs_exist_ok=True)
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(bundle.path / TOKENIZER), model_max_length=bundle.manifest.max_tokens
        )
        tokenizer.save_pretrained(temporary)
        try:
            publish_folder(temporary, folder)
        except OSError as error:
            raise BundleError(
                f"{folder}: cannot be written: {error.strerror}; name a folder that does not exist"
            ) from error
