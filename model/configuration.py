"""The configuration of the network, saved beside its weights."""

from collections.abc import Sequence
from typing import Any, ClassVar

from transformers import AutoConfig, PreTrainedConfig


class TriageConfig(PreTrainedConfig):
    """An encoder's own configuration, and the size of each head.

    Args:
        encoder: the configuration of any Hugging Face encoder, as a dictionary with its `model_type`.
        heads: name and number of labels of each head, in the order of the outputs (a list, because JSON files of
            configurations are written with sorted keys).
        dropout: probability of dropping an element of the pooled embedding in training.
    """

    model_type = "triage"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["embedding"]  # so that the Trainer gathers only logits

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        heads: Sequence[tuple[str, int]] = (),
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        self.encoder = encoder or {}
        self.heads = [(name, size) for name, size in heads]
        self.dropout = dropout
        super().__init__(**kwargs)

    def encoder_config(self) -> PreTrainedConfig:
        """The encoder's configuration as its own class."""
        settings = dict(self.encoder)
        return AutoConfig.for_model(settings.pop("model_type"), **settings)
