"""Suspected label errors: labels that the rest of the data contradicts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.checking.clusters import joined_groups
from data.checking.sampling import draw_sample
from data.checking.survey import NO_LABEL, UNKNOWN, Report, key_of
from data.errors import ConfigurationError
from data.examples import posts_of
from data.normalise import same_text
from data.posts import Example
from data.taxonomy import NO_LABEL as NO_LABEL_WORD
from data.taxonomy import Head, Taxonomy
from model.encoders import DEFAULT_ENCODER, find_encoder
from model.network import TriageNetwork
from model.tokenizer import PostTokenizer
from training.audit.label_noise import true_labels

SAMPLE = 20_000
"""Posts that are judged, unless said otherwise: about two minutes on two cores where posts are short."""

_FOLDS = 5
_BATCH = 64
_MAX_TOKENS = 256
_SEED = 13
# Of the classifier over frozen embeddings: a stronger one learns wrong labels too, a weaker one misses right ones.
_STRENGTH = 0.01


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is more likely wrong than right.

    Attributes:
        index: of the example.
        given: `null` where the data says that no label applies.
        suggested: the likeliest other label, or `null`.
        probability: that the given label is right; the lower, the more suspect.
    """

    index: int
    head: str
    given: str
    suggested: str
    probability: float


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit gives.

    Attributes:
        suspects: most suspect first.
        passed_over: labels by head that stand in too few groups to be judged.
        judged: how many posts were looked at.
        posts: how many there were.
    """

    suspects: list[Suspect]
    passed_over: dict[str, list[str]]
    judged: int
    posts: int


def audit(
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    encoder: str = DEFAULT_ENCODER,
    sample: int | None = SAMPLE,
    report: Report | None = None,
) -> Audit:
    """Labels that confident learning (Northcutt et al. 2021, arXiv:1911.00068) takes for wrong.

    A linear classifier over embeddings of the pretrained encoder, which never saw a label, gives each example
    probabilities from folds without its group and without its copies: a copy with the same wrong label would hide the
    error. What they say of the labels themselves is weighed with how labels are mistaken for one another, see
    `true_labels`. A label in fewer groups than there are folds cannot be judged.

    Args:
        sample: of more posts than this many only a sample is judged, see `draw_sample`; `None`: all of them. Memory
            grows with it, by some 10 kB a post.
        report: told of progress; what it raises stops the work.

    Raises:
        EncoderError: the encoder cannot be loaded.
        ConfigurationError: the sample has no post.
    """
    if sample is not None and sample < 1:
        raise ConfigurationError(f"a sample of {sample} posts was asked for; one is the least, none the whole")
    size = len(examples) if sample is None else sample
    places = np.flatnonzero(draw_sample(*_hashes(examples), _codes(examples, taxonomy), size)).tolist()
    chosen = [examples[place] for place in places]
    suspects, passed_over = judge(chosen, taxonomy, embed(chosen, taxonomy, encoder, report), report)
    named = [replace(suspect, index=places[suspect.index]) for suspect in suspects]
    return Audit(named, passed_over, len(places), len(examples))


def judge(
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    embeddings: NDArray[np.float32],
    report: Report | None = None,
) -> tuple[list[Suspect], dict[str, list[str]]]:
    """`suspects` and `passed_over` of an audit of all these examples.

    Args:
        embeddings: `(n_examples, hidden_size)`, of `embed`.
    """
    groups, texts = _hashes(examples)
    threads = np.array([key_of(example.post.thread) for example in examples], np.uint64)
    together = joined_groups(np.unique(texts, return_inverse=True)[1], [groups, threads])
    suspects: list[Suspect] = []
    passed_over: dict[str, list[str]] = {}
    for head, labels in zip(taxonomy, _codes(examples, taxonomy).T, strict=True):
        present = [label for label in np.unique(labels) if label != UNKNOWN]
        judged = [label for label in present if len(np.unique(together[labels == label])) >= _FOLDS]
        if len(judged) < len(present):
            passed_over[head.name] = [_word(head, label) for label in present if label not in judged]
        if len(judged) > 1:
            rows = np.flatnonzero(np.isin(labels, judged))
            probabilities = _out_of_fold(embeddings[rows], labels[rows], together[rows], f"judging {head.name}", report)
            suspects += _suspects(head, rows, labels[rows], probabilities)
    return sorted(suspects, key=lambda suspect: suspect.probability), passed_over


def embed(
    examples: Sequence[Example], taxonomy: Taxonomy, encoder: str = DEFAULT_ENCODER, report: Report | None = None
) -> NDArray[np.float32]:
    """`(n_examples, hidden_size)`: mean of the last layer of the encoder as it was pretrained."""
    files = find_encoder(encoder)
    network = TriageNetwork.from_encoder(files, taxonomy)
    network.train(mode=False)
    tokenizer = PostTokenizer(files.tokenizer(), min(_MAX_TOKENS, network.max_tokens))
    posts = tokenizer.encode(posts_of(examples))
    order = sorted(range(len(posts)), key=lambda index: len(posts[index].ids))  # little padding
    embeddings = np.zeros((len(posts), network.encoder.config.hidden_size), np.float32)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        ids = torch.nn.utils.rnn.pad_sequence(
            [torch.tensor(posts[row].ids) for row in rows], batch_first=True, padding_value=tokenizer.pad_id
        )
        lengths = torch.tensor([len(posts[row].ids) for row in rows])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        with torch.inference_mode():
            embeddings[rows] = network(ids, mask).embedding.numpy()
        if report:
            report("reading posts for label errors", len(rows), len(order))
    return embeddings


def _hashes(examples: Sequence[Example]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """`(n_examples,)` each: of the groups' names, 0 where there is none, and of the texts."""
    groups = [key_of(example.group) for example in examples]
    return np.array(groups, np.uint64), np.array([key_of(same_text(text)) for text in posts_of(examples)], np.uint64)


def _codes(examples: Sequence[Example], taxonomy: Taxonomy) -> NDArray[np.int64]:
    """`(n_examples, heads)`: index of the label, `NO_LABEL` where none applies, `UNKNOWN` where nothing is said."""
    codes = np.full((len(examples), len(taxonomy.heads)), UNKNOWN, np.int64)
    for column, head in enumerate(taxonomy):
        index: dict[str | None, int] = {None: NO_LABEL, **{label: code for code, label in enumerate(head.labels)}}
        for row, example in enumerate(examples):
            if head.name in example.labels:
                codes[row, column] = index[example.labels[head.name]]
    return codes


def _word(head: Head, code: int) -> str:
    return NO_LABEL_WORD if code == NO_LABEL else head.labels[code]


def _out_of_fold(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    together: NDArray[np.int64],
    step: str,
    report: Report | None,
) -> NDArray[np.float64]:
    """`(posts, labels present)`: by a classifier that saw neither the post nor any that is tied to it."""
    present = np.unique(labels)
    probabilities = np.zeros((len(labels), len(present)))
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=_SEED)
    for taught, held_out in folds.split(embeddings, labels, together):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=500))
        classifier.fit(embeddings[taught], labels[taught])
        columns = np.searchsorted(present, classifier.classes_)  # a rare label may lie in one fold alone
        probabilities[np.ix_(held_out, columns)] = classifier.predict_proba(embeddings[held_out])
        if report:
            report(step, len(held_out), len(labels))
    return probabilities


def _suspects(
    head: Head, rows: NDArray[np.intp], labels: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> list[Suspect]:
    present, classes = np.unique(labels, return_inverse=True)
    likely = true_labels(classes, probabilities)
    right = likely[np.arange(len(classes)), classes]
    likely[np.arange(len(classes)), classes] = -1.0
    other = likely.argmax(axis=1)
    return [
        Suspect(
            index=int(rows[place]),
            head=head.name,
            given=_word(head, present[classes[place]]),
            suggested=_word(head, present[other[place]]),
            probability=float(right[place]),
        )
        for place in np.flatnonzero(right < likely.max(axis=1))
    ]
