from data.checking.giveaways import giveaways
from data.posts import Example, Post


def labelled(text: str, intent: str | None, count: int) -> list[Example]:
    return [Example(Post(f"{text} x{index}"), {"intent": intent}) for index in range(count)]


def test_a_word_that_stands_for_one_label_is_found_with_its_share() -> None:
    examples = [*labelled("the payslip is late", "pay", 19), *labelled("payslip printed", "print", 1)]
    examples += labelled("the order is late", "order", 20)
    [found] = [found for found in giveaways(examples, "intent") if found.ngram == "payslip"]
    assert (found.label, found.rows, found.share) == ("pay", 20, 0.95)


def test_a_word_at_ninety_percent_or_in_fewer_rows_is_none() -> None:
    often = [*labelled("payslip", "pay", 18), *labelled("payslip", "print", 2)]
    assert giveaways(often, "intent") == []
    assert giveaways(labelled("payslip", "pay", 19), "intent") == []


def test_rows_count_once_and_only_where_the_label_is_known() -> None:
    examples = [Example(Post("again again again"), {"intent": "x"}) for _ in range(10)]
    examples += [Example(Post("again"), {"urgency": "low"}) for _ in range(30)]
    assert giveaways(examples, "intent") == []


def test_a_longer_ngram_is_left_out_where_its_part_is_given() -> None:
    examples = [*labelled("take legal action now", "legal", 20), *labelled("legal", "other", 20)]
    found = {giveaway.ngram for giveaway in giveaways(examples, "intent")}
    assert {"take", "action", "now"} <= found
    assert "legal" not in found
    assert "take legal" not in found


def test_marks_and_case_do_not_hide_a_word_and_nobody_is_a_label() -> None:
    texts = ["Lottery!", "(lottery)", '"LOTTERY"', "lottery..."] * 5
    [found] = giveaways([Example(Post(text), {"intent": None}) for text in texts], "intent")
    assert (found.ngram, found.label, found.rows) == ("lottery", None, 20)
