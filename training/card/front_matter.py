"""The head of a card, which programs read: the Hugging Face hub's metadata, with figures as a model index."""

import re
from collections.abc import Iterator

from huggingface_hub import EvalResult, ModelCardData

from training.card.facts import Facts

_LANGUAGE = re.compile(r"[a-z]{2,3}")  # ISO 639, as the hub lists them


def front_matter(facts: Facts, library: str) -> str:
    """YAML between two lines of dashes.

    What is not known is left out: the languages of posts that name none, a licence of anybody's own data.

    Args:
        library: that loads the files beside the card.
    """
    results = list(_results(facts))
    data = ModelCardData(
        language=languages(facts) or None,
        license="apache-2.0" if facts.is_starter and facts.hub_encoder else None,
        library_name=library,
        pipeline_tag="text-classification",
        base_model=facts.hub_encoder,
        tags=["triage", *(head.name for head in facts.taxonomy)],
        metrics=["accuracy", "f1"],
        model_name=facts.about.reference if results else None,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def languages(facts: Facts) -> list[str]:
    """Codes of the languages of the posts, as far as their files name them."""
    declared = [
        language.lower()[:2] if "-" in language else language.lower() for language in facts.data.get("languages", {})
    ]
    known = dict.fromkeys(language for language in declared if _LANGUAGE.fullmatch(language))
    return ["en"] if facts.is_starter else list(known)


def _results(facts: Facts) -> Iterator[EvalResult]:
    for name, head in facts.figures.get("heads", {}).items():
        for metric, title, figure, settings in (
            ("accuracy", "Accuracy", "accuracy", None),
            ("f1", "Macro F1", "macro_f1", {"average": "macro"}),
        ):
            if figure in head:
                yield EvalResult(
                    task_type="text-classification",
                    task_name=f"Text Classification: {name}",
                    dataset_type=f"{facts.about.name}-test",
                    dataset_name=f"test part of {facts.about.name}",
                    dataset_config=name,
                    dataset_split="test",
                    metric_type=metric,
                    metric_name=title,
                    metric_value=round(head[figure], 4),
                    metric_args=settings,
                )
