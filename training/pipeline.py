"""From labelled posts to a bundle: train, export, calibrate, score, publish."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import set_seed

from data.errors import DataError
from data.examples import posts_of
from data.files import whole_folder, write_whole
from data.normalise import fingerprint
from data.posts import Example
from data.splitting.parts import Parts, split_by_group, without_posts
from data.taxonomy import Taxonomy
from evaluation.weighting import Shares
from model import bundle as layout
from model.bundle import About, Bundle, Precision, inherit, seal
from model.network import TriageNetwork
from model.registry import Registry, check_name
from model.tokenizer import PostTokenizer
from training.card.counts import noted
from training.card.document import card
from training.initial_network import initial_network
from training.loop import processes
from training.loop.work_folder import WorkFolder, work_in
from training.precision import Judges, ServedGraph, serve_at
from training.provenance import code_and_packages, files_of, hash_of, row_of
from training.recipe import Recipe
from training.stages import Course, teach

RUNS = ".runs"
"""Folder of the registry for unfinished work."""

LOGS = "logs"
"""Folder in it for the figures of runs, kept when they are done."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to train.

    Attributes:
        name: of the bundle.
        sources: the files that the examples were read from.
        shares: of the labels in the stream that will be served, where the examples have others; the figures are then
            given weighted to them too.
        start: the bundle whose weights are trained further, in place of the recipe's encoder.

    Raises:
        RegistryError: the name cannot be a bundle's.
    """

    name: str
    taxonomy: Taxonomy
    parts: Parts
    recipe: Recipe
    sources: Sequence[Path]
    shares: Shares | None = None
    start: Bundle | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    def identity(self, *, whole: bool = False) -> str:
        """A hash of data, taxonomy, recipe and first weights: a run is only ever resumed by its own job.

        Args:
            whole: also of the parts that only judge the weights.
        """
        names = ("train", "dev", "calibration", "test") if whole else ("train", "dev")
        rows = [(part, row_of(example)) for part in names for example in getattr(self.parts, part)]
        start = self.start and self.start.manifest.files
        return hash_of([asdict(self.recipe), self.taxonomy.sha256, rows, *([start] if start else [])])[:16]


def is_begun(job: Job, registry: Registry) -> bool:
    """Whether an interrupted run of the job can be taken up again."""
    return _work_folder(job, registry).exists()


def train_bundle(job: Job, registry: Registry, *, resume: bool = False) -> Path:
    """Train and publish the next version of `job.name`.

    Where several processes train it, only the main one returns; the others end here.

    Args:
        resume: go on with the unfinished run of this job, if there is one.

    Returns:
        The folder of the new bundle.

    Raises:
        BusyError, EncoderError, ExportError, Interrupted: see there. Nothing is published then.
    """
    with work_in(_work_folder(job, registry), resume=resume) as work:
        # A kill may have come after the bundle was there and before the work folder was gone.
        published = processes.decided_by_main(lambda: work.published(job.name, registry) if resume else None)
        if published is None:
            published = _train_and_publish(job, registry, work, resume)
        else:
            processes.only_main_goes_on()
        work.remove()
    return published


def export_bundle(
    bundle: Bundle, precision: Precision, examples: Sequence[Example], sources: Sequence[Path], registry: Registry
) -> Path:
    """Export a bundle's weights anew and publish the result as the next version of its name.

    Args:
        precision: int8 falls back to float32 where it does not pass the gate; the manifest says why.
        examples: labelled posts, from the files `sources`. Those that taught the weights are set aside; of the others
            half of the groups fit the calibration and the scales of int8, half score it.

    Raises:
        BundleError: there are no weights in the bundle.
        DataError: too few examples that the weights never saw.
        ExportError: the graph does not answer as the network does; nothing is published.
    """
    network = TriageNetwork.from_pretrained(bundle.weights())
    tokenizer = bundle.tokenizer()
    unseen = without_posts(examples, bundle.training_rows())
    halves = split_by_group(unseen, {"calibration": 0.5, "test": 0.5}, seed="export")
    if not all(halves.values()):
        raise DataError(
            f"{len(unseen)} of the {len(examples)} posts never taught this model; too few to calibrate on one half and "
            "score on the other: give labelled posts that it has not seen"
        )
    with whole_folder(registry.root / RUNS) as work:
        graph = serve_at(
            precision,
            network,
            tokenizer,
            bundle.taxonomy,
            posts_of(halves["calibration"]),
            Judges(halves["calibration"], halves["test"]),
            work,
        )
        provenance = {
            **bundle.manifest.provenance,
            "exported_with": {
                "files": files_of(sources),
                "posts": {
                    **{part: len(posts) for part, posts in halves.items()},
                    "set_aside": len(examples) - len(unseen),
                },
            },
            "graph": graph.provenance,
            **code_and_packages(),
        }

        def lay(folder: Path) -> None:
            inherit(bundle, folder, (layout.WEIGHTS, layout.TOKENIZER, layout.TAXONOMY, layout.TRAINING_ROWS))

        name, parent = bundle.manifest.name, bundle.manifest.reference
        return _publish(registry, name, graph, tokenizer, provenance, lay, parent)


def _work_folder(job: Job, registry: Registry) -> Path:
    return registry.root / RUNS / f"{job.name}-{job.identity()}"


def _train_and_publish(job: Job, registry: Registry, work: WorkFolder, resume: bool) -> Path:
    set_seed(job.recipe.seed)  # the fresh heads are drawn before the Trainer seeds anything
    initial = initial_network(job.recipe, job.taxonomy, job.start)
    network, tokenizer = initial.network, initial.tokenizer
    course = Course(job.taxonomy, job.parts.train, job.parts.dev)
    logs = registry.root / RUNS / LOGS / work.path.name
    outcome = teach(initial, course, job.recipe, work.path, resume=resume, logs=logs)
    processes.only_main_goes_on()
    judges = Judges(job.parts.calibration, job.parts.test, job.shares)
    graph = serve_at(Precision.INT8, network, tokenizer, job.taxonomy, posts_of(job.parts.train), judges, work.path)
    learned = {fingerprint(text) for text in posts_of([*job.parts.train, *job.parts.dev])}
    known = learned | (job.start.training_rows() if job.start else set())  # what taught the first weights, too
    files = files_of(job.sources)
    provenance = {
        "run": work.run,
        "encoder": initial.encoder,
        "recipe": asdict(job.recipe),
        **outcome,
        "data": {
            "files": files,
            "posts": {part: len(getattr(job.parts, part)) for part in ("train", "dev", "calibration", "test")},
            **noted(job.parts, job.taxonomy, files),
            "learned_sha256": hash_of(sorted(learned)),
        },
        "graph": graph.provenance,
        **code_and_packages(),
    }

    def lay(folder: Path) -> None:
        network.save_pretrained(folder / layout.WEIGHTS)
        (folder / layout.TOKENIZER).write_text(tokenizer.to_json(), encoding="utf-8")
        (folder / layout.TAXONOMY).write_text(json.dumps(job.taxonomy.to_dict(), indent=2), encoding="utf-8")
        (folder / layout.TRAINING_ROWS).write_text("\n".join(sorted(known)) + "\n", encoding="utf-8")

    parent = job.start.manifest.reference if job.start else None
    return _publish(registry, job.name, graph, tokenizer, provenance, lay, parent)


def _publish(
    registry: Registry,
    name: str,
    graph: ServedGraph,
    tokenizer: PostTokenizer,
    provenance: Mapping[str, Any],
    lay: Callable[[Path], None],
    parent: str | None = None,
) -> Path:
    """Publish a graph with its policy, figures and card, and what `lay` puts beside them."""

    def fill(folder: Path, number: int) -> None:
        lay(folder)
        shutil.copyfile(graph.path, folder / layout.MODEL)
        graph.policy.write(folder / layout.POLICY)
        graph.calibrated_on.write(folder / layout.REFERENCE)
        write_whole(folder / layout.METRICS, json.dumps(graph.figures, indent=2) + "\n")
        about = About(
            name=name,
            version=number,
            parent=parent,
            precision=graph.precision,
            max_tokens=tokenizer.max_tokens,
            max_windows=tokenizer.max_windows,
            provenance=provenance,
        )
        write_whole(folder / layout.CARD, card(folder, about))
        seal(folder, about)

    return registry.publish(name, fill)
