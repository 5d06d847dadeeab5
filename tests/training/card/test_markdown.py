from training.card.markdown import bullets, cell, code, folded, section, table


def test_what_stands_in_a_table_cannot_break_it() -> None:
    assert cell("a|b\n<script>&") == "a\\|b &lt;script>&amp;"
    assert code("a|`b`\n c") == "`a\\|'b' c`"
    rows = table(["label", "n"], [["a|b", 1], ["c\nd", 2]]).splitlines()
    assert rows == ["| label | n |", "|---|---|", "| a\\|b | 1 |", "| c d | 2 |"]


def test_nothing_makes_no_table_fold_or_section() -> None:
    assert table(["label"], []) == ""
    assert folded("title", "") == ""
    assert section("## Title", "", "") == ""
    assert bullets(["", "one", ""]) == "- one"


def test_a_section_parts_its_paragraphs() -> None:
    assert section("## Title", "one", "", "two") == "## Title\n\none\n\ntwo"
