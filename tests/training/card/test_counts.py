from data.posts import Example, Post
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.bundle import Bundle
from training.card.counts import noted


def test_labels_missing_ones_and_those_that_are_none_are_counted_apart(taxonomy: Taxonomy) -> None:
    train = [
        Example(Post("a", language="en"), {"intent": "spam", "department": None}),
        Example(Post("b", language="de"), {"intent": "spam", "department": "it"}),
        Example(Post("c", language="en"), {}),
    ]
    found = noted(Parts(train, train[:1], train[1:2], train[2:]), taxonomy, [{"name": "a", "sha256": "ab"}])
    assert found["labels"]["train"] == {
        "intent": {"labels": {"refund": 0, "outage": 0, "spam": 2}, "none": 0, "unknown": 1},
        "urgency": {"labels": {"low": 0, "normal": 0, "high": 0}, "none": 0, "unknown": 3},
        "department": {"labels": {"support": 0, "it": 1}, "none": 1, "unknown": 1},
    }
    assert found["labels"]["test"]["intent"]["unknown"] == 1
    assert found["languages"] == {"en": 4, "de": 2}
    assert found["starter_files"] == 0


def test_a_trained_bundle_has_its_labels_counted(bundle: Bundle, parts: Parts) -> None:
    data = bundle.manifest.provenance["data"]
    counts = data["labels"]["train"]["intent"]
    assert sum(counts["labels"].values()) + counts["none"] + counts["unknown"] == data["posts"]["train"]
    assert counts["labels"]["spam"] == sum(example.labels["intent"] == "spam" for example in parts.train)
