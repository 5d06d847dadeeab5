from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from data.errors import BundleError
from data.normalise import normalise
from model.bundle import TOKENIZER, Bundle
from model.encoders import find_encoder
from model.tokenizer import PostTokenizer
from tests.tiny import WORDS as TOY_WORDS

WORDS = TOY_WORDS.split()


@pytest.fixture(scope="module")
def tokenizer(bundle: Bundle) -> PostTokenizer:
    """Of `toy@1`, which reads 32 tokens, and here no more of a post."""
    return PostTokenizer.from_file(bundle.path / TOKENIZER, 32)


@pytest.fixture(scope="module")
def windowed(bundle: Bundle) -> PostTokenizer:
    """The same, which reads a longer post in up to four windows of 30 words."""
    return PostTokenizer.from_file(bundle.path / TOKENIZER, 32, max_windows=4)


@pytest.fixture(scope="module")
def real_tokenizer() -> PostTokenizer:
    """Of the default encoder."""
    return PostTokenizer(find_encoder().tokenizer(), 16)


def test_a_post_becomes_the_ids_of_its_words_between_the_encoders_markers(tokenizer: PostTokenizer) -> None:
    [post] = tokenizer.encode(["refund please order"])
    assert post.ids == [2, 10, 11, 6, 3]  # [CLS], places in the toy vocabulary, [SEP]
    assert (post.truncated, post.empty) == (False, False)


@pytest.mark.parametrize("marker", ["[SEP]", "[CLS]", "[PAD]", "[UNK]", "[MASK]"])
def test_a_special_token_written_in_a_post_stays_ordinary_text(real_tokenizer: PostTokenizer, marker: str) -> None:
    [post] = real_tokenizer.encode([f"send {marker} back"])
    [spelled] = real_tokenizer.encode([f"send [ {marker[1:-1].lower()} ] back"])
    assert post.ids == spelled.ids
    assert [id_ for id_ in post.ids if id_ in {0, 100, 101, 102, 103}] == [101, 102]


def test_a_special_token_stays_ordinary_text_after_saving_and_loading(
    real_tokenizer: PostTokenizer, tmp_path: Path
) -> None:
    (tmp_path / TOKENIZER).write_text(real_tokenizer.to_json(), encoding="utf-8")
    loaded = PostTokenizer.from_file(tmp_path / TOKENIZER, 16)
    texts = ["send [SEP] back", "a plain post", "one that is long " * 10]
    assert loaded.encode(texts) == real_tokenizer.encode(texts)


@pytest.mark.parametrize(("words", "truncated"), [(29, False), (30, False), (31, True), (500, True)])
def test_a_post_of_more_tokens_than_the_model_takes_is_cut_and_says_so(
    tokenizer: PostTokenizer, words: int, truncated: bool
) -> None:
    [post] = tokenizer.encode(["late " * words])
    assert len(post.ids) == min(words + 2, 32)
    assert (post.truncated, post.end_read) == (truncated, False)
    assert (post.tokens, post.more) == (len(post.ids), ())
    assert post.ids[-1] == 3  # the end marker is kept


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (1, [0]),
        (30, [0]),
        (31, [0, 1]),
        (60, [0, 30]),
        (61, [0, 30, 31]),
        (119, [0, 30, 60, 89]),
        (120, [0, 30, 60, 90]),
    ],
)
def test_a_longer_post_is_read_in_whole_windows_of_which_the_last_ends_with_it(
    windowed: PostTokenizer, words: int, starts: list[int]
) -> None:
    text = [WORDS[index % len(WORDS)] for index in range(words)]
    [post] = windowed.encode([" ".join(text)])
    expected = windowed.encode([" ".join(text[start : start + 30]) for start in starts])
    assert [post.ids, *post.more] == [window.ids for window in expected]
    assert (post.tokens, post.truncated, post.end_read, post.empty) == (words + 2, False, False, False)


@pytest.mark.parametrize("words", [121, 150, 900, 5_000])
def test_of_a_post_of_too_many_windows_the_first_ones_and_its_end_are_read(windowed: PostTokenizer, words: int) -> None:
    text = [WORDS[index % len(WORDS)] for index in range(words)]
    [post] = windowed.encode([" ".join(text)])
    expected = windowed.encode([" ".join(text[first : first + 30]) for first in (0, 30, 60, words - 30)])
    assert [post.ids, *post.more] == [window.ids for window in expected]
    assert (post.tokens, post.truncated, post.end_read) == (122, True, True)


def test_a_post_of_one_window_is_encoded_as_without_windows(tokenizer: PostTokenizer, windowed: PostTokenizer) -> None:
    texts = ["", "refund please", "late " * 30]
    assert windowed.encode(texts) == tokenizer.encode(texts)


def test_windows_stand_between_the_markers_of_any_encoder(bundle: Bundle) -> None:
    """Some put a marker behind the words only, and one put nowhere would be a window without an end."""
    tokenizer = Tokenizer.from_file(str(bundle.path / TOKENIZER))
    tokenizer.post_processor = TemplateProcessing(single="$A [SEP] [SEP]", special_tokens=[("[SEP]", 3)])
    [post] = PostTokenizer(tokenizer, 6, max_windows=4).encode(["refund please order late site"])
    assert [post.ids, *post.more] == [[10, 11, 6, 8, 3, 3], [11, 6, 8, 12, 3, 3]]
    assert (post.tokens, post.repeated) == (7, 5)


@pytest.mark.parametrize("text", ["", "  \n\t", "\u200b\u200d", "\x00", "&nbsp;"])
def test_a_post_of_which_nothing_is_left_is_flagged_empty(tokenizer: PostTokenizer, text: str) -> None:
    [post] = tokenizer.encode([text])
    assert post.empty
    assert post.ids == [2, 3]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("refund&nbsp;please", "refund please"),
        ("re\u200bfund\tplease", "refund please"),
        ("🔥 please", "fire please"),
        ("call 0041791234567", "call [number]"),
        ("mail jo.doe@example.org", "mail [email]"),
        ("see https://example.org/x?y=1 now", "see [link] now"),
        ("cafe\u0301", "café"),
    ],
)
def test_a_post_is_normalised_before_it_is_tokenised(real_tokenizer: PostTokenizer, raw: str, clean: str) -> None:
    [from_raw], [from_clean] = real_tokenizer.encode([raw]), real_tokenizer.encode([clean])
    assert from_raw == from_clean
    assert from_raw.ids != real_tokenizer.encode(["something else"])[0].ids


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.text(max_size=80), max_size=6))
def test_any_texts_are_encoded_in_order_within_the_length(real_tokenizer: PostTokenizer, texts: list[str]) -> None:
    posts = real_tokenizer.encode(texts)
    assert posts == [post for text in texts for post in real_tokenizer.encode([text])]
    for text, post in zip(texts, posts, strict=True):
        assert 2 <= len(post.ids) <= 16
        assert not post.truncated or len(post.ids) == 16
        assert normalise(text) or post.empty


def test_no_posts_give_no_ids(tokenizer: PostTokenizer) -> None:
    assert tokenizer.encode([]) == []


def test_padding_uses_the_encoders_own_id(real_tokenizer: PostTokenizer, tmp_path: Path) -> None:
    renamed = real_tokenizer.to_json().replace('"[PAD]"', '"[NONE]"').replace('"[unused5]"', '"<pad>"')
    (tmp_path / TOKENIZER).write_text(renamed, encoding="utf-8")
    assert real_tokenizer.pad_id == 0
    assert PostTokenizer.from_file(tmp_path / TOKENIZER, 16).pad_id == 6  # where [unused5] was


@pytest.mark.parametrize("content", ["", "{", "{}", '{"model": {"type": "nonsense"}}'])
def test_a_file_that_is_no_tokenizer_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / TOKENIZER).write_text(content)
    with pytest.raises(BundleError, match=r"tokenizer\.json: not a tokenizer\.json") as caught:
        PostTokenizer.from_file(tmp_path / TOKENIZER, 16)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_tokenizer_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"absent\.json: not a tokenizer\.json"):
        PostTokenizer.from_file(tmp_path / "absent.json", 16)


def test_what_no_model_could_read_is_cut_before_it_is_tokenised(bundle: Bundle) -> None:
    tokenizer = bundle.tokenizer()
    [one_word, many] = tokenizer.encode(["x" * 100_000, "late " * 100_000])
    assert one_word.truncated
    assert many.truncated
    assert (one_word.end_read, many.end_read) == (True, True)
    assert many == tokenizer.encode(["late " * 300])[0]
    beginning = PostTokenizer.from_file(bundle.path / TOKENIZER, 32)
    [one_word, many] = beginning.encode(["x" * 100_000, "late " * 100_000])
    assert (one_word.truncated, one_word.end_read) == (many.truncated, many.end_read) == (True, False)
    assert many == beginning.encode(["late " * 100])[0]


def test_the_end_of_a_text_of_any_length_is_read(windowed: PostTokenizer) -> None:
    [post] = windowed.encode([f"{'late ' * 50_000}refund"])
    assert post.more[-1][-2:] == [10, 3]
    assert post.truncated
