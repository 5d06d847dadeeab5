"""A service that does what a script says, for whatever a real one does only now and then."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NDJSON = "application/x-ndjson"
LIMITS = {"max_posts": 1000, "max_body_bytes": 8 * 2**20}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in; of lines, `body` is a list."""

    path: str
    headers: Mapping[str, str]
    body: Any


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        lines = self.headers.get("Content-Type") == NDJSON
        read = [json.loads(line) for line in body.splitlines()] if lines else json.loads(body or b"null")
        asked = Asked(self.path, dict(self.headers), read)
        self.server.scripted.step(asked)(self, asked)

    def answer(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name in the standard library
        """Not on stderr."""


Step = Callable[[Handler, Asked], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    scripted: "Scripted"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error here."""


def labels(handler: Handler, asked: Asked) -> None:
    """Answer as a service does: the label of a post is its text."""
    if asked.path == "/model":
        handler.answer(json.dumps({"limits": LIMITS}).encode())
        return
    posts = asked.body["posts"]
    handler.answer(json.dumps({"results": [labelled(index, post) for index, post in enumerate(posts)]}).encode())


def labelled(index: int, post: Mapping[str, Any]) -> dict[str, Any]:
    head = {"label": post["text"], "confidence": 1.0, "threshold": 0.5, "decision": "accept", "alternatives": []}
    return {
        "index": index,
        **({"id": post["id"]} if "id" in post else {}),
        "status": "ok",
        "answer": f"answer-{post['text']}",
        "labels": {"intent": head},
        "route": {"action": "auto", "department": None, "reasons": []},
        "input": {"tokens": 3, "truncated": False},
        "warnings": [],
    }


def refuses(status: int, code: str = "", **headers: str) -> Step:
    """Refuse, with a problem document where there is a code."""
    problem = {"code": code, "detail": "not now", "request_id": "r-1", "limit": 7, "value": 8}
    content = json.dumps(problem).encode() if code else b"<html>who knows"
    return lambda handler, asked: handler.answer(content, status, **headers)


def answers(body: Any) -> Step:
    """Answer with JSON."""
    return lambda handler, asked: handler.answer(json.dumps(body).encode())


def sends(content: bytes) -> Step:
    """Send bytes that are no HTTP, or not all of it, and hang up."""

    def send(handler: Handler, asked: Asked) -> None:
        handler.wfile.write(content)
        handler.close_connection = True

    return send


@dataclass
class Scripted:
    """Steps for the first requests of a path, and one for all others.

    Attributes:
        asked: what came in, in its order.
        otherwise: the step where the script has none left.
    """

    steps: dict[str, Iterator[Step]]
    asked: list[Asked] = field(default_factory=list)
    otherwise: Step = labels
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, asked: Asked) -> Step:
        with self._lock:
            self.asked.append(asked)
            return next(self.steps.get(asked.path.partition("?")[0], iter(())), self.otherwise)

    def classified(self) -> list[Asked]:
        """The requests for labels."""
        return [asked for asked in self.asked if asked.path == "/classify"]


@contextmanager
def scripted(steps: Sequence[Step] = (), path: str = "/classify", *, otherwise: Step = labels) -> Iterator[Scripted]:
    """Serve a script on a free port: steps for the first requests of one path."""
    with Server(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        server.scripted = Scripted({path: iter(steps)}, otherwise=otherwise, url=url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.scripted
        finally:
            server.shutdown()
            thread.join()
