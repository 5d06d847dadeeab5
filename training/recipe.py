"""How a network is trained: every setting that changes its weights."""

from dataclasses import dataclass

from model.encoders import DEFAULT_ENCODER


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one training run.

    Attributes:
        encoder: name or path, as `find_encoder` takes it.
        encoder_lr, head_lr: peak learning rates of the pretrained layers and of the fresh ones.
        warmup: share of the steps over which the rates rise; they then fall linearly to zero.
        max_grad_norm: gradients are clipped to this norm.
        noise: share of the posts that are altered, anew in each epoch.
        dropout: of the pooled embedding.
        encoder_dropout: within the encoder; on a CPU it takes about a quarter of a step.
        max_tokens: length at which a post is cut.
        most_posts: where there are more posts to teach, about so many of them do, whole groups; `None`: all.
    """

    epochs: int
    encoder: str = DEFAULT_ENCODER
    batch_size: int = 32
    encoder_lr: float = 1e-4
    head_lr: float = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    max_grad_norm: float = 1.0
    dropout: float = 0.1
    encoder_dropout: float = 0.0
    label_smoothing: float = 0.1
    noise: float = 0.0
    max_tokens: int = 256
    most_posts: int | None = None
    seed: int = 13


# What each preset was measured to give stands in EXPERIMENTS.md.
PRESETS = {
    "quick": Recipe(epochs=2, noise=0.6, most_posts=15_000),
    "full": Recipe(epochs=4, noise=0.6),
}
