"""The network: one encoder pass, mean pooling, one linear layer a head."""

from dataclasses import dataclass

from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.utils.generic import ModelOutput

from data.taxonomy import Taxonomy
from model.configuration import TriageConfig
from model.encoders import EncoderFiles

_POSITIONS_FROM_ZERO = frozenset({"bert", "distilbert", "electra"})
_UNLIMITED = 2**20


@dataclass
class TriageOutput(ModelOutput):
    """What a pass gives.

    Attributes:
        logits: by head, `(n_posts, n_labels)`.
        embedding: mean of the last layer over the real tokens, `(n_posts, hidden_size)`.
    """

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
    def from_encoder(cls, files: EncoderFiles, taxonomy: Taxonomy, *, dropout: float = 0.1) -> "TriageNetwork":
        """A pretrained encoder with fresh heads for a taxonomy.

        Raises:
            EncoderError: the encoder cannot be loaded.
        """
        encoder = files.load()
        config = TriageConfig(
            encoder=encoder.config.to_dict(),
            heads=[(head.name, len(head.labels)) for head in taxonomy],
            dropout=dropout,
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

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> TriageOutput:
        """One pass.

        Args:
            input_ids: `(n_posts, length)`, int64.
            attention_mask: `(n_posts, length)`, 1 for a real token, 0 for padding.
        """
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        embedding = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        dropped = self.dropout(embedding)
        logits = {name: head(dropped) for name, head in self.heads.items()}
        return TriageOutput(logits=logits, embedding=embedding)
