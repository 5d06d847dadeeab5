"""The weights of a bundle as the Hugging Face libraries load them."""

import shutil
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from data.errors import BundleError
from data.files import publish_folder, whole_folder
from model.bundle import TOKENIZER, Bundle

# What the families call them; tokenizer.json knows the tokens, but not what each is for.
_SPECIAL_TOKENS = {
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
}


def write_hub_format(bundle: Bundle, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer, for `TriageNetwork.from_pretrained` and `AutoTokenizer`.

    Raises:
        BundleError: the bundle has no weights, or the folder exists and is not empty.
    """
    weights = bundle.weights()
    with whole_folder(folder.parent) as temporary:
        shutil.copytree(weights, temporary, dirs_exist_ok=True)
        tokenizer = Tokenizer.from_file(str(bundle.path / TOKENIZER))
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, model_max_length=bundle.manifest.max_tokens, **_special_tokens(tokenizer)
        ).save_pretrained(temporary)
        try:
            publish_folder(temporary, folder)
        except OSError as error:
            raise BundleError(
                f"{folder}: cannot be written: {error.strerror}; name a folder that does not exist"
            ) from error


def _special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    return {
        role: token
        for role, tokens in _SPECIAL_TOKENS.items()
        for token in tokens
        if tokenizer.token_to_id(token) is not None
    }
