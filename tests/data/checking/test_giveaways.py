"""Words that stand for one label are found; what the label's own frequency explains is not."""

import numpy as np

from data.checking.giveaways import giveaways
from data.posts import Example, Post


def labelled(text: str, intent: str | None, count: int) -> list[Example]:
    return [Example(Post(f"{text} x{index}"), {"intent": intent}) for index in range(count)]


OTHERS = [Example(Post(f"y{index}"), {"intent": "other"}) for index in range(60)]
"""Of a label that most posts carry, a word of a rarer one is told from."""


def test_a_word_that_stands_for_one_label_is_found_with_its_share() -> None:
    examples = [*labelled("the payslip is late", "pay", 19), *labelled("payslip printed", "print", 1)]
    examples += labelled("the order is late", "order", 60)
    [found] = [found for found in giveaways(examples, "intent") if found.ngram == "payslip"]
    assert (found.label, found.posts, found.share, found.base) == ("pay", 20, 0.95, 19 / 80)


def test_a_word_at_ninety_percent_or_in_fewer_rows_is_none() -> None:
    often = [*labelled("payslip", "pay", 18), *labelled("payslip", "print", 2)]
    assert giveaways([*often, *OTHERS], "intent") == []
    assert giveaways([*labelled("payslip", "pay", 19), *OTHERS], "intent") == []
    assert giveaways([*labelled("payslip", "pay", 20), *OTHERS], "intent") != []


def test_posts_count_once_and_only_where_the_label_is_known() -> None:
    examples = [Example(Post(f"again again {index}"), {"intent": "x"}) for index in range(10)]
    examples += [Example(Post(f"again {index}"), {"urgency": "low"}) for index in range(30)]
    assert giveaways([*examples, *OTHERS], "intent") == []


def test_a_post_that_stands_many_times_is_one() -> None:
    copies = [Example(Post("Thanks  again" if index % 2 else "thanks again"), {"intent": "x"}) for index in range(50)]
    assert giveaways([*copies, *labelled("again", "x", 18), *OTHERS], "intent") == []
    [found] = giveaways([*copies, *labelled("again", "x", 19), *OTHERS], "intent")
    assert (found.ngram, found.posts) == ("again", 20)


def test_words_of_a_label_that_most_posts_carry_are_none() -> None:
    generator = np.random.default_rng(3)
    words = [f"word{number}" for number in range(60)]
    examples = [
        Example(Post(" ".join(generator.choice(words, 8))), {"intent": "b" if index % 20 == 0 else "a"})
        for index in range(1000)
    ]
    assert giveaways(examples, "intent") == []
    tied = [Example(Post(f"lottery {' '.join(generator.choice(words, 8))}"), {"intent": "b"}) for _ in range(20)]
    assert [found.ngram for found in giveaways([*examples, *tied], "intent")] == ["lottery"]


def test_of_one_label_alone_nothing_is_given_away() -> None:
    assert giveaways(labelled("payslip", "pay", 50), "intent") == []
    assert giveaways([], "intent") == []


def test_a_longer_ngram_is_left_out_where_its_part_is_given() -> None:
    examples = [*labelled("take legal action now", "legal", 20), *labelled("legal", "other", 20)]
    found = {giveaway.ngram for giveaway in giveaways([*examples, *OTHERS], "intent")}
    assert {"take", "action", "now"} <= found
    assert "legal" not in found
    assert "take legal" not in found


def test_marks_and_case_do_not_hide_a_word_and_nobody_is_a_label() -> None:
    texts = [f"{word} {index}" for word in ("Lottery!", "(lottery)", '"LOTTERY"', "lottery...") for index in range(5)]
    [found] = giveaways([*(Example(Post(text), {"intent": None}) for text in texts), *OTHERS], "intent")
    assert (found.ngram, found.label, found.posts) == ("lottery", None, 20)
