"""What a benchmark is asked for, what it gives, and the bundles between the two."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data.errors import ConfigurationError
from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.metrics import evaluate
from evaluation.scored import ScoredPosts
from model.bundle import Bundle
from model.registry import Registry
from tests.load.scenarios import Bar
from training.pipeline import Job, is_begun, train_bundle
from training.recipe import Recipe

TEST, DEV = "test", "dev"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured.

    Attributes:
        path: the benchmark's file.
        work: folder of the bundles, which are kept and not trained twice.
        encoder, epochs: instead of the recipe's.
        settings: `NAME=VALUE`, for any other field of the recipe.
        shots: examples a label that teach; `None`: the whole train part.
        on: the part that is scored: `TEST`, or `DEV` while a recipe is sought.
    """

    path: Path
    seeds: Sequence[int]
    work: Path
    encoder: str | None = None
    epochs: int | None = None
    settings: Sequence[str] = ()
    shots: int | None = None
    on: str = TEST

    def recipe(self, recipe: Recipe) -> Recipe:
        """The benchmark's own, with what was asked for in place of it.

        Raises:
            ConfigurationError: a setting is none, or its value is none of its type.
        """
        given = {"encoder": self.encoder, "epochs": self.epochs}
        plain = asdict(recipe) | {name: value for name, value in given.items() if value is not None}
        for setting in self.settings:
            name, _, value = setting.partition("=")
            if name not in plain:
                known = ", ".join(field.name for field in fields(Recipe))
                raise ConfigurationError(f"--set {setting!r}: expected NAME=VALUE, NAME being one of {known}")
            plain[name] = None if value == "none" else value
        try:
            return TypeAdapter(Recipe).validate_python(plain)
        except ValidationError as error:
            wrong = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
            raise ConfigurationError(f"--set: {wrong}") from error

    def recipes(self, recipe: Recipe) -> list[Recipe]:
        """The same for each seed."""
        return [replace(self.recipe(recipe), seed=seed) for seed in self.seeds]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it.

    Attributes:
        name: of the benchmark, with what was chosen of it.
        recipe: as it is printed.
        runs: by seed: `seed` and the figures; beside a figure NAME may stand NAME_ci95, its 95 % interval.
        figures: the names of those that are printed, in order.
        aims: what some of them should reach.
    """

    name: str
    recipe: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    figures: Sequence[str]
    aims: Mapping[str, Bar]


def trained(job: Job, work: Path) -> Bundle:
    """Train a bundle, or take the one that just this job left behind.

    Raises:
        EncoderError, ExportError, Interrupted: as `train_bundle`; what was interrupted is taken up again next time.
    """
    registry = Registry(work / job.identity(whole=True))
    done = f"{job.name}@1" in registry.references()
    return Bundle.load(
        registry.resolve(f"{job.name}@1") if done else train_bundle(job, registry, resume=is_begun(job, registry))
    )


def scored(bundle: Bundle, *parts: Sequence[Example]) -> list[ScoredPosts]:
    """Parts with the scores of the graph that is served."""
    engine = bundle.engine()
    try:
        return [ScoredPosts(part, engine.score([example.post.text for example in part])) for part in parts]
    finally:
        engine.close()


def about(bundle: Bundle, seed: int) -> dict[str, Any]:
    """What is told of a bundle beside its figures."""
    return {
        "seed": seed,
        "precision": bundle.manifest.precision,
        "best_epoch": bundle.manifest.provenance["best_epoch"],
        "created": bundle.manifest.created,
    }


def head_figures(posts: ScoredPosts, bundle: Bundle, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Figures of `evaluate` with their intervals, as `HEAD_FIGURE`; of a taxonomy with one head just `FIGURE`.

    Args:
        names: of the figures, by head.
    """
    heads = evaluate(posts, bundle.policy, bundle.taxonomy)["heads"]
    found: dict[str, Any] = {}
    for head, wanted in names.items():
        prefix = f"{head}_" if len(names) > 1 else ""
        for name in wanted:
            found[prefix + name] = heads[head][name]
            if f"{name}_ci95" in heads[head]:
                found[f"{prefix}{name}_ci95"] = heads[head][f"{name}_ci95"]
    return found


def one_head(name: str, head: str, examples: Sequence[Example]) -> Taxonomy:
    """A taxonomy of the labels that stand in the examples."""
    labels = sorted({label for example in examples for label in example.labels.values() if label})
    return Taxonomy.from_dict({"name": name, "heads": [{"name": head, "labels": labels}]})
