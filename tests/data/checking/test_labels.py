from data.checking.labels import label_spellings, rare_labels
from data.checking.survey import survey
from data.posts import Example, Post
from data.taxonomy import Taxonomy


def taxonomy_of(*labels: str) -> Taxonomy:
    return Taxonomy.from_dict({"name": "bank", "heads": [{"name": "topic", "labels": list(labels)}]})


def of_topic(label: str, count: int, groups: int | None = None) -> list[Example]:
    return [
        Example(
            Post(f"{label} post {number}"), {"topic": label}, group=f"{label} {number % groups}" if groups else None
        )
        for number in range(count)
    ]


def test_a_label_of_few_different_posts_or_few_groups_is_named_with_its_counts() -> None:
    posts = [*of_topic("enough", 10), *of_topic("few", 9), *of_topic("few", 9), *of_topic("one case", 50, groups=4)]
    heads = taxonomy_of("enough", "few", "one case", "none")
    assert [caution.message for caution in rare_labels(survey({"a": posts}, heads), heads)] == [
        f"topic: {said}; 10 in 5 are the least to learn from"
        for said in (
            "few: 9 different posts in 9 groups",
            "one case: 50 different posts in 4 groups",
            "none: 0 different posts in 0 groups",
        )
    ]


def test_labels_that_differ_by_case_spaces_or_marks_are_told_together() -> None:
    heads = taxonomy_of("Credit Card", "credit-card", "loan", "loans", "+", "-")
    posts = [*of_topic("Credit Card", 3), *of_topic("credit-card", 1)]
    [caution] = label_spellings(survey({"a": posts}, heads), heads)
    assert caution.message == (
        "topic: 'Credit Card' (3 posts) and 'credit-card' (1 posts) differ only by case, spaces or marks"
    )
