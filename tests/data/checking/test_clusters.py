import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.checking.clusters import MAX_CHAIN_SHARE, joined_groups, near_clusters


def pairs_of(*pairs: tuple[int, int]) -> NDArray[np.int64]:
    return np.array(pairs, np.int64).reshape(-1, 2)


def sides(clusters: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(clusters == cluster).tolist()) for cluster in clusters.tolist()}


def test_equal_posts_and_near_copies_of_near_copies_are_one_cluster() -> None:
    clusters, torn = near_clusters(np.array([50, 40, 50, 30, 20]), pairs_of((0, 1), (1, 3)))
    assert sides(clusters) == {frozenset({0, 1, 2, 3}), frozenset({4})}
    assert torn == 0


def test_a_long_chain_is_cut_into_stars_and_what_was_torn_is_counted() -> None:
    """Each of 100 posts is near to the next: their ends have nothing in common."""
    texts = np.arange(1000)[::-1]
    chain = pairs_of(*((number, number + 1) for number in range(100)), (500, 501))
    assert MAX_CHAIN_SHARE * len(texts) < 101
    clusters, torn = near_clusters(texts, chain)
    assert sides(clusters) >= {frozenset({0, 1}), frozenset({2, 3}), frozenset({100}), frozenset({500, 501})}
    assert torn == 50


def test_copies_of_one_bot_stay_together_however_many() -> None:
    star = pairs_of(*((0, number) for number in range(1, 400)))
    clusters, torn = near_clusters(np.arange(1000), star)
    assert (len(set(clusters[:400].tolist())), torn) == (1, 0)


def test_a_chain_in_little_data_stays_whole() -> None:
    clusters, _ = near_clusters(np.arange(30), pairs_of(*((number, number + 1) for number in range(10))))
    assert frozenset(range(11)) in sides(clusters)


def test_clusters_that_share_a_group_are_one_and_no_group_joins_nothing() -> None:
    clusters = np.array([0, 1, 2, 3, 3, 4])
    groups = np.array([7, 7, 0, 0, 9, 9], np.uint64)
    authors = np.array([0, 5, 5, 0, 0, 0], np.uint64)
    assert sides(joined_groups(clusters, [groups])) == {frozenset({0, 1}), frozenset({2}), frozenset({3, 4, 5})}
    assert sides(joined_groups(clusters, [groups, authors])) == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}
    assert sides(joined_groups(clusters, [])) == {frozenset(found) for found in ({0}, {1}, {2}, {3, 4}, {5})}


def test_no_posts_have_no_clusters() -> None:
    clusters, _ = near_clusters(np.array([], np.uint64), pairs_of())
    assert joined_groups(clusters, [np.array([], np.uint64)]).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_what_shares_anything_is_together_and_nothing_else(rows: list[tuple[int, int, int]]) -> None:
    columns = np.array(rows, np.int64).reshape(-1, 3)
    found = joined_groups(columns[:, 0], [columns[:, 1].astype(np.uint64), columns[:, 2].astype(np.uint64)])
    reached = [{number} for number in range(len(rows))]
    for _ in rows:
        for one, first in enumerate(rows):
            for other, second in enumerate(rows):
                if any(a == b and (a or not place) for place, (a, b) in enumerate(zip(first, second, strict=True))):
                    reached[one] |= reached[other]
    assert sides(found) == {frozenset(group) for group in reached}
