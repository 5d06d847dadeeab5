"""Posts longer than the network reads at once: scored a window at a time, and the windows made one answer.

A head's logits are pooled to the logarithm of the mean of their exponentials (as Pinheiro and Collobert 2015,
arXiv:1411.6228, pool the pixels of a picture), so that a window that is sure counts more than one that says little; a
plain mean drowns it where most of a post is beside the point. The embedding is the plain mean. A post of one window has
the window's own scores.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from model.scores import Scores
from model.tokenizer import Encoded


def windows_of(posts: Sequence[Encoded]) -> list[list[int]]:
    """The ids of all windows of posts, in order."""
    return [ids for post in posts for ids in (post.ids, *post.more)]


def counts_of(posts: Sequence[Encoded]) -> list[int]:
    """How many windows each post has."""
    return [1 + len(post.more) for post in posts]


def pool(scores: Scores, counts: Sequence[int]) -> Scores:
    """The scores of posts from those of their windows.

    Args:
        scores: of the windows, in the order of `windows_of`.
        counts: of the windows of each post.
    """
    if len(counts) == len(scores):
        return scores
    ends = list(accumulate(counts))
    spans = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
    logits = {name: _pooled(rows, spans, _log_mean_exp) for name, rows in scores.logits.items()}
    return Scores(logits, _pooled(scores.embedding, spans, _mean))


def _pooled(
    rows: NDArray[np.float32], spans: Sequence[slice], how: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float32]:
    """`(n_posts, size)` from `(n_windows, size)`."""
    answer: NDArray[np.float32] = rows[[span.start for span in spans]]
    for place, span in enumerate(spans):
        if span.stop - span.start > 1:
            answer[place] = how(rows[span].astype(np.float64))
    return answer


def _log_mean_exp(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # what a broken graph answers stays no number, and is found out as such
        pooled: NDArray[np.float64] = np.logaddexp.reduce(rows, axis=0) - np.log(len(rows))
    return pooled


def _mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = rows.mean(axis=0)
    return means
