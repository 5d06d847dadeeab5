from concurrent.futures import ThreadPoolExecutor

import numpy as np

from model.bundle import Bundle
from model.cache import ScoreCache, key_of
from model.scores import Scores

TEXTS = ["site is down", "refund please", "site is down", "win cash now", "  Site is DOWN  ", "refund please"]


def row(number: float) -> np.ndarray:
    return np.array([number], np.float32)


def assert_equal(one: Scores, other: Scores) -> None:
    np.testing.assert_array_equal(one.embedding, other.embedding)
    for head, logits in other.logits.items():
        np.testing.assert_array_equal(one.logits[head], logits)


def test_the_least_recently_used_gives_way() -> None:
    cache = ScoreCache(2)
    cache.put(b"a", row(1))
    cache.put(b"b", row(2))
    assert cache.get(b"a") == row(1)
    cache.put(b"c", row(3))
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c")) == (row(1), None, row(3))
    assert len(cache) == 2


def test_a_row_is_kept_as_it_was() -> None:
    cache, kept = ScoreCache(2), row(1)
    cache.put(b"a", kept)
    kept[0] = 9
    assert cache.get(b"a") == row(1)


def test_the_key_is_of_what_the_network_reads_alone() -> None:
    same = key_of([2, 300, 3])
    assert key_of([2, 300, 3]) == same
    assert key_of([2, 3, 300]) != same
    assert len(same) == 16


def test_copies_are_scored_once_and_answered_alike(bundle: Bundle) -> None:
    plain, cached = bundle.engine(workers=2), bundle.engine(workers=2, cached_posts=100)
    try:
        assert cached.cache is not None
        first = cached.score(TEXTS)
        assert (cached.cache.misses, cached.cache.hits, len(cached.cache)) == (3, 3, 3)
        assert cached.submit(cached.encode(TEXTS)).done()  # at once: nothing was left to run
        assert (cached.cache.misses, cached.cache.hits) == (3, 9)
        assert_equal(cached.score(TEXTS), first)
        for head, logits in plain.score(TEXTS).logits.items():
            np.testing.assert_allclose(first.logits[head], logits, rtol=0, atol=1e-6)
        assert plain.cache is None
    finally:
        plain.close()
        cached.close()


def test_a_cache_smaller_than_a_batch_changes_no_answer(bundle: Bundle) -> None:
    engine = bundle.engine(workers=2, cached_posts=1)
    try:
        first = engine.score(TEXTS)
        with ThreadPoolExecutor(4) as threads:
            for scores in threads.map(engine.score, [TEXTS] * 20):
                np.testing.assert_allclose(scores.embedding, first.embedding, rtol=0, atol=1e-6)
        assert engine.cache is not None
        assert len(engine.cache) == 1
    finally:
        engine.close()
