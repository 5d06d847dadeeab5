"""How it is trained: a preset, with the settings that flags name in place of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from math import inf, isfinite
from statistics import median
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from data.errors import ConfigurationError
from training.pipeline import Job
from training.recipe import PRESETS, Recipe

FEW = 15
"""Posts a label up to which `few` is the default preset: ahead at 10, behind at 100, not measured between."""

_NONE = "none"
# What a network cannot be trained without.
_LEAST = {"epochs": 0, "batch_size": 1, "max_tokens": 3, "max_windows": 1, "patience": 1, "most_posts": 1, "seed": 0}
_MOST = {
    "warmup": 0.99,  # 1 would be one step
    "dropout": 1,
    "encoder_dropout": 1,
    "label_smoothing": 1,
    "noise": 1,
    "seed": 2**32 - 1,  # of numpy's generators
}
# Where all layers learn together, and nowhere else.
_OF_EPOCHS = {"head_lr", "label_smoothing", "focal", "patience", "keep_last"}


def recipe_of(
    preset: str,
    *,
    encoder: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
) -> Recipe:
    """A preset with some of its settings replaced.

    Args:
        settings: `NAME=VALUE`, for any field of a recipe; `none` stands for none.

    Raises:
        ConfigurationError: there is no such preset or field, a value is none of its type, or nothing would be learned.
    """
    if preset not in PRESETS:
        raise ConfigurationError(f"--preset is {preset!r}; expected one of {sorted(PRESETS)}")
    flags = {"encoder": encoder, "epochs": epochs, "seed": seed}
    given = {name: value for name, value in flags.items() if value is not None}
    for name, value in given.items():
        _check_range(f"--{name} {value}", name, value)
    recipe = replace(PRESETS[preset], **{**given, **_settings(settings, given)})
    if not (recipe.epochs or recipe.probe):
        raise ConfigurationError("epochs is 0 and probe is off: the heads would learn nothing; set one of them")
    return recipe


def is_chosen(preset: str | None, epochs: int | None, settings: Sequence[str]) -> bool:
    """Whether the user has chosen how long all layers learn, so that no preset may be chosen for them."""
    return bool(preset or epochs or is_set("epochs", settings))


def is_set(name: str, settings: Sequence[str]) -> bool:
    """Whether a field of the recipe is among the settings `NAME=VALUE`."""
    return any(setting.partition("=")[0] == name for setting in settings)


def idle_settings(recipe: Recipe, settings: Sequence[str]) -> list[str]:
    """Which of the settings that were given change nothing, because the recipe only fits the heads."""
    return [] if recipe.epochs else sorted({setting.partition("=")[0] for setting in settings} & _OF_EPOCHS)


def has_few(job: Job) -> bool:
    """Whether the preset `few` suits the job: half of the labels of its largest head have few posts to teach them."""
    head = max(job.taxonomy, key=lambda head: len(head.labels))
    counts = Counter(example.labels.get(head.name) for example in job.parts.train)
    return median(counts[label] for label in head.labels) <= FEW


def _settings(settings: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Any]:
    types = get_type_hints(Recipe)
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in types:
            known = ", ".join(f"{field.name} ({_shown(types[field.name])})" for field in fields(Recipe))
            raise ConfigurationError(f"--set {setting!r}: expected NAME=VALUE, NAME being one of {known}")
        if name in values or name in flags:
            raise ConfigurationError(f"--set {setting!r}: {name} is given twice; give it once")
        values[name] = _value(setting, text, types[name])
        _check_range(f"--set {setting!r}", name, values[name])
    return values


def _value(setting: str, text: str, kind: Any) -> Any:
    optional = type(None) in getattr(kind, "__args__", ())
    if optional and text.lower() == _NONE:
        return None
    try:
        return TypeAdapter(kind).validate_strings(text)
    except ValidationError as error:
        raise ConfigurationError(f"--set {setting!r}: expected {_shown(kind)}") from error


def _shown(kind: Any) -> str:
    words = {"int": "a whole number", "float": "a number", "str": "a text", "NoneType": _NONE, "bool": "true or false"}
    return " or ".join(words.get(each.__name__, each.__name__) for each in getattr(kind, "__args__", (kind,)))


def _check_range(said: str, name: str, value: Any) -> None:
    least, most = _LEAST.get(name, 0), _MOST.get(name)
    if isinstance(value, int | float) and not (isfinite(value) and least <= value <= (inf if most is None else most)):
        raise ConfigurationError(f"{said}: expected a number from {least} {'on' if most is None else f'to {most}'}")
