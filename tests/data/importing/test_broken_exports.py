"""Exports that are broken: what is whole comes through, the rest is told with its line, and nothing crashes."""

import json
from pathlib import Path

import pytest

from data.errors import DataError
from data.importing.mapping import ready_mapping
from data.importing.report import ImportReport
from tests.data.importing.test_exports import imported

LATER = "a later message of its thread"
CUT_JSON = "the file breaks here, and what follows is lost"
CUT_CSV = "not CSV"


def told(report: ImportReport, expected: list[tuple[int, str]]) -> None:
    """Each row that was left out is named with its line and what is wrong with it, and never with its text."""
    found = [(row.line, row.message) for row in report.first]
    assert [line for line, _ in found] == [line for line, _ in expected]
    for (line, message), (_, part) in zip(found, expected, strict=True):
        assert part in message, line
    plain = json.dumps(report.to_dict())
    assert "Mary" not in plain
    assert "example." not in plain


def test_zendesk(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("zendesk"), "zendesk-broken.json", tmp_path)
    assert [post["id"] for post in posts] == [101, 102, 203, 204, 205, 206]
    told(
        report,
        [
            (7, "not UTF-8"),
            (8, "description: expected a text, found dict"),
            (9, "priority: expected a label, found list"),
            (10, LATER),
            (11, "expected a JSON object, found list"),
            (12, "not JSON"),
        ],
    )
    assert dict(report.unread) == {"time": 1}
    assert posts[2]["text"] == "When do you open?"
    assert posts[3] == {
        "text": "Password\nI cannot sign in. The link [link] is dead.",
        "urgency": "high",
        "id": 204,
        "thread": 204,
        "time": "2024-03-03T09:30:00Z",
    }
    assert "time" not in posts[4]
    assert posts[5]["text"] == "Site down & out\nNothing loads."


def test_zendesk_page_of_the_api(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("zendesk"), "zendesk-api-broken.json", tmp_path)
    assert [(post["id"], post.get("channel")) for post in posts] == [(301, "email"), (302, None)]
    told(report, [(2, "expected an object or a list, found"), (4, CUT_JSON)])


def test_zendesk_csv(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("zendesk-csv"), "zendesk-csv-broken.csv", tmp_path)
    assert [(post["id"], post["text"], post.get("time")) for post in posts] == [
        ("401", "Parcel [number] never came, again", "2023-11-05T09:14:00Z"),
        ("403", "Écran noir\naprès la mise à jour", None),
        ("404", "Abierto el domingo", "2023-11-06T12:30:00Z"),
    ]
    told(
        report,
        [
            (3, "expected 42 cells as in the header, found 20"),
            (7, LATER),
            (8, "Subject: the text is empty"),
            (9, "not UTF-8"),
            (10, "expected 42 cells as in the header, found"),
        ],
    )
    assert dict(report.unread) == {"time": 1}


def test_freshdesk_api(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("freshdesk"), "freshdesk-broken.json", tmp_path)
    assert [(post["id"], post["text"].splitlines()[0]) for post in posts] == [
        (601, "Lamp arrived broken"),
        (602, "Kündigung"),
        (603, "Site en panne"),
        (604, "Horario"),
    ]
    told(
        report,
        [
            (3, "expected an object or a list, found"),
            (6, "description || description_text: expected a text, found list"),
            (7, LATER),
            (8, "type: expected a label, found dict"),
            (9, "the text is empty"),
            (10, "expected an object or a list, found"),
            (11, CUT_JSON),
        ],
    )
    assert dict(report.unread) == {"time": 1}


def test_freshdesk_csv(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("freshdesk-csv"), "freshdesk-csv-broken.csv", tmp_path)
    assert [(post["id"], post["text"]) for post in posts] == [
        ("501", "Charged twice for order [number]"),
        ("503", "Mot de passe\noublié"),
        ("504", "Web caída desde las 9"),
    ]
    told(
        report,
        [
            (3, "expected 37 cells as in the header, found 38"),
            (7, "Subject: the text is empty"),
            (8, LATER),
            (9, "not UTF-8"),
            (10, CUT_CSV),
        ],
    )
    assert dict(report.unread) == {"time": 1}


def test_zammad(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("zammad"), "zammad-broken.json", tmp_path)
    assert [(post["id"], post["text"].splitlines()[0], post["urgency"]) for post in posts] == [
        (1, "Order [number]", "high"),
        (2, "Passwort", "normal"),
        (3, "Devis", "low"),
        (14, "Copy of my data", "high"),
        (17, "Copy of my data", "4 whatever"),
    ]
    told(
        report,
        [
            (5, "the text is empty"),
            (6, LATER),
            (8, "expected an object or a list, found"),
            (9, "expected a text, found int"),
            (10, CUT_JSON),
        ],
    )
    assert dict(report.unread) == {"time": 1}


def test_chatwoot_conversations(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("chatwoot"), "chatwoot-broken.json", tmp_path)
    assert [(post["id"], post.get("channel"), post.get("time")) for post in posts] == [
        (1, "Channel::WebWidget", "2024-03-02T10:11:12Z"),
        (2, None, "2024-03-02T11:11:12Z"),
        (14, "Channel::WebWidget", None),
    ]
    told(
        report,
        [
            (3, "not wanted by its length("),
            (4, "expected an object or a list, found"),
            (6, LATER),
            (7, "expected a text, found dict"),
            (8, CUT_JSON),
        ],
    )
    assert dict(report.unread) == {"time": 1}


def test_chatwoot_database(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("chatwoot-messages"), "chatwoot-messages-broken.csv", tmp_path)
    assert [(post["id"], post["text"]) for post in posts] == [
        ("200", "hi, i was charged twice"),
        ("203", 'Die App stürzt ab,\nsobald ich sie "öffne"'),
        ("208", "foto"),
    ]
    told(
        report,
        [
            (2, LATER),
            (6, "expected 12 cells as in the header, found 7"),
            (8, LATER),
            (9, "not UTF-8"),
            (10, CUT_CSV),
        ],
    )
    assert dict(report.unread) == {"time": 1}


def test_salesforce(tmp_path: Path) -> None:
    posts, report = imported(ready_mapping("salesforce"), "salesforce-broken.csv", tmp_path)
    assert [(post["id"][12:15], post["text"].splitlines()[0]) for post in posts] == [
        ("001", "Turbine stopped"),
        ("003", "Mode sombre 🌙"),
        ("004", "Login"),
        ("008", "Fuite d'eau"),
    ]
    told(
        report,
        [
            (16, "expected 30 cells as in the header, found 12"),
            (20, LATER),
            (34, "not UTF-8"),
            (35, CUT_CSV),
        ],
    )
    assert dict(report.unread) == {"time": 1}


def test_salesforce_in_latin1_that_nobody_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of \d rows can be used; the first: .*:2: not UTF-8.*--encoding"):
        imported(ready_mapping("salesforce"), "salesforce-latin1.csv", tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [("zendesk-csv", "freshdesk-csv.csv"), ("salesforce", "zendesk-csv.csv"), ("zammad", "freshdesk.json")],
)
def test_the_export_of_another_product_is_told_with_its_columns(name: str, file: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no row has") as told_so:
        imported(ready_mapping(name), file, tmp_path)
    assert "its columns: " in str(told_so.value)
    assert not list(tmp_path.iterdir())
