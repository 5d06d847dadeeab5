"""How a network is trained: every setting that changes its weights."""

from dataclasses import dataclass

from model.encoders import DEFAULT_ENCODER


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one training run.

    Attributes:
        epochs: in which all layers learn together; 0 where the heads are only fitted.
        contrastive_epochs: before them, in which posts of one label are drawn together.
        probe: fit the heads to the embeddings before all layers learn together.
        definitions: teach each label's name and definition as a post.
        encoder: name or path, as `find_encoder` takes it.
        encoder_lr, head_lr: peak learning rates of the pretrained layers and of the fresh ones.
        warmup: share of the steps over which the rates rise; they then fall linearly to zero.
        max_grad_norm: gradients are clipped to this norm.
        noise: share of the posts that are altered, anew in each epoch.
        dropout: of the pooled embedding.
        encoder_dropout: within the encoder; on a CPU it takes about a quarter of a step.
        max_tokens: that the network reads at once.
        max_windows: of that length that are read of a longer post when it is served; only the first one is taught.
        class_weights: how much more rare labels count: a post weighs its label's share of the train part to the power
            of minus this, scaled to a mean of 1 a head. 0: all posts alike; 1: all labels alike.
        focal: the exponent of the focal loss (Lin et al. 2017, arXiv:1708.02002); 0: plain cross-entropy.
        patience: end the run after so many epochs without a better dev score; `None`: go on to the last.
        keep_last: end with the weights of the last epoch, which has the lowest rates, in place of the best dev epoch's:
            a small dev part picks among the last ones by chance. Patience counts for nothing then.
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
    max_windows: int = 8
    class_weights: float = 0.0
    focal: float = 0.0
    patience: int | None = None
    keep_last: bool = False
    contrastive_epochs: int = 0
    probe: bool = False
    definitions: bool = False
    most_posts: int | None = None
    seed: int = 13


# What each preset was measured to give stands in EXPERIMENTS.md. `few` is for a handful of posts a label.
PRESETS = {
    "quick": Recipe(epochs=2, noise=0.6, most_posts=15_000),
    "full": Recipe(epochs=4, noise=0.6),
    "few": Recipe(
        epochs=0,
        contrastive_epochs=10,
        probe=True,
        definitions=True,
        batch_size=64,
        encoder_lr=5e-5,
        encoder_dropout=0.1,
    ),
}
