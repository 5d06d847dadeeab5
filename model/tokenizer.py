"""From text to token ids: the same path in training and in serving."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from data.errors import BundleError
from data.normalise import normalise

# Far more than a token has in any text; what lies beyond would be tokenised only to be cut off.
_CHARACTERS_A_TOKEN = 32


@dataclass(frozen=True, slots=True)
class Encoded:
    """A post as the network reads it.

    Attributes:
        ids: token ids with the encoder's special tokens, unpadded, never empty.
        truncated: the post had more tokens than the model takes; the rest was cut off.
        empty: nothing was left of the text but special tokens.
    """

    ids: list[int]
    truncated: bool
    empty: bool


class PostTokenizer:
    """Normalises and tokenises posts; safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        """
        Args:
            tokenizer: the encoder's; it is configured here and must not be shared.
            max_tokens: length at which a post is cut, special tokens included.
        """
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        # Without this, somebody who writes "[SEP]" in a post puts the encoder's own marker there.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._special = tokenizer.num_special_tokens_to_add(is_pair=False)
        self.max_tokens = max_tokens

    @classmethod
    def from_file(cls, path: Path, max_tokens: int) -> "PostTokenizer":
        """Load tokenizer.json.

        Raises:
            BundleError: it is not one.
        """
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise BundleError(f"{path}: not a tokenizer.json: {error}") from error
        return cls(tokenizer, max_tokens)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Normalise and tokenise posts, in order."""
        normalised = [normalise(text) for text in texts]
        longest = self.max_tokens * _CHARACTERS_A_TOKEN
        return [
            Encoded(
                encoding.ids,
                truncated=bool(encoding.overflowing) or len(text) > longest,
                empty=len(encoding.ids) <= self._special,
            )
            for text, encoding in zip(
                normalised, self._tokenizer.encode_batch_fast([text[:longest] for text in normalised]), strict=True
            )
        ]

    @property
    def pad_id(self) -> int:
        """The id to pad with. Padding is masked, so any id serves where the tokenizer knows no [PAD]."""
        for name in ("[PAD]", "<pad>"):
            found = self._tokenizer.token_to_id(name)
            if found is not None:
                return int(found)
        return 0

    def to_json(self) -> str:
        """The content of tokenizer.json."""
        return str(self._tokenizer.to_str())
