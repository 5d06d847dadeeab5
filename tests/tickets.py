"""An export of Zendesk's, made of posts of the starter corpus: the history of a company that labelled its tickets."""

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.posts import Example
from data.starter_corpus import read_starter

GROUPS = {"support": "Customer Care", "legal": "legal", "hr": "hr"}
_WRONG = {"support": "hr", "hr": "legal", "legal": "hr"}
COPY = 10_000
"""Added to the id of a ticket that was sent twice."""

_QUOTED = "\n\nOn Sat, 2 Mar 2024 at 09:00, Mills <help@mills.example> wrote:\n> How can we help?"


@dataclass(frozen=True, slots=True)
class History:
    """What was written.

    Attributes:
        right: the right department of the tickets that carry a wrong one, by id.
        broken: how many lines are no ticket.
    """

    right: dict[str, str]
    broken: int


def write_tickets(path: Path, tickets: int, wrong_every: int) -> History:
    """A ticket a line, as Zendesk exports them; with HTML, quotes, personal data, copies and torn lines among them."""
    posts = [post for post in read_starter() if post.labels["department"] in GROUPS]
    chosen = posts[:: len(posts) // tickets][:tickets]
    right: dict[str, str] = {}
    with path.open("w", encoding="utf-8") as file:
        for number, post in enumerate(chosen):
            department = str(post.labels["department"])
            if number % wrong_every == 0:
                right[str(number)] = department
                department = _WRONG[department]
            ticket = _ticket(number, post, department)
            file.write(json.dumps(ticket) + "\n")
            if number % 50 == 0:
                file.write(json.dumps({**ticket, "id": COPY + number}) + "\n")
            if number % 100 == 0:
                file.write(json.dumps(ticket)[:200] + "\n")
    return History(right, len(range(0, tickets, 100)))


def _ticket(number: int, post: Example, department: str) -> dict[str, Any]:
    text = post.post.text
    body = text + _QUOTED if number % 3 == 0 else text
    if number % 5 == 0:
        body = f"<p>{html.escape(text)}</p><p>Call me: 020 7946 0{number % 1000:03d}</p>"
    urgency = post.labels["urgency"]
    return {
        "id": number,
        "subject": " ".join(text.split()[:3]),
        "description": body,
        "type": "question",
        "priority": "urgent" if urgency == "critical" else urgency,
        "status": "closed",
        "group": {"id": 1, "name": GROUPS[department]},
        "requester": {"id": 5000 + number // 2, "email": f"writer{number // 2}@example.com"},
        "created_at": f"2024-03-{1 + number % 28:02d}T10:{number % 60:02d}:00Z",
        "via": {"channel": "email"},
        "tags": [],
        "custom_fields": [{"id": 350, "value": None}, {"id": 360, "value": post.labels["intent"]}],
    }
