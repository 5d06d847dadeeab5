"""Posts from files."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from tests.api.conftest import until
from tests.api.page.opened import POSTS, Page, in_one, in_two


@in_two
def test_a_file_is_dropped_and_its_column_chosen(page: Page) -> None:
    posts = [*POSTS, 'he said "down";\nagain']
    rows = [[number, text, "a note, longer than posts are by far" * 3] for number, text in enumerate(posts)]
    page.drop("posts.csv", "\ufeff" + written([["id", "message", "note"], *rows], ";"))
    until(lambda: page.find("#file-note").text == "9 rows")
    assert not page.find("#drop").is_displayed()
    assert page.find("#file-first").text == rows[0][2]
    page.find("#column option[value='message']").click()
    assert page.find("#file-first").text == POSTS[0]
    page.press("Classify 9 posts")
    page.labelled(9)
    assert page.texts() == posts
    page.press("Remove")
    assert page.find("#text").is_displayed()


@in_one
def test_a_file_is_chosen_and_read_as_far_as_it_can_be(page: Page, tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text('{"text": "site is down", "n": 1}\n{broken\n{"text": null}\n')
    page.find("#chosen").send_keys(str(tmp_path / "posts.jsonl"))
    until(lambda: page.find("#file-note").text == "2 rows; 1 line left out: not JSON objects")
    page.press("Classify 2 posts")
    page.labelled(2)
    assert page.cards()[1]["remarks"] == ["the text is empty"]

    ids = page.answer(
        """
        const { readFile } = await import("./page/sources.js");
        const { rows } = await readFile(new File([arguments[0]], "posts.jsonl"));
        return JSON.stringify(rows);
        """,
        '{"text": "late", "id": 1234567890123456789, "price": 0.5}',
    )
    assert json.loads(ids) == [{"text": "late", "id": 1234567890123456789, "price": 0.5}]

    (tmp_path / "latin.csv").write_bytes("text,n\nsite für alle down\n".encode("latin-1"))
    page.find("#chosen").send_keys(str(tmp_path / "latin.csv"))
    uneven = "1 row with more or fewer cells than columns"
    until(lambda: page.find("#file-note").text == f"1 row; not UTF-8, read as Windows-1252; {uneven}")
    assert page.find("#file-first").text == "site für alle down"

    (tmp_path / "empty.csv").write_text("")
    page.find("#chosen").send_keys(str(tmp_path / "empty.csv"))
    until(lambda: page.find("#fault").text == "empty.csv holds no posts")


@in_one
def test_columns_of_one_name_are_told_apart(page: Page) -> None:
    page.drop("posts.csv", "note,text,note,note 2,note,\nmy,late,own,second,words,.\n")
    until(lambda: page.find("#file-note").text == "1 row; columns of one name are numbered: note 3, note 4")
    names = [option.text for option in page.all("#column option")]
    assert names == ["note", "text", "note 3", "note 2", "note 4", "column 6"]
    first = []
    for name in names:
        page.find(f"#column option[value='{name}']").click()
        first.append(page.find("#file-first").text)
    assert first == ["my", "late", "own", "second", "words", "."]


@in_one
def test_a_folder_is_dropped_and_told_from_a_file(page: Page, tmp_path: Path) -> None:
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
        page.browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 100, "y": 100, "data": data})
    until(lambda: page.find("#fault").text.startswith(f"{tmp_path.name} cannot be read; it may be a folder"))
    assert not page.find("#file").is_displayed()
    page.drop("posts.csv", "text\nlate\n")
    until(lambda: page.find("#file-note").text == "1 row")
    assert not page.find("#fault").is_displayed()


@in_one
def test_tables_are_read_and_written_as_they_are_elsewhere(page: Page) -> None:
    rows = [
        ["text", "note"],
        ['he said "no"', "a,b"],
        ["two\nlines", "semi;colon"],
        [" spaces ", "tab\tbed"],
        ["", "x"],
        ["é😡", '"'],
    ]
    for delimiter in (",", ";", "\t"):
        read, again = page.answer(
            """
            const { formatCsv, parseCsv } = await import("./page/csv.js");
            const { columns, rows } = parseCsv(arguments[0]);
            return [[columns, ...rows.map((row) => columns.map((name) => row[name]))], formatCsv(columns, rows)];
            """,
            written(rows, delimiter),
        )
        assert read == rows
        assert list(csv.reader(io.StringIO(again, newline=""))) == rows


@in_one
def test_a_spreadsheet_is_given_no_formula(page: Page) -> None:
    formulas = ["=1+1", "+49 170 1234", "-2+3", "@acme late", "\t=1", "\r=1", '=HYPERLINK("x","y")', "- no"]
    harmless = ["", "late", "'=1", " =1", "-5", "-1.234,56", "1-2"]
    text = page.answer(
        """
        const { formatCsv } = await import("./page/csv.js");
        return formatCsv(["=name", "cell"], [...arguments[0].map((cell) => ({ cell })), { "=name": -0.5, cell: true }]);
        """,
        [*formulas, *harmless],
    )
    [header, *rows] = csv.reader(io.StringIO(text, newline=""))
    assert header == ["'=name", "cell"]
    assert [cell for _, cell in rows[:-1]] == [*(f"'{cell}" for cell in formulas), *harmless]
    assert rows[-1] == ["-0.5", "true"]


def written(rows: Sequence[Sequence[object]], delimiter: str) -> str:
    table = io.StringIO()
    csv.writer(table, delimiter=delimiter).writerows(rows)
    return table.getvalue()
