"""The network: one encoder pass, mean pooling, one linear layer a head."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, PreTrainedModel
from transformers.utils.generic import ModelOutput

from data.taxonomy import Taxonomy
from model.configuration import TriageConfig
from model.encoders import EncoderFiles
from model.scores import UNLABELLED

_POSITIONS_FROM_ZERO = frozenset({"bert", "distilbert", "electra"})
_UNLIMITED = 2**20


@dataclass
class TriageOutput(ModelOutput):
    """What a pass gives.

    Attributes:
        loss: mean over heads of the cross-entropy of the known labels, a scalar; only when targets were given.
        logits: by head, `(n_posts, n_labels)`.
        embedding: mean of the last layer over the real tokens, `(n_posts, hidden_size)`.
    """

    loss: Tensor | None = None
    logits: dict[str, Tensor] | None = None
    embedding: Tensor | None = None


class TriageNetwork(PreTrainedModel):
    """Any Hugging Face encoder with a head a question. `save_pretrained`, safetensors and `Trainer` work on it."""

    config_class = TriageConfig
    config: TriageConfig

    def __init__(self, config: TriageConfig) -> None:
        super().__init__(config)
        # Eager attention is the form that the exporter's fusions recognise.
        self.encoder = AutoModel.from_config(config.encoder_config(), attn_implementation="eager")
        if hasattr(self.encoder, "pooler"):
            self.encoder.pooler = None  # a [CLS] layer that mean pooling does not use
        hidden_size = self.encoder.config.hidden_size
        self.dropout = nn.Dropout(config.dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(hidden_size, size) for name, size in config.heads})
        self.post_init()  # type: ignore[no-untyped-call]  # as transformers has it

    @classmethod
    def from_encoder(
        cls, files: EncoderFiles, taxonomy: Taxonomy, *, dropout: float = 0.1, label_smoothing: float = 0.0
    ) -> "TriageNetwork":
        """A pretrained encoder with fresh heads for a taxonomy.

        Raises:
            EncoderError: the encoder cannot be loaded.
        """
        encoder = files.load()
        config = TriageConfig(
            encoder=encoder.config.to_dict(),
            heads=[(head.name, len(head.labels)) for head in taxonomy],
            dropout=dropout,
            label_smoothing=label_smoothing,
        )
        network = cls(config)
        # Not strict: the pooler, which this network does not have, is left over.
        network.encoder.load_state_dict(encoder.state_dict(), strict=False)
        return network

    def set_encoder_dropout(self, share: float) -> None:
        """Train with another dropout within the encoder than it was pretrained with."""
        for module in self.encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    @property
    def max_tokens(self) -> int:
        """The longest post that the encoder can read, special tokens included."""
        encoder = self.encoder.config
        positions = int(getattr(encoder, "max_position_embeddings", None) or _UNLIMITED)
        # Some families begin to count at their padding id; two positions are then lost.
        return positions if encoder.model_type in _POSITIONS_FROM_ZERO else positions - 2

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor | None = None,
    ) -> TriageOutput:
        """One pass.

        Args:
            input_ids: `(n_posts, length)`, int64.
            attention_mask: `(n_posts, length)`, 1 for a real token, 0 for padding.
            labels: `(n_posts, n_heads)`, the index of each gold label or `UNLABELLED`.
        """
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        embedding = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        dropped = self.dropout(embedding)
        logits = {name: head(dropped) for name, head in self.heads.items()}
        loss = None if labels is None else self._loss(logits, labels)
        return TriageOutput(loss=loss, logits=logits, embedding=embedding)

    def _loss(self, logits: dict[str, Tensor], labels: Tensor) -> Tensor:
        losses = [
            functional.cross_entropy(
                head_logits.float(), targets, ignore_index=UNLABELLED, label_smoothing=self.config.label_smoothing
            )
            for head_logits, targets in zip(logits.values(), labels.unbind(dim=1), strict=True)
            if bool((targets != UNLABELLED).any())  # the mean over no target is not a number
        ]
        if not losses:
            return torch.stack([head_logits.sum() for head_logits in logits.values()]).sum() * 0.0
        return torch.stack(losses).mean()
