"""Exports in the shapes of five products: what becomes of each ticket of theirs, in the order of the file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data.importing.engine import ImportJob, import_posts
from data.importing.mapping import ColumnMapping, ready_mapping, ready_mappings
from data.importing.persons import pseudonym
from data.importing.report import ImportReport
from data.importing.sources.source import Source
from data.tables.dialects import Dialect

EXPORTS = Path(__file__).parent / "exports"

NOT_LABELLED = "no label of any head"


@dataclass(frozen=True)
class Ticket:
    """A post that is expected: its id, text, labels and other fields."""

    id: Any
    text: str
    labels: dict[str, str]
    time: str | None
    author: Any
    channel: Any = None
    language: str | None = None
    thread: Any = None

    def row(self) -> dict[str, Any]:
        fields = {
            "id": self.id,
            "thread": self.id if self.thread is None else self.thread,
            "time": self.time,
            "author": pseudonym(str(self.author)) if self.author is not None else None,
            "channel": self.channel,
            "language": self.language,
        }
        return {
            "text": self.text,
            **self.labels,
            **{name: value for name, value in fields.items() if value is not None},
        }


def imported(mapping: ColumnMapping, file: str, folder: Path) -> tuple[list[dict[str, Any]], ImportReport]:
    """The rows that are written of an export, and the report."""
    dialect = Dialect(encoding=mapping.encoding, delimiter=mapping.delimiter, rows=mapping.rows)
    target = folder / "history.jsonl"
    report = import_posts(ImportJob((Source(str(EXPORTS / file), dialect=dialect),), mapping, target))
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()], report


def left_out(report: ImportReport) -> list[tuple[int, str]]:
    """Line and reason of each row that was left out."""
    return [(row.line, row.message) for row in report.first]


def check(
    mapping: ColumnMapping, file: str, folder: Path, tickets: list[Ticket], dropped: list[tuple[int, str]]
) -> None:
    posts, report = imported(mapping, file, folder)
    assert posts == [ticket.row() for ticket in tickets]
    assert left_out(report) == dropped
    assert (report.kept, report.dropped) == (len(tickets), len(dropped))


MARY, JONAS, LUCIE, DIEGO = 382000000001, 382000000002, 382000000003, 382000000004


def test_zendesk_account_export(tmp_path: Path) -> None:
    tickets = [
        Ticket(
            101,
            "Parcel never came\nHello,\n\nmy parcel was due on Monday and never came. Please call me on [number] or "
            "write to [email] .",
            {"intent": "problem", "urgency": "high", "department": "Customer Care"},
            "2024-03-02T10:11:12Z",
            MARY,
            "email",
        ),
        Ticket(
            102,
            "Rechnung doppelt abgebucht\nGuten Tag,\n\n"
            "die Rechnung wurde zweimal abgebucht. Bitte erstatten Sie den Betrag.",
            {"intent": "incident", "urgency": "normal", "department": "Customer Care"},
            "2024-03-02T11:00:00Z",
            JONAS,
            "email",
        ),
        Ticket(
            103,
            "Le site ne marche plus 😡\nLe site ne marche plus depuis ce matin, toute l'équipe est bloquée.",
            {"intent": "problem", "urgency": "critical", "department": "IT"},
            "2024-03-03T08:30:00Z",
            LUCIE,
            "web",
        ),
        Ticket(
            104,
            "¿Cuándo abre la tienda el domingo?",
            {"intent": "question", "urgency": "low"},
            "2024-03-03T09:00:00Z",
            DIEGO,
            "native_messaging",
        ),
        Ticket(
            105,
            "Password\nI cannot sign in. The link [link] is dead.",
            {"department": "IT"},
            "2024-03-03T09:30:00Z",
            MARY,
            "web",
        ),
        Ticket(
            110,
            "Delete my data\nI ask you to delete all data that you hold about me.",
            {"intent": "task", "urgency": "critical", "department": "Legal"},
            "2024-03-05T09:00:00Z",
            DIEGO,
            "email",
        ),
    ]
    dropped = [
        (6, NOT_LABELLED),
        (7, "not wanted by its contains(tags, 'closed_by_merge')"),
        (8, "not wanted by its status"),
        (9, "description: the text is empty"),
    ]
    check(ready_mapping("zendesk"), "zendesk.json", tmp_path, tickets, dropped)


def test_zendesk_custom_field_is_the_intent_and_groups_are_renamed(tmp_path: Path) -> None:
    mapping = ready_mapping("zendesk").updated(
        labels={"intent": "custom_fields[?id==`360000000011`].value | [0]"},
        rename={"department": {"Customer Care": "support", "IT": "it", "Legal": "legal"}},
    )
    posts, _ = imported(mapping, "zendesk.json", tmp_path)
    assert [(post["id"], post.get("intent"), post.get("department")) for post in posts] == [
        (101, "refund", "support"),
        (102, None, "support"),
        (103, None, "it"),
        (104, None, None),
        (105, None, "it"),
        (110, None, "legal"),
    ]


def test_zendesk_page_of_the_api(tmp_path: Path) -> None:
    tickets = [
        Ticket(
            301,
            "Refund please\nI sent the lamp back two weeks ago, order [number] , and have no refund.",
            {"intent": "problem", "urgency": "high", "department": "support"},
            "2024-05-06T06:07:08Z",
            MARY,
            "email",
        ),
        Ticket(
            302,
            "Anmeldung\nIch kann mich nicht anmelden & der Code kommt nicht an.",
            {"intent": "incident", "urgency": "critical", "department": "360001111102"},
            "2024-05-06T06:30:00Z",
            JONAS,
            "api",
        ),
        Ticket(
            303,
            "Bonjour\nJe voudrais un devis pour 40 chaises.",
            {"intent": "question", "urgency": "normal"},
            "2024-05-06T07:00:00Z",
            LUCIE,
            "chat",
        ),
        Ticket(
            305,
            "GDPR\nPlease send me a copy of my data.",
            {"intent": "task", "urgency": "low", "department": "360001111103"},
            "2024-05-07T08:00:00Z",
            DIEGO,
            "email",
        ),
    ]
    mapping = ready_mapping("zendesk").updated(rename={"department": {"360001111101": "support"}})
    check(mapping, "zendesk-api.json", tmp_path, tickets, [(4, "not wanted by its status")])


def test_zendesk_csv(tmp_path: Path) -> None:
    tickets = [
        Ticket(
            "401",
            "Parcel [number] never came, again",
            {"intent": "problem", "urgency": "high", "department": "Customer Care"},
            "2023-11-05T09:14:00Z",
            MARY,
            "Mail",
        ),
        Ticket(
            "402",
            'Wo bleibt mein "Express"-Paket?',
            {"intent": "question", "urgency": "normal", "department": "Customer Care"},
            "2023-11-05T10:00:00Z",
            JONAS,
            "Web Form",
        ),
        Ticket(
            "403",
            "Écran noir\naprès la mise à jour",
            {"intent": "incident", "urgency": "critical", "department": "IT"},
            "2023-11-06T08:02:00Z",
            LUCIE,
            "Chat",
        ),
        Ticket(
            "404",
            "¿Abren los domingos? 🙂",
            {"intent": "question", "urgency": "low"},
            "2023-11-06T12:30:00Z",
            DIEGO,
            "Twitter",
        ),
        Ticket(
            "408",
            "Fwd: Mise en demeure, contact [email]",
            {"intent": "task", "urgency": "critical", "department": "Legal"},
            "2023-11-08T09:00:00Z",
            LUCIE,
            "Mail",
        ),
    ]
    dropped = [
        (7, NOT_LABELLED),
        (8, "not wanted by its contains(Tags, 'closed_by_merge')"),
        (9, "not wanted by its Status"),
    ]
    check(ready_mapping("zendesk-csv"), "zendesk-csv.csv", tmp_path, tickets, dropped)


def test_freshdesk_api(tmp_path: Path) -> None:
    care, it, legal = "61000100001", "61000100002", "61000100003"
    tickets = [
        Ticket(
            601,
            "Lamp arrived broken\nHi,\n\nthe lamp of order [number] arrived broken. I want a new one.",
            {"intent": "Problem", "urgency": "high", "department": care},
            "2023-09-01T10:11:12Z",
            61000000001,
            1,
        ),
        Ticket(
            602,
            "Kündigung\nHiermit kündige ich meinen Vertrag.\n\nMeine Mail: [email]",
            {"intent": "Question", "urgency": "normal", "department": legal},
            "2023-09-01T11:00:00Z",
            61000000002,
            2,
        ),
        Ticket(
            603,
            "Site en panne\nPlus rien ne marche 🔥\nLe site est mort & enterré.",
            {"intent": "Incident", "urgency": "critical", "department": it},
            "2023-09-02T07:00:00Z",
            61000000003,
            7,
        ),
        Ticket(604, "Horario\n¿Abren el domingo?", {"urgency": "low"}, "2023-09-02T08:00:00Z", 61000000004, 9),
        Ticket(
            608,
            "Login\nI cannot log in since the update. Try it at [link] yourself.",
            {"intent": "Incident", "urgency": "critical", "department": it},
            "2023-09-04T10:00:00Z",
            61000000002,
            1,
        ),
        Ticket(
            609,
            "Photo",
            {"intent": "Question", "urgency": "low", "department": care},
            "2023-09-04T11:00:00Z",
            61000000003,
            1,
        ),
    ]
    dropped = [(5, "not wanted by its source"), (6, "not wanted by its spam"), (7, "not wanted by its deleted")]
    check(ready_mapping("freshdesk"), "freshdesk.json", tmp_path, tickets, dropped)


def test_freshdesk_csv(tmp_path: Path) -> None:
    tickets = [
        Ticket(
            "501",
            "Charged twice for order [number]",
            {"intent": "Problem", "urgency": "high", "department": "Billing"},
            "2024-07-01T09:15:27Z",
            61000000001,
            "Email",
        ),
        Ticket(
            "502",
            'Lieferung fehlt, "Express" bezahlt; was nun?',
            {"intent": "Question", "urgency": "normal", "department": "Customer Care"},
            "2024-07-01T10:00:00Z",
            61000000002,
            "Portal",
        ),
        Ticket(
            "503",
            "Mot de passe\noublié",
            {"intent": "Question", "urgency": "low", "department": "IT"},
            "2024-07-02T08:00:05Z",
            61000000003,
            "Chat",
        ),
        Ticket(
            "504",
            "Web caída desde las 9 🔥",
            {"intent": "Incident", "urgency": "critical", "department": "IT"},
            "2024-07-02T09:20:00Z",
            61000000004,
            "Phone",
        ),
        Ticket(
            "506", "Can you ship to Norway?", {"urgency": "low"}, "2024-07-03T14:00:00Z", 61000000001, "Feedback Widget"
        ),
        Ticket(
            "507",
            "Re: Re: Charged twice, call [number]",
            {"intent": "Problem", "urgency": "normal", "department": "Billing"},
            "2024-07-03T15:30:00Z",
            61000000001,
            "Email",
        ),
        Ticket(
            "508",
            "My data",
            {"intent": "Feature Request", "urgency": "critical", "department": "Legal"},
            "2024-07-04T07:45:00Z",
            61000000003,
            "Email",
        ),
    ]
    check(ready_mapping("freshdesk-csv"), "freshdesk-csv.csv", tmp_path, tickets, [(7, "not wanted by its Source")])


def test_zammad(tmp_path: Path) -> None:
    tickets = [
        Ticket(
            1,
            "Order [number]\nHello,\n\nwhere is my order [number] ? It should have come on Friday.",
            {"intent": "Incident", "urgency": "high", "department": "Service Desk"},
            "2025-01-22T10:46:58.255000Z",
            7,
            "email",
        ),
        Ticket(
            2,
            "Passwort\nMein Passwort geht nicht mehr.\n\nBitte um Rückruf: [number]",
            {"intent": "Request for Change", "urgency": "normal", "department": "Service Desk"},
            "2025-01-23T08:00:00Z",
            8,
            "web",
        ),
        Ticket(
            3,
            "Devis\nBonjour, combien coûte la lampe ?",
            {"urgency": "low", "department": "Users"},
            "2025-01-23T09:00:00Z",
            9,
            "phone",
        ),
        Ticket(
            7,
            "Copy of my data\nPlease send me a copy of the data that you hold about me. 🙏",
            {"urgency": "high", "department": "Legal"},
            "2025-01-25T07:00:00Z",
            9,
            "email",
        ),
        Ticket(8, "Fax", {"urgency": "normal", "department": "Users"}, "2025-01-25T08:00:00Z", 8, "web"),
    ]
    dropped = [
        (4, "not wanted by its create_article_sender"),
        (5, "not wanted by its state"),
        (6, "not wanted by its state"),
    ]
    check(ready_mapping("zammad").updated(labels={"intent": "type"}), "zammad.json", tmp_path, tickets, dropped)


def test_chatwoot_conversations(tmp_path: Path) -> None:
    widget = "Channel::WebWidget"
    nothing_came_in = "not wanted by its length(messages[?message_type==`0` && !private && content]) > `0`"
    tickets = [
        Ticket(
            1,
            "hi there, i was charged twice this month 😠 [email]",
            {"intent": "billing", "urgency": "high", "department": "billing"},
            "2024-03-02T10:11:12Z",
            31,
            widget,
            "en",
        ),
        Ticket(
            2,
            "Die App stürzt beim Start ab",
            {"intent": "bug", "urgency": "critical", "department": "support"},
            "2024-03-02T11:11:12Z",
            32,
            widget,
            "de",
        ),
        Ticket(3, "non merci", {"urgency": "low"}, "2024-03-02T12:11:12Z", 33, widget),
        Ticket(
            5,
            "Mi factura está mal.",
            {"intent": "billing", "urgency": "normal", "department": "billing"},
            "2024-03-02T12:56:12Z",
            34,
            "Channel::Email",
        ),
    ]
    dropped = [
        (4, nothing_came_in),
        (6, nothing_came_in),
        (7, NOT_LABELLED),
        (8, nothing_came_in),
    ]
    check(ready_mapping("chatwoot"), "chatwoot.json", tmp_path, tickets, dropped)


def test_chatwoot_database(tmp_path: Path) -> None:
    widget = "Channel::WebWidget"
    tickets = [
        Ticket(
            "200",
            "hi, i was charged twice",
            {"intent": "billing", "urgency": "high", "department": "billing"},
            "2024-03-02T10:11:12.123456Z",
            31,
            widget,
            "en",
            thread="21",
        ),
        Ticket(
            "203",
            'Die App stürzt ab,\nsobald ich sie "öffne"',
            {"intent": "bug", "urgency": "critical", "department": "support"},
            "2024-03-02T10:20:00Z",
            32,
            "Channel::Api",
            "de",
            thread="22",
        ),
        Ticket("206", "c'est combien ?", {"urgency": "low"}, "2024-03-02T11:00:30Z", 33, widget, "fr", thread="23"),
        Ticket(
            "208",
            "foto: [link]",
            {"intent": "other", "urgency": "normal"},
            "2024-03-02T11:10:05Z",
            34,
            "Channel::Whatsapp",
            "es",
            thread="24",
        ),
    ]
    dropped = [
        (3, "not wanted by its message_type"),
        (4, "not wanted by its message_type"),
        (7, "a later message of its thread"),
        (8, "not wanted by its message_type"),
        (10, "not wanted by its content"),
        (12, NOT_LABELLED),
        (13, "not wanted by its message_type"),
    ]
    check(ready_mapping("chatwoot-messages"), "chatwoot-messages.csv", tmp_path, tickets, dropped)


SALESFORCE_MARY, SALESFORCE_JONAS, SALESFORCE_LUCIE = "0031t00000Mary1AAC", "0031t00000Jona2AAC", "0031t00000Luci3AAC"


def test_salesforce_data_loader(tmp_path: Path) -> None:
    tickets = [
        Ticket(
            "5001t00000A1001AAA",
            'Turbine stopped\nHello,\n\nour turbine "GC-1060" stopped last night. Call me: [number] .',
            {"intent": "Problem", "urgency": "high"},
            "2021-03-02T10:11:12Z",
            SALESFORCE_MARY,
            "Email",
        ),
        Ticket(
            "5001t00000A1002AAA",
            'Frage zur Montage\nWie montiere ich den Filter? Größe "L", Stück 2.',
            {"intent": "Question", "urgency": "normal"},
            "2021-03-02T11:00:00Z",
            SALESFORCE_JONAS,
            "Web",
        ),
        Ticket(
            "5001t00000A1003AAA",
            "Mode sombre 🌙\nPourriez-vous ajouter un mode sombre ?",
            {"intent": "Feature Request", "urgency": "low"},
            "2021-03-03T08:00:00Z",
            SALESFORCE_LUCIE,
            "Phone",
        ),
        Ticket(
            "5001t00000A1004AAA",
            "Login\nI cannot log in, see [link]",
            {"urgency": "critical"},
            "2021-03-03T09:00:00Z",
            "mary@example.com",
            "Web",
        ),
        Ticket(
            "5001t00000A1008AAA",
            "Fuite\nLa pompe fuit & personne ne répond.",
            {"intent": "Problem", "urgency": "high"},
            "2021-03-05T11:00:00Z",
            SALESFORCE_LUCIE,
            "Email",
        ),
    ]
    dropped = [
        (19, "not wanted by its IsDeleted"),
        (20, "Description: the text is empty"),
        (21, NOT_LABELLED),
    ]
    check(ready_mapping("salesforce"), "salesforce.csv", tmp_path, tickets, dropped)


def test_salesforce_weekly_export_in_latin1(tmp_path: Path) -> None:
    tickets = [
        Ticket(
            "5001t00000A2001AAA",
            "Café machine leaks\nThe machine leaks.\nIt is urgent; £40 of coffee is lost.",
            {"intent": "Problem", "urgency": "high"},
            "2021-03-02T10:11:12Z",
            SALESFORCE_MARY,
            "Email",
        ),
        Ticket(
            "5001t00000A2002AAA",
            "Größe des Filters\nWelche Größe hat der Filter für die Küche?",
            {"intent": "Question", "urgency": "normal"},
            "2021-03-02T11:00:00Z",
            SALESFORCE_JONAS,
            "Web",
        ),
        Ticket(
            "5001t00000A2003AAA",
            "Bientôt en français ?\nLe mode d'emploi n'existe qu'en anglais.",
            {"intent": "Feature Request", "urgency": "low"},
            "2021-03-03T08:00:00Z",
            SALESFORCE_LUCIE,
            "Phone",
        ),
    ]
    mapping = ready_mapping("salesforce").updated(encoding="iso-8859-1")
    check(mapping, "salesforce-latin1.csv", tmp_path, tickets, [(6, "not wanted by its IsDeleted")])


@pytest.mark.parametrize("name", ready_mappings())
def test_every_ready_mapping_keeps_nothing_else_and_is_named_as_its_file(name: str) -> None:
    mapping = ready_mapping(name)
    assert (mapping.name, mapping.keep) == (name, ())
