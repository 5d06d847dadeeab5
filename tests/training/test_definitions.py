from data.taxonomy import Taxonomy
from training.definitions import definitions


def test_each_label_is_taught_by_its_name_in_words_and_its_definition(taxonomy: Taxonomy) -> None:
    found = [(example.post.text, dict(example.labels)) for example in definitions(taxonomy)]
    assert found == [
        ("refund: wants money back", {"intent": "refund"}),
        ("outage", {"intent": "outage"}),
        ("spam", {"intent": "spam"}),
        ("low", {"urgency": "low"}),
        ("normal", {"urgency": "normal"}),
        ("high", {"urgency": "high"}),
        ("support", {"department": "support"}),
        ("it", {"department": "it"}),
    ]


def test_a_name_of_several_words_is_read_as_such() -> None:
    heads = [{"name": "topic", "labels": ["card_arrival", {"pin_blocked": "the PIN no longer works"}]}]
    taxonomy = Taxonomy.from_dict({"name": "bank", "heads": heads})
    texts = [example.post.text for example in definitions(taxonomy)]
    assert texts == ["card arrival", "pin blocked: the PIN no longer works"]
