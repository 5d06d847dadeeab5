"""The network that a run begins with: a pretrained encoder, or what a bundle has learned already."""

from dataclasses import dataclass

import torch

from data.taxonomy import Taxonomy
from model.bundle import TOKENIZER, Bundle
from model.configuration import TriageConfig
from model.encoders import find_encoder
from model.network import TriageNetwork
from model.tokenizer import PostTokenizer
from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class InitialNetwork:
    """A network before its run.

    Attributes:
        encoder: its name, as it goes into the manifest.
    """

    network: TriageNetwork
    tokenizer: PostTokenizer
    encoder: str


def initial_network(recipe: Recipe, taxonomy: Taxonomy, start: Bundle | None = None) -> InitialNetwork:
    """A network for a taxonomy; its fresh layers are drawn from torch's generator.

    Args:
        start: go on from this bundle: its encoder and tokenizer take the place of the recipe's, and labels that both
            taxonomies name keep their rows of the heads.

    Raises:
        EncoderError: the encoder cannot be loaded.
        BundleError: `start` was shipped without weights.
    """
    if start is None:
        files = find_encoder(recipe.encoder)
        network = TriageNetwork.from_encoder(files, taxonomy, dropout=recipe.dropout)
        tokenizer = PostTokenizer(files.tokenizer(), min(recipe.max_tokens, network.max_tokens), recipe.max_windows)
        encoder = files.name
    else:
        network = _continued(start, taxonomy, recipe)
        longest = min(recipe.max_tokens, network.max_tokens)
        tokenizer = PostTokenizer.from_file(start.path / TOKENIZER, longest, recipe.max_windows)
        encoder = start.manifest.provenance["encoder"]
    network.set_encoder_dropout(recipe.encoder_dropout)
    return InitialNetwork(network, tokenizer, encoder)


def _continued(start: Bundle, taxonomy: Taxonomy, recipe: Recipe) -> TriageNetwork:
    learned = TriageNetwork.from_pretrained(start.weights())
    network = TriageNetwork(
        TriageConfig(
            encoder=learned.config.encoder,
            heads=[(head.name, len(head.labels)) for head in taxonomy],
            dropout=recipe.dropout,
        )
    )
    network.encoder.load_state_dict(learned.encoder.state_dict())
    # By their place: the bundle may have been given other names of its heads than its weights know.
    stood = zip(start.taxonomy, learned.config.heads, strict=True)
    before = {head.name: (head.labels, learned.heads[name]) for head, (name, _) in stood}
    with torch.no_grad():
        for head in taxonomy:
            if head.name not in before:
                continue
            labels, layer = before[head.name]
            rows = {label: row for row, label in enumerate(labels)}
            for row, label in enumerate(head.labels):
                if label in rows:
                    for mine, theirs in zip(network.heads[head.name].parameters(), layer.parameters(), strict=True):
                        mine[row] = theirs[rows[label]]
    return network
