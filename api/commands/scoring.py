"""Scores of labelled posts for the verbs that judge a model: kept on disk, and with a bar while they are made."""

from collections.abc import Sequence
from pathlib import Path

from api.commands.progress import progress_bar
from api.commands.shared import registry
from data.errors import Interrupted
from data.examples import posts_of
from data.posts import Example
from evaluation.score_store import ScoreStore
from evaluation.scored import ScoredPosts
from model.bundle import Bundle

_SCORES = ".scores"


def scored(bundle: Bundle, examples: Sequence[Example], models: Path | None) -> ScoredPosts:
    """Score posts, or take their scores from disk; interrupted, the same command goes on from where it was.

    Args:
        models: the flag `--models`; scores lie in a hidden folder beside the bundles.
    """
    store = ScoreStore(registry(models).root / _SCORES)
    with progress_bar("scoring", "posts", len(examples)) as advance:
        try:
            found = store.score(bundle, posts_of(examples), advance)
        except KeyboardInterrupt:
            raise Interrupted("stopped; the scores made so far are kept: give the same command to go on") from None
    return ScoredPosts(examples, found)
