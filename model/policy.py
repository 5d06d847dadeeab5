"""What turns scores into decisions: calibration, thresholds, routing. Tied to one model and one taxonomy."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data.errors import PolicyError
from data.files import write_whole
from data.taxonomy import Taxonomy

FORMAT = 2
"""Of policy.json. The first knew no costs, sets of labels, scales or novelty; it is still read."""

DEFAULT_THRESHOLD = 0.5
UNOWNED_THRESHOLD = 0.8
"""Of labels that nobody owns: a post wrongly ignored is lost, a post wrongly reviewed costs a minute."""


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


class LabelSets(BaseModel):
    """Sets of labels for whoever reviews a post (split conformal prediction).

    Attributes:
        coverage: the chance with which the right label is among them.
        least_probability: calibrated probability from which a label is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coverage: float = Field(gt=0, lt=1)
    least_probability: _Share


class Novelty(BaseModel):
    """What counts as out of scope: a post unlike those that the labels were made for (`model.novelty`).

    Attributes:
        head: whose logits tell.
        threshold: novelty above which a post is out of scope.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    head: str
    threshold: _Finite


class HeadPolicy(BaseModel):
    """The policy of one head.

    Attributes:
        labels: in the order of the head's logits.
        temperature: divides the logits before the softmax.
        scales, biases: by label; the logits are multiplied by the ones and the others are added, before the
            temperature divides them (vector scaling). Empty where one temperature for all is as good.
        threshold: calibrated probability from which a label is accepted without a person.
        label_thresholds: the same by label, where one differs.
        costs: `costs[gold][said]`, of taking a post of one label for one of another; where they are given, the label
            of least expected cost is chosen, not the most probable one.
        label_sets: which labels a reviewer is shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    scales: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = ()
    biases: tuple[_Finite, ...] = ()
    threshold: float = Field(default=DEFAULT_THRESHOLD, ge=0, le=1)
    label_thresholds: Mapping[str, _Share] = {}
    costs: tuple[tuple[_Cost, ...], ...] = ()
    label_sets: LabelSets | None = None

    @model_validator(mode="after")
    def _labels_exist(self) -> "HeadPolicy":
        unknown = sorted(set(self.label_thresholds) - set(self.labels))
        if unknown:
            raise ValueError(f"label_thresholds names labels that the head does not have: {unknown}")
        given = {"scales": self.scales, "biases": self.biases, "costs": self.costs}
        rows = {name: row for name, row in given.items() if row}
        rows |= {f"costs.{place}": row for place, row in enumerate(self.costs)}
        for name, row in rows.items():
            if len(row) != len(self.labels):
                raise ValueError(f"{name}: expected one entry for each of the {len(self.labels)} labels")
        return self

    def threshold_of(self, label: str) -> float:
        return self.label_thresholds.get(label, self.threshold)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> "HeadPolicy":
        """As pydantic's, which would take along what was computed from the fields before."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("cost_matrix", "thresholds"):
            copied.__dict__.pop(name, None)
        return copied

    def with_thresholds(self, thresholds: Sequence[float]) -> "HeadPolicy":
        """The same with a threshold for each label; the most frequent one stands for all, the others by name."""
        common = max(set(thresholds), key=lambda value: (thresholds.count(value), -value))
        of_label = {label: value for label, value in zip(self.labels, thresholds, strict=True) if value != common}
        return self.model_copy(update={"threshold": common, "label_thresholds": of_label})

    @cached_property
    def cost_matrix(self) -> NDArray[np.float64] | None:
        """`costs` as an array."""
        return np.array(self.costs) if self.costs else None

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """Of each label, in their order."""
        return tuple(map(self.threshold_of, self.labels))


class Policy(BaseModel):
    """All that `decide` needs besides scores.

    Attributes:
        model_sha256: of the model.onnx whose scores it was fitted on; at another precision they are others.
        taxonomy_sha256: of the taxonomy whose labels it names.
        owner: the head that names who must act, if the taxonomy has one.
        unowned: labels by head that nobody owns.
        novelty: what is out of scope; `None` where nothing is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    model_sha256: str
    taxonomy_sha256: str
    heads: Mapping[str, HeadPolicy]
    owner: str | None = None
    unowned: Mapping[str, tuple[str, ...]] = {}
    novelty: Novelty | None = None

    @model_validator(mode="after")
    def _heads_exist(self) -> "Policy":
        if self.novelty is not None and self.novelty.head not in self.heads:
            raise ValueError(f"novelty names the head {self.novelty.head!r}; there is none")
        if self.owner is not None and self.owner not in self.heads:
            raise ValueError(f"owner names the head {self.owner!r}; there is none")
        for name, labels in self.unowned.items():
            known = self.heads[name].labels if name in self.heads else ()
            if not set(labels) <= set(known):
                raise ValueError(
                    f"unowned.{name} names labels that no such head has: {sorted(set(labels) - set(known))}"
                )
        return self

    @classmethod
    def plain(cls, taxonomy: Taxonomy, model_sha256: str, temperatures: Mapping[str, float] | None = None) -> "Policy":
        """Default thresholds, with a temperature by head where one was fitted."""
        temperatures = temperatures or {}
        unowned = dict(taxonomy.routing.unowned) if taxonomy.routing else {}
        return cls(
            model_sha256=model_sha256,
            taxonomy_sha256=taxonomy.sha256,
            heads={
                head.name: HeadPolicy(
                    labels=head.labels,
                    temperature=temperatures.get(head.name, 1.0),
                    label_thresholds=dict.fromkeys(unowned.get(head.name, ()), UNOWNED_THRESHOLD),
                )
                for head in taxonomy
            },
            owner=taxonomy.routing.owner if taxonomy.routing else None,
            unowned=unowned,
        )

    @classmethod
    def read(cls, path: Path) -> "Policy":
        """Read policy.json.

        Raises:
            PolicyError: it is not a policy; every fault is named.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise PolicyError(f"{path}: not a policy: {faults}") from error

    def write(self, path: Path) -> None:
        """Write policy.json, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")

    def check(self, model_sha256: str, taxonomy: Taxonomy) -> None:
        """Refuse to serve another model or taxonomy than the one that the policy was made for.

        Raises:
            PolicyError: it was made for another.
        """
        for what, own, found in (
            ("model", self.model_sha256, model_sha256),
            ("taxonomy", self.taxonomy_sha256, taxonomy.sha256),
        ):
            if own != found:
                raise PolicyError(
                    f"the policy was made for the {what} {own[:12]}, found {found[:12]}: "
                    "its thresholds mean nothing here; tune a policy on this bundle's own scores"
                )
        labels = {name: head.labels for name, head in self.heads.items()}
        if labels != {head.name: head.labels for head in taxonomy}:
            raise PolicyError("the policy does not have the heads and labels of the taxonomy that it names")

    @property
    def version(self) -> str:
        """A short name for exactly this content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]
