"""From text to token ids: the same path in training and in serving."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from data.errors import BundleError
from data.normalise import normalise

# Far more than a token has in any text; what lies beyond would be tokenised only to be cut off.
_CHARACTERS_A_TOKEN = 32


@dataclass(frozen=True, slots=True)
class Encoded:
    """A post as the network reads it.

    Attributes:
        ids: token ids with the encoder's special tokens, unpadded, never empty; of a longer post its first window.
        truncated: the post had more tokens than the model reads; some were cut off.
        empty: nothing was left of the text but special tokens.
        more: the further windows of a longer post, each as `ids`; the last one ends with the post.
        repeated: ids of `more` that stand in the window before already, special tokens among them.
        end_read: of a truncated post the end was read too: what was cut off stood before the last window.
    """

    ids: list[int]
    truncated: bool
    empty: bool
    more: tuple[list[int], ...] = ()
    repeated: int = 0
    end_read: bool = False

    @property
    def tokens(self) -> int:
        """That are read of the post, special tokens included."""
        return len(self.ids) + sum(map(len, self.more)) - self.repeated


class PostTokenizer:
    """Normalises and tokenises posts; safe to share between threads.

    A post of more than `max_tokens` is read in windows of that length, `model.windows` says how they become one answer.
    The last window is moved back so that it is a whole one and ends with the post. Of a post that needs more than
    `max_windows` the first ones and the last one are read; with a single window, its beginning.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, max_windows: int = 1) -> None:
        """
        Args:
            tokenizer: the encoder's; it is configured here and must not be shared.
            max_tokens: that the network reads at once, special tokens included.
            max_windows: that are read of a longer post at most.
        """
        tokenizer.no_padding()
        if max_windows == 1:
            tokenizer.enable_truncation(max_tokens)
        else:
            tokenizer.no_truncation()
        # Without this, somebody who writes "[SEP]" in a post puts the encoder's own marker there.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._special = tokenizer.num_special_tokens_to_add(is_pair=False)
        self.max_tokens = max_tokens
        self.max_windows = max_windows
        self._longest = self.most_tokens * _CHARACTERS_A_TOKEN

    @classmethod
    def from_file(cls, path: Path, max_tokens: int, max_windows: int = 1) -> "PostTokenizer":
        """Load tokenizer.json.

        Raises:
            BundleError: it is not one.
        """
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise BundleError(f"{path}: not a tokenizer.json: {error}") from error
        return cls(tokenizer, max_tokens, max_windows)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Normalise and tokenise posts, in order."""
        normalised = [normalise(text) for text in texts]
        encodings = self._tokenizer.encode_batch_fast([self._shortened(text) for text in normalised])
        longest = self._longest
        return [
            self._windows(encoding, cut=len(text) > longest)
            if len(encoding.ids) > self.max_tokens
            else Encoded(
                encoding.ids,
                truncated=bool(encoding.overflowing) or len(text) > longest,
                empty=len(encoding.ids) <= self._special,
                end_read=len(text) > longest and self.max_windows > 1,
            )
            for text, encoding in zip(normalised, encodings, strict=True)
        ]

    @property
    def most_tokens(self) -> int:
        """That are read of a post at most."""
        return self.max_tokens * self.max_windows

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

    def _shortened(self, text: str) -> str:
        """What can be read of a text and a little more: without its middle, or its end where that is not read."""
        if len(text) <= self._longest:
            return text
        if self.max_windows == 1:
            return text[: self._longest]
        end = self.max_tokens * _CHARACTERS_A_TOKEN
        return f"{text[: self._longest - end]} {text[-end:]}"

    def _windows(self, encoding: Encoding, *, cut: bool) -> Encoded:
        """
        Args:
            encoding: of a whole post, longer than a window.
            cut: characters of it were left out before.
        """
        ids, before = encoding.ids, encoding.special_tokens_mask.index(0)  # special tokens before the words
        behind = len(ids) - (self._special - before)
        head, words, tail = ids[:before], ids[before:behind], ids[behind:]
        room = self.max_tokens - self._special
        last = len(words) - room
        starts = [*range(0, last, room), last]
        read = starts if len(starts) <= self.max_windows else [*starts[: self.max_windows - 1], last]
        first, *more = ([*head, *words[start : start + room], *tail] for start in read)
        tokens = min(len(words), len(read) * room) + self._special
        truncated = cut or len(read) < len(starts)
        return Encoded(
            first,
            truncated=truncated,
            empty=False,
            more=tuple(more),
            repeated=len(read) * self.max_tokens - tokens,
            end_read=truncated,
        )
