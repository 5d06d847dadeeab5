from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BundleError
from model.bundle import MODEL, TOKENIZER, Bundle
from model.cpus import available_cpus
from model.engine import Engine
from model.scores import Scores
from model.tokenizer import Encoded, PostTokenizer
from model.windows import pool

WORDS = ["refund", "order", "late", "site", "down", "win", "cash", "court", "unheard-of", "9"]
HEADS = ["intent", "urgency", "department"]

texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=90).map(" ".join), min_size=1, max_size=12)


@pytest.fixture
def own_engine(bundle: Bundle) -> Iterator[Engine]:
    """An engine with one thread that a test may stop."""
    engine = bundle.engine(workers=1)
    yield engine
    engine.close()


def encoded(length: int) -> Encoded:
    return Encoded([2, *[10] * (length - 2), 3][:length], truncated=False, empty=False)


def assert_same(scores: Scores, expected: Scores) -> None:
    """Equal up to the rounding of the last digit, in int8 as in float32."""
    np.testing.assert_allclose(scores.embedding, expected.embedding, rtol=0, atol=1e-6)
    for head, logits in expected.logits.items():
        np.testing.assert_allclose(scores.logits[head], logits, rtol=0, atol=1e-6)


def one_by_one(engine: Engine, texts: list[str]) -> Scores:
    alone = [engine.score([text]) for text in texts]
    return Scores(
        {head: np.concatenate([scores.logits[head] for scores in alone]) for head in HEADS},
        np.concatenate([scores.embedding for scores in alone]),
    )


@settings(deadline=None, max_examples=30)
@given(texts=texts)
def test_a_post_has_the_same_scores_alone_and_in_any_batch_and_the_order_is_kept(
    engine: Engine, texts: list[str]
) -> None:
    assert_same(engine.score(texts), one_by_one(engine, texts))


def test_posts_of_mixed_lengths_are_answered_in_the_order_in_which_they_were_asked(engine: Engine) -> None:
    texts = ["late " * 30, "site is down", "win cash now " * 6, "refund", "court " * 12, "refund please order"]
    scores = engine.score(texts)
    assert_same(scores, one_by_one(engine, texts))
    assert len(np.unique(scores.embedding.round(4), axis=0)) == len(texts)  # so that a swap would show


def test_a_long_post_has_the_pooled_scores_of_its_windows_among_posts_of_any_length(engine: Engine) -> None:
    words = [WORDS[index % 6] for index in range(100)]
    windows = [" ".join(words[first : first + 30]) for first in (0, 30, 60, 70)]
    scores = engine.score(["refund", " ".join(words), "site is down"])
    pooled = pool(engine.score(windows), [4])
    for head in HEADS:
        np.testing.assert_allclose(scores.logits[head][1], pooled.logits[head][0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scores.embedding[1], pooled.embedding[0], rtol=0, atol=1e-6)
    assert_same(scores, one_by_one(engine, ["refund", " ".join(words), "site is down"]))


def test_what_stands_at_the_end_of_a_long_post_alone_decides_where_nothing_else_does(
    bundle: Bundle, engine: Engine
) -> None:
    filler = "thanks my the " * 10
    outage, refund = (f"{filler}{end * 7}" for end in ("site is down again ", "refund please order "))
    assert engine.score([outage, refund]).logits["intent"].argmax(axis=1).tolist() == [1, 0]
    beginning = Engine(bundle.path / MODEL, PostTokenizer.from_file(bundle.path / TOKENIZER, 32), HEADS, workers=1)
    [one, other] = beginning.score([outage, refund]).logits["intent"]
    beginning.close()
    np.testing.assert_array_equal(one, other)


def test_what_is_known_is_told_in_posts_not_in_windows(bundle: Bundle) -> None:
    engine = bundle.engine(workers=1, cached_posts=100)
    long = ["late " * 100 + "refund", "court " * 40]
    try:
        first = engine.submit(engine.encode([*long, "site"]))
        expected = first.result()
        again = engine.submit(engine.encode([long[1], "down", long[0], long[0]]))
        rows = [1, 0, 0]
        for head, logits in again.result().logits.items():
            np.testing.assert_allclose(logits[[0, 2, 3]], expected.logits[head][rows], rtol=0, atol=1e-6)
        assert (first.known, again.known) == (0, 3)
        assert engine.submit(engine.encode(long)).done()
    finally:
        engine.close()


def test_scores_have_a_row_for_each_post(engine: Engine) -> None:
    scores = engine.score(["refund", "site is down"])
    assert {head: logits.shape for head, logits in scores.logits.items()} == {
        "intent": (2, 3),
        "urgency": (2, 3),
        "department": (2, 2),
    }
    assert (scores.embedding.shape, str(scores.embedding.dtype), len(scores)) == ((2, 32), "float32", 2)


def test_no_posts_give_no_scores(engine: Engine) -> None:
    scores = engine.score([])
    assert (len(scores), scores.logits["intent"].shape) == (0, (0, 3))


def test_a_post_of_which_nothing_is_left_still_gets_finite_scores(engine: Engine) -> None:
    scores = engine.score(["", "refund"])
    assert np.isfinite(scores.embedding).all()


def test_many_threads_may_score_at_once(engine: Engine) -> None:
    batches = [[f"{word} {' late' * (index % 7)}" for word in WORDS] for index in range(24)]
    expected = [engine.score(batch) for batch in batches]
    with ThreadPoolExecutor(8) as threads:
        for found, wanted in zip(threads.map(engine.score, batches), expected, strict=True):
            assert_same(found, wanted)


def test_a_cancelled_scoring_gives_up_what_has_not_begun_and_the_engine_lives_on(own_engine: Engine) -> None:
    scoring = own_engine.submit([encoded(32)] * 8000)
    scoring.cancel()
    assert scoring.done()
    with pytest.raises(CancelledError):
        scoring.result()
    assert len(own_engine.score(["refund"])) == 1


def test_a_run_that_fails_reaches_who_waits_for_it_and_the_engine_lives_on(own_engine: Engine) -> None:
    beyond_the_vocabulary = Encoded([2, 9999, 3], truncated=False, empty=False)
    with pytest.raises(Exception, match=r"9999|out of"):
        own_engine.submit([beyond_the_vocabulary]).result()
    assert np.isfinite(own_engine.score(["refund"]).embedding).all()


def test_a_closed_engine_takes_nothing_more(own_engine: Engine) -> None:
    own_engine.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        own_engine.score(["refund"])


def test_there_is_a_thread_for_each_cpu_that_the_process_may_use(bundle: Bundle) -> None:
    engine = bundle.engine()
    engine.close()
    assert engine.workers == available_cpus() >= 1


@pytest.mark.parametrize("heads", [["intent"], [*HEADS, "tone"], ["intent", "urgency", "owner"], []])
def test_a_graph_with_other_heads_is_refused(bundle: Bundle, heads: list[str]) -> None:
    with pytest.raises(BundleError) as caught:
        Engine(bundle.path / MODEL, bundle.tokenizer(), heads)
    assert str(bundle.path / MODEL) in str(caught.value)
    assert f"expected {sorted([*heads, 'embedding'])}" in str(caught.value)
    assert "['department', 'embedding', 'intent', 'urgency']" in str(caught.value)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_torn_graph_is_refused_by_its_name(bundle: Bundle, tmp_path: Path, kept: float) -> None:
    whole = (bundle.path / MODEL).read_bytes()
    (tmp_path / MODEL).write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(BundleError, match="onnxruntime cannot load the graph") as caught:
        Engine(tmp_path / MODEL, bundle.tokenizer(), HEADS)
    assert str(tmp_path / MODEL) in str(caught.value)


def test_a_missing_graph_is_refused_by_its_name(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"absent\.onnx: onnxruntime cannot load the graph"):
        Engine(tmp_path / "absent.onnx", bundle.tokenizer(), HEADS)
