"""Suspected label errors: labels that the rest of the data contradicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.examples import posts_of
from data.posts import Example
from data.taxonomy import Head, Taxonomy
from evaluation.targets import targets_of
from model.encoders import DEFAULT_ENCODER, find_encoder
from model.network import TriageNetwork
from model.scores import UNLABELLED
from model.tokenizer import PostTokenizer

_FOLDS = 5
_BATCH = 64
_MAX_TOKENS = 256
_SEED = 13
# Of the classifier over frozen embeddings; between 0.001 and 0.1 the out-of-fold accuracy moves by a point.
_STRENGTH = 0.01


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that looks wrong.

    Attributes:
        index: of the example.
        suggested: the label that examples like it carry.
        probability: of the given label, out of fold; the lower, the more suspect.
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
    """

    suspects: list[Suspect]
    passed_over: dict[str, list[str]]


def audit(examples: Sequence[Example], taxonomy: Taxonomy, encoder: str = DEFAULT_ENCODER) -> Audit:
    """Labels that confident learning (Northcutt et al. 2021, arXiv:1911.00068) takes for wrong.

    A linear classifier over embeddings of the pretrained encoder, which never saw a label, gives each example
    probabilities from folds without its group. A label in fewer groups than there are folds cannot be judged.

    Raises:
        EncoderError: the encoder cannot be loaded.
    """
    embeddings = embed(examples, taxonomy, encoder)
    groups = np.array([example.group or f"row {row}" for row, example in enumerate(examples)])
    suspects: list[Suspect] = []
    passed_over: dict[str, list[str]] = {}
    for head in taxonomy:
        targets = targets_of(examples, head)
        present = [int(label) for label in np.unique(targets) if label != UNLABELLED]
        judged = [label for label in present if len(np.unique(groups[targets == label])) >= _FOLDS]
        if len(judged) < len(present):
            passed_over[head.name] = [head.labels[label] for label in present if label not in judged]
        if len(judged) > 1:
            rows = np.flatnonzero(np.isin(targets, judged))
            suspects += _of_head(head, rows, targets[rows], embeddings[rows], groups[rows])
    return Audit(sorted(suspects, key=lambda suspect: suspect.probability), passed_over)


def embed(examples: Sequence[Example], taxonomy: Taxonomy, encoder: str = DEFAULT_ENCODER) -> NDArray[np.float32]:
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
    return embeddings


def _of_head(
    head: Head,
    rows: NDArray[np.intp],
    targets: NDArray[np.int64],
    embeddings: NDArray[np.float32],
    groups: NDArray[np.str_],
) -> list[Suspect]:
    present, classes = np.unique(targets, return_inverse=True)
    probabilities = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=500)),
        embeddings,
        classes,
        groups=groups,
        cv=StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=_SEED),
        method="predict_proba",
    )
    suspects = find_label_issues(classes, probabilities, return_indices_ranked_by="normalized_margin", n_jobs=1)
    return [
        Suspect(
            index=int(rows[place]),
            head=head.name,
            given=head.labels[present[classes[place]]],
            suggested=head.labels[present[probabilities[place].argmax()]],
            probability=float(probabilities[place, classes[place]]),
        )
        for place in suspects
    ]
