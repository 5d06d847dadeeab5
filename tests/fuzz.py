"""`python -m tests.fuzz`: what nobody should send to `/classify`, and whether all of it is answered as documented.

Each body has a seed of its own, the first one that of the run: with the seed of one that failed it is sent again alone.
"""

import argparse
import asyncio
import gzip
import json
import math
import re
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from api.commands.shared import load_bundle, note, stderr, stdout
from data.errors import TriageError
from tests.load.service import QUEUED, Service, parse_metrics

SECRET = "sesame-4711"
"""Stands in every text, and in no refusal."""

OK = "ok"
NO_ANSWER = "no answer"
"""The server hung up, as it may where an answer could pass for that to another request."""

PROBLEM_JSON = "application/problem+json"

_JSON = b"application/json"
_NDJSON = b"application/x-ndjson"
_CONNECTIONS = 8
_WITNESS_EVERY = 100  # bodies
_PATIENCE = 30  # seconds for an answer
_HEALTHY = 2.0  # seconds for a sign of life
_LOOK_EVERY = 0.05
_MANY_LINES = 30_000
_SECRET_KEY = re.compile(rb'"[^"]*%b[^"]*"\s*:' % SECRET.encode())
_ROUNDING = 1.5e-6  # of a confidence, which has six digits

Codes = frozenset[str]

_VALID: Codes = frozenset({OK})
_NO_JSON: Codes = frozenset({"invalid_json"})
_NO_REQUEST: Codes = frozenset({"invalid_request"})
_NO_HTTP: Codes = frozenset({"invalid_http"})
_TOO_LARGE: Codes = frozenset({"body_too_large", "queue_full"})
_MANY_VALUES: Codes = frozenset({"body_too_large"})
_NO_TYPE: Codes = frozenset({"unsupported_media_type"})
_NO_ENCODING: Codes = frozenset({"invalid_encoding"})
_ANY_FIELDS = _VALID | _NO_REQUEST
_ANY_BODY = _ANY_FIELDS | _NO_JSON


@dataclass(frozen=True, slots=True)
class Served:
    """What the service tells of itself: limits, and one of its heads."""

    max_posts: int
    max_body_bytes: int
    max_characters: int
    head: str


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it would be sent plainly.

    Attributes:
        codes: that it may be answered with; of a line stream, in its last line.
        results: in the answer, where there is one.
    """

    data: bytes
    codes: Codes
    is_lines: bool = False
    results: int | None = None

    @property
    def media_type(self) -> bytes:
        return _NDJSON if self.is_lines else _JSON


@dataclass(frozen=True, slots=True)
class Case:
    """A request, byte by byte, and what may become of it.

    Attributes:
        codes: that it may be answered with, `OK` and `NO_ANSWER` among them.
        request_id: that the answer must bear.
        is_last: nothing can follow it on its connection.
    """

    data: bytes
    codes: Codes
    results: int | None = None
    request_id: str | None = None
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` lacks the framing."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unexpected(Exception):  # noqa: N818  # it is what was not expected, whoever erred
    """An answer that the document does not allow.

    Attributes:
        seed: of the body, `None` for a valid request among them.
        data: what was sent.
    """

    def __init__(self, what: str, data: bytes = b"", seed: int | None = None) -> None:
        super().__init__(what)
        self.data = data
        self.seed = seed


# Bodies


def post(random: Random) -> dict[str, Any]:
    """A valid post, whose text holds the secret word."""
    words = ("my order is late", "site is down again", "refund please", "win cash now", "hüllo 😀 wörld", "help " * 9)
    text = f"{' '.join(random.choices(words, k=random.randint(1, 3)))} {SECRET} {random.choice(words)}"
    metadata = (("id", f"t-{random.randrange(1000)}"), ("channel", "tweet"), ("author", None), ("language", "en"))
    return {"text": text, **dict(random.sample(metadata, random.randrange(3)))}


def request(random: Random) -> dict[str, Any]:
    """A valid request in one of its forms."""
    body = post(random) if random.random() < 0.6 else {"posts": [post(random) for _ in range(random.randint(1, 2))]}
    return body | ({"options": {"top_k": random.randint(0, 10)}} if random.random() < 0.3 else {})


def dumped(random: Random, plain: Any) -> bytes:
    if random.random() < 0.5:
        with suppress(UnicodeEncodeError):  # half a character, which only an escape can spell
            return json.dumps(plain, ensure_ascii=False).encode()
    return json.dumps(plain).encode()


def whole(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    return dumped(random, plain), _VALID


def flipped(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    data = bytearray(dumped(random, plain))
    for _ in range(random.randint(1, 6)):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return _without_secret_keys(bytes(data)), _ANY_BODY


def cut(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    data = dumped(random, plain)
    return data[: random.randrange(len(data))], _NO_JSON


def sliced(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    """Pieces left out, sent twice, or elsewhere."""
    data = dumped(random, plain)
    for _ in range(random.randint(1, 3)):
        start, end = sorted(random.choices(range(len(data) + 1), k=2))
        place = random.randrange(len(data) + 1)
        data = random.choice((data[:start] + data[end:], data[:place] + data[start:end] + data[place:]))
    return _without_secret_keys(data), _ANY_BODY


def nested(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    depth = random.choice((10, 100, 900, 1000, 5000, 50_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"text":', b"}"), (b'{"posts":[', b"]}")))
    deep = opening * depth + (b"0" + closing * depth) * (random.random() < 0.7)
    if random.random() < 0.5:
        return deep, _NO_REQUEST | _NO_JSON | _MANY_VALUES
    return _placed(random, plain, deep), _NO_REQUEST | _NO_JSON | _MANY_VALUES


def numbered(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    numbers = (b"NaN", b"-Infinity", b"1e999", b"-1e999", b"-0", b"2.0", b"0x10", b"007", b"+1", b".5", b"5.", b"1_0")
    return _placed(random, plain, random.choice((*numbers, b"9" * 4000, b"9" * 5000, b"0." + b"3" * 9000))), _ANY_BODY


def retyped(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    values = '[null, true, 0, -1, 1e30, 1.5, "", "text", [], {}, [[]], {"text": 1}, [null], {"": {}}, ["intent"]]'
    return dumped(random, _replaced(random, plain, random.choice(json.loads(values)))), _ANY_FIELDS


def rekeyed(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    text = "of a key no more is repeated than its beginning, which is shorter than this " + SECRET
    odd = ("", "TEXT", "text ", "__proto__", "a.b", "\x00", "\ud800", "é", "k" * 9999, text)
    owner = random.choice([node for node in _nodes(plain) if isinstance(node, dict)])
    if random.random() < 0.5:
        owner[random.choice(odd)] = random.choice((1, None, SECRET))
    else:
        owner[random.choice(odd)] = owner.pop(random.choice(list(owner)))
    return dumped(random, plain), _NO_REQUEST


def doubled(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    """A key twice."""
    return b'{"text": 5, ' + dumped(random, plain)[1:], _ANY_FIELDS


def halved(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    """Halves of characters, which JSON can spell and UTF-8 cannot hold."""
    half = random.choice(("\ud83d", "\ude00", "\ude00\ud83d", "a\udfff"))
    return dumped(random, _replaced(random, plain, half)), _ANY_FIELDS


def not_utf8(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    return _inserted(
        random, plain, random.choice((b"\xff", b"\xfe\xff", b"\xc0\xaf", b"\xed\xa0\xbd", b"\xf5\x80\x80\x80"))
    ), _NO_JSON


def controlled(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    return _inserted(random, plain, random.choice((b"\x00", b"\x00" * 9, b"\x01", b"\x1f", b"\x7f\x00"))), _NO_JSON


def encoded(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    encoding = random.choice(("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-7", "latin-1"))
    return json.dumps(plain, ensure_ascii=False).encode(encoding, "replace"), _ANY_BODY


def empty(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    return random.choice((b"", b" ", b"\n\n", b"\r\n\t ", b"\xef\xbb\xbf")), _NO_JSON


def long(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    most = served.max_characters
    text = "é" * random.choice((256, 257, most - 1, most, most + 1, 3 * most))
    return dumped(random, _replaced(random, plain, text)), _ANY_FIELDS


def crowded(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    """As many posts as there may be, or more."""
    posts = random.choice((0, 1, random.randint(1, 3) * served.max_posts)) + served.max_posts
    codes = frozenset({"too_many_posts"}) if posts > served.max_posts else _VALID | {"queue_full"}
    return b'{"posts":[' + b",".join([b'{"text":""}'] * posts) + b"]}", codes


def faulty(random: Random, plain: Any, served: Served) -> tuple[bytes, Codes]:
    """More faults than are listed."""
    wrong = [{"text": [SECRET]}, {"text": SECRET, "time": 5}, {}, None, SECRET]
    return dumped(random, {"posts": random.choices(wrong, k=random.randint(20, served.max_posts))}), _NO_REQUEST


def _nodes(plain: Any) -> Iterator[Any]:
    yield plain
    for inner in plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ():
        yield from _nodes(inner)


def _replaced(random: Random, plain: Any, value: Any) -> Any:
    """With one of its values, which may be all of it, replaced."""
    places = [(node, key) for node in _nodes(plain) if isinstance(node, dict) for key in node]
    if not random.randrange(len(places) + 1):
        return value
    node, key = random.choice(places)
    node[key] = value
    return plain


def _placed(random: Random, plain: Any, literal: bytes) -> bytes:
    return dumped(random, _replaced(random, plain, "@@")).replace(b'"@@"', literal)


def _inserted(random: Random, plain: Any, piece: bytes) -> bytes:
    data = dumped(random, plain)
    place = random.randrange(1, len(data))
    return data[:place] + piece + data[place:]


def _without_secret_keys(data: bytes) -> bytes:
    """A text that was made a key may be repeated, up to its first characters: it is then a field's name."""
    return data.replace(SECRET.encode(), b"no secret") if _SECRET_KEY.search(data) else data


Spoil = Callable[[Random, Any, Served], tuple[bytes, Codes]]
"""From a valid request to a body, with the codes that it may be answered with as JSON."""

SPOILS: Mapping[Spoil, float] = {
    whole: 4,
    flipped: 15,
    cut: 5,
    sliced: 15,
    nested: 2,
    numbered: 6,
    retyped: 10,
    rekeyed: 8,
    doubled: 2,
    halved: 4,
    not_utf8: 4,
    controlled: 4,
    encoded: 4,
    empty: 2,
    long: 1,
    crowded: 0.5,
    faulty: 0.5,
}


def spoiled(random: Random, served: Served) -> Body:
    """A body, more often than not one that cannot be read."""

    def one(plain: dict[str, Any]) -> tuple[bytes, Codes]:
        return random.choices(list(SPOILS), list(SPOILS.values()))[0](random, plain, served)

    if random.random() < 0.75:
        return Body(*one(request(random)))
    end = random.choice((b"\n", b"\r\n", b"\n\n"))
    data = end.join(one(post(random))[0] for _ in range(random.randint(1, 3))) + end * random.randrange(2)
    return Body(data, _VALID, is_lines=True, results=lines_of(data))


def lines_of(data: bytes) -> int:
    return sum(bool(line.strip()) for line in data.split(b"\n"))


# Requests


# TYPE and LENGTH stand for those of the body, SECRET for the word, MUCH for a lot, ZEROS and CRLF for what they say.
_ODD_HEADERS: Mapping[Codes | None, bytes] = {
    # These change nothing. Of two the first holds.
    None: b"""
Content-Type:  TYPE ;
Content-Type: TYPE;charset=\xff
Content-Type: TYPE;;=CRLFContent-Type: a/b
Content-Encoding: Identity
Content-Length: ZEROSLENGTH
X-Deadline-Ms: 999999999CRLFX-Deadline-Ms: 0
X-Request-ID: two words
X-Request-ID: SECRET MUCH
X-Request-ID:
X-Request-ID: \xc3\xa9
X-Request-ID: a%0d%0ab
Host: LOCALHOST
Host: localhost:99999
Host: [::1]:80
Expect: 100-continue
Expect: tea
Accept: text/html
Accept-Encoding: br
Range: bytes=0-1
If-Match: *
TE: trailers
Origin: http://a.example
Authorization: Bearer SECRET
Cookie: a=SECRET
X-HTTP-Method-Override: GET
Connection: UpgradeCRLFUpgrade: h2c
Connection: close
X: MUCH
""",
    _NO_TYPE: b"""
Content-Type:
Content-Type: text/plain
Content-Type: TYPEp
Content-Type: TYPE, TYPE
Content-Type: "TYPE"
Content-Type: SECRET
Content-Type: \xff
Content-Type: MUCH
Content-Encoding:
Content-Encoding: br
Content-Encoding: gzip, gzip
Content-Encoding: gzip;q=1
Content-Encoding: *
Content-Encoding: SECRET
Content-Encoding: \xff
""",
    _NO_REQUEST: b"""
X-Deadline-Ms:
X-Deadline-Ms: 0
X-Deadline-Ms: -1
X-Deadline-Ms: 1.5
X-Deadline-Ms: 1e3
X-Deadline-Ms: 1000000000
X-Deadline-Ms: SECRET
X-Deadline-Ms: \xb2
""",
    frozenset({"unknown_host"}): b"""
Host:
Host: a.example
Host: 127.0.0.1CRLFHost: a.example
Host: localhost.
Host: localhost@a.example
Host: SECRET
Host: \xff
""",
    frozenset({"headers_too_large"}): b"""
X: MUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCHMUCH
""",
    _NO_HTTP: b"""
X: a\x00b
X: a\x01b
X Y: a
X : a
X: aCRLF b
X
: a
\xff: a
Content-Length:
Content-Length: -1
Content-Length: +5
Content-Length: 5, 5
Content-Length: 0x10
Content-Length: 999999999999999999999
Content-Length: \xb2
Content-Length: 5CRLFContent-Length: 5
Content-Length: 5CRLFTransfer-Encoding: chunked
Transfer-Encoding:
Transfer-Encoding: identity
Transfer-Encoding: chunked;q=1
Transfer-Encoding: chunked, gzip
Transfer-Encoding: chunkedCRLFCRLFlots
Transfer-Encoding: chunkedCRLFCRLF-1
Transfer-Encoding: chunkedCRLFCRLFfffffffffffffffff
""",
}
_PLACEHOLDERS = {b"SECRET": SECRET.encode(), b"MUCH": b"x" * 9000, b"ZEROS": b"0" * 5000, b"CRLF": b"\r\n"}
_ODD_STARTS = (b"post /classify HTTP/1.1", b"POST classify HTTP/1.1", b"POST /classify HTTP/9.9", b"/classify", b"\x00")


def message(body: Body, *headers: bytes, start: bytes = b"POST /classify HTTP/1.1") -> bytes:
    """A request with headers that take the place of those it would have."""
    given = {header.partition(b":")[0] for header in headers}
    framing = {b"Content-Length", b"Transfer-Encoding"}
    usual = {
        b"Host": b"localhost",
        b"Content-Type": body.media_type,
        **({} if given & framing else {b"Content-Length": b"%d" % len(body.data)}),
    }
    kept = [b"%b: %b" % (name, value) for name, value in usual.items() if name not in given]
    return b"\r\n".join((start, *kept, *headers, b"", body.data))


def plain(random: Random, body: Body, served: Served) -> Case:
    return Case(message(body), body.codes, body.results)


def chunked(random: Random, body: Body, served: Served) -> Case:
    return Case(_in_chunks(random, body), body.codes, body.results)


def packed(random: Random, body: Body, served: Served) -> Case:
    """As gzip, of one member or of several."""
    place = random.randrange(len(body.data) + 1)
    members = random.choice(((body.data,), (body.data[:place], body.data[place:]), (body.data, b"")))
    name = random.choice((b"gzip", b"GZIP", b"x-gzip"))
    sent = replace(body, data=b"".join(map(_gzip, members)))
    return Case(message(sent, b"Content-Encoding: " + name), body.codes, body.results)


def torn(random: Random, body: Body, served: Served) -> Case:
    """As gzip that is none."""
    data = _gzip(body.data)
    place = random.randrange(len(data))
    spoiled = bytearray(data)
    spoiled[place] ^= 1 << random.randrange(8)
    sent, codes = random.choice(
        (
            (data[:place], _NO_ENCODING),
            (data + random.choice((b"\x00", b"\x1f", b"x", data[:-1])), _NO_ENCODING),
            (body.data + b"\n", _NO_ENCODING),
            (bytes(spoiled), _NO_ENCODING | body.codes | _ANY_BODY),
        )
    )
    return Case(message(replace(body, data=sent), b"Content-Encoding: gzip"), codes)


def bomb(random: Random, body: Body, served: Served) -> Case:
    """A little gzip that is a lot."""
    sent = replace(body, data=_bomb(4 * served.max_body_bytes))
    return Case(message(sent, b"Content-Encoding: gzip"), _VALID if body.is_lines else _TOO_LARGE, results=1)


def heavy(random: Random, body: Body, served: Served) -> Case:
    """A little gzip that is a lot of faults, of values or of lines, each of which takes its time."""
    if body.is_lines:
        line = random.choice((b"1", b"[]", b"{}", b"\n", b'{"txt":1}', b"x"))
        sent = replace(body, data=_gzip((line + b"\n") * _MANY_LINES))
        return Case(message(sent, b"Content-Encoding: gzip"), _VALID, results=_MANY_LINES if line.strip() else 0)
    value, most = random.choice((b"1", b"[]", b"{}", b'"%b"' % served.head.encode())), served.max_body_bytes
    before, after = random.choice(((b'{"text":"","options":{"heads":[', b"]}}"), (b'{"text":[', b"]}"), (b"[", b"]")))
    size = min(most, random.choice((15_000, 60_000, most)))  # counted or not, parsed on the event loop or not
    many = b",".join([value] * ((size - len(before + after)) // (len(value) + 1)))
    sent = replace(body, data=_gzip(before + many + after))
    return Case(message(sent, b"Content-Encoding: gzip"), _TOO_LARGE | _NO_REQUEST)


def headed(random: Random, body: Body, served: Served) -> Case:
    """With an odd header."""
    codes, headers = random.choice(list(_ODD_HEADERS.items()))
    header = random.choice(headers.strip().split(b"\n")).replace(b"TYPE", body.media_type)
    header = header.replace(b"LENGTH", b"%d" % len(body.data))
    for name, value in _PLACEHOLDERS.items():
        header = header.replace(name, value)
    return Case(message(body, header), codes or body.codes, body.results)


def started(random: Random, body: Body, served: Served) -> Case:
    """With a request line that is none."""
    return Case(message(body, start=random.choice(_ODD_STARTS)), _NO_HTTP)


def hurried(random: Random, body: Body, served: Served) -> Case:
    """With little time for the answer."""
    header = b"X-Deadline-Ms: %d" % random.randint(1, 20)
    return Case(message(body, header), body.codes | {"timeout", "queue_full"})


def named(random: Random, body: Body, served: Served) -> Case:
    """With an id of its own."""
    given = "".join(random.choices("aZ09._-", k=random.choice((1, 32, 128))))
    return Case(message(body, b"X-Request-ID: " + given.encode()), body.codes, body.results, request_id=given)


def asked(random: Random, body: Body, served: Served) -> Case:
    """With options in the URL, where those of JSON do not stand."""
    head = served.head.encode()
    well = (b"", b"top_k=2", b"top_k=10&heads=" + head, b"heads=%b&heads=%b" % (head, head), b"top_%6B=0")
    ill = (
        b"top_k=11",
        b"top_k=-1",
        b"top_k=",
        b"top_k=%ff",
        b"heads=",
        b"heads=%00",
        b"x=1",
        b"&&a",
        b"%",
        b"a" * 9000,
    )
    query = random.choice(random.choice((well, ill)))
    codes = body.codes if not query or (body.is_lines and query in well) else _NO_REQUEST
    return Case(message(body, start=b"POST /classify?%b HTTP/1.1" % query), codes, body.results)


def short(random: Random, body: Body, served: Served) -> Case:
    """Less than was announced, and no more."""
    data = message(body, b"Content-Length: %d" % (len(body.data) + random.randint(1, 99)))
    if random.random() < 0.5:
        whole = _in_chunks(random, body)
        data = whole[: random.randrange(whole.index(b"\r\n\r\n"), len(whole) - 1)]
    return Case(data, frozenset({NO_ANSWER}))


def old(random: Random, body: Body, served: Served) -> Case:
    """In the first version of HTTP, in which an answer ends with its connection."""
    return Case(message(body, start=b"POST /classify HTTP/1.0"), body.codes, body.results, is_last=True)


def oversized(random: Random, body: Body, served: Served) -> Case:
    """More than a body may have: announced, or not."""
    if random.random() < 0.9:  # is refused before it is sent
        announced = b"Content-Length: %d" % (served.max_body_bytes + random.choice((1, 10**6, 10**15)))
        return Case(message(body, announced), frozenset({NO_ANSWER}) if body.is_lines else _TOO_LARGE, is_last=True)
    large = replace(body, data=b"x" * (served.max_body_bytes + 1))
    return Case(_in_chunks(random, large), _VALID if body.is_lines else _TOO_LARGE, results=1)


@cache
def _bomb(size: int) -> bytes:
    return _gzip(b"x" * size)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _in_chunks(random: Random, body: Body) -> bytes:
    extension = random.choice((b"", b";a=b", b';a="b"'))
    parts = []
    start = 0
    while start < len(body.data):
        part = body.data[start : start + random.choice((1, 7, 100, 65_536)) * random.randint(1, 99)]
        parts.append(b"%x%b\r\n%b\r\n" % (len(part), extension, part))
        start += len(part)
    data = b"".join((*parts, b"0\r\n", random.choice((b"", b"X: y\r\n")), b"\r\n"))
    return message(replace(body, data=data), b"Transfer-Encoding: chunked")


Wrap = Callable[[Random, Body, Served], Case]
"""From a body to a request."""

WRAPS: Mapping[Wrap, float] = {
    plain: 60,
    chunked: 5,
    packed: 4,
    torn: 4,
    bomb: 0.02,
    heavy: 0.02,
    headed: 15,
    started: 0.5,
    hurried: 1,
    named: 1,
    asked: 3,
    short: 1,
    old: 1,
    oversized: 0.2,
}


def make_case(seed: int, served: Served) -> Case:
    """The request of a seed."""
    random = Random(seed)  # noqa: S311  # it keeps no secret
    body = spoiled(random, served)
    return random.choices(list(WRAPS), list(WRAPS.values()))[0](random, body, served)


# Answers


class Contract:
    """What the service documents of `POST /classify`, and what it tells of itself."""

    def __init__(self, document: Mapping[str, Any], served: Served) -> None:
        responses = document["paths"]["/classify"]["post"]["responses"]
        self.served = served
        self._codes = {
            int(status): set(response["content"][PROBLEM_JSON]["examples"])
            for status, response in responses.items()
            if PROBLEM_JSON in response["content"]
        }
        self._problem = validator(document, "ProblemDocument")
        self._response = validator(document, "ClassifyResponse")
        self._line = validator(document, "StreamLine")

    @classmethod
    def of(cls, url: str) -> "Contract":
        """As the service at an address tells it."""
        with httpx.Client(base_url=url, timeout=_PATIENCE) as client:
            document = client.get("/openapi.json").raise_for_status().json()
            told = client.get("/model").raise_for_status().json()
        limits = {name: told["limits"][name] for name in ("max_posts", "max_body_bytes", "max_characters")}
        return cls(document, Served(**limits, head=told["taxonomy"]["heads"][0]["name"]))

    def code_of(self, case: Case, answer: Answer | None) -> str:
        """The code of an answer that is one.

        Raises:
            Unexpected: it is not documented, or does not answer the case.
        """
        code = NO_ANSWER if answer is None else self._code_of(case, answer)
        if code not in case.codes:
            raise Unexpected(f"expected {' or '.join(sorted(case.codes))}, found {code}")
        return code

    def _code_of(self, case: Case, answer: Answer) -> str:
        media_type = answer.headers.get("content-type")
        last = answer.body.rstrip(b"\n").rpartition(b"\n")[2] if media_type == _NDJSON.decode() else answer.body
        _require(_is_json(last), "the answer is not JSON")
        document = json.loads(last)
        request_id = answer.headers.get("x-request-id")
        _require(document.get("request_id") == request_id, "the answer has another id than its header")
        _require(case.request_id in {None, request_id}, "the request's own id did not come back")
        if answer.status != 200:
            _require(media_type == PROBLEM_JSON, f"a refusal has the content type {media_type}")
            return self._refusal(document, answer.status)
        if media_type == _NDJSON.decode():
            results = [json.loads(line) for line in answer.body.splitlines()[:-1]]
            _require(all(map(self._line.is_valid, results)), "a line is not of the documented shape")
        else:
            _require(self._response.is_valid(document), "the answer is not of the documented shape")
            results = document["results"]
        _require([each.get("index") for each in results] == list(range(len(results))), "results are out of order")
        _require(not any(SECRET in str(each.get("error")) for each in results), "an error repeats the text")
        if "code" in document:
            return self._refusal(document, document["status"])
        _require(self._line.is_valid(document) or media_type == _JSON.decode(), "the last line is no summary")
        statuses = Counter(each["status"] for each in results)
        summed = document["summary"]
        counted = {"total": len(results), "ok": statuses["ok"], "failed": statuses["error"]}
        _require(counted.items() <= summed.items(), f"the summary is {summed} of {counted}")
        _require(case.results in {None, len(results)}, f"expected {case.results} results, found {len(results)}")
        return OK

    def _refusal(self, document: Mapping[str, Any], status: int) -> str:
        _require(self._problem.is_valid(document), "a refusal is not of the documented shape")
        code: str = document["code"]
        _require(document["status"] == status, "a refusal names another status than its own")
        _require(code in self._codes.get(status, ()), f"{status} {code} is not documented")
        _require(SECRET not in json.dumps(document), "a refusal repeats the text")
        return code


def validator(document: Mapping[str, Any], name: str) -> jsonschema_rs.Validator:
    """Of a schema of an OpenAPI document, which takes no fields but those that it names."""
    components = deepcopy(document["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": components})


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Unexpected(otherwise)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


# Traffic


class Connection:
    """One that is kept alive, and made anew when it was closed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, case: Case) -> Answer | None:
        """Send a request; its answer, or `None` where the server hangs up without one.

        Raises:
            TimeoutError: there was none in time.
            Unexpected: it cannot be read.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        try:
            async with asyncio.timeout(_PATIENCE):
                writer.write(case.data)
                if NO_ANSWER in case.codes:
                    writer.write_eof()
                answer = await _read_answer(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            answer = None
        except (ValueError, IndexError, asyncio.LimitOverrunError):
            raise Unexpected("the answer is not HTTP") from None
        if answer is None or case.is_last or answer.headers.get("connection") == "close":
            await self.aclose()
        return answer

    async def aclose(self) -> None:
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    status = 100
    while status == 100:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(int(headers["content-length"])))
    if headers.get("transfer-encoding") != "chunked":
        return Answer(status, headers, await reader.read())
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return Answer(status, headers, b"".join(parts))


class Health:
    """How long the service takes at most to say that it lives, as seen from a thread of its own."""

    def __init__(self, url: str) -> None:
        self.slowest = 0.0
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """
        Raises:
            Unexpected: it took too long.
        """
        _require(self.slowest < _HEALTHY, f"the service was silent for {self.slowest:.1f} seconds")

    def _look(self) -> None:
        with httpx.Client(base_url=self._url, timeout=_PATIENCE) as client:
            while not self._ended.wait(_LOOK_EVERY):
                began = time.monotonic()
                try:
                    client.get("/livez").raise_for_status()
                except httpx.HTTPError:
                    self.slowest = math.inf
                self.slowest = max(self.slowest, time.monotonic() - began)


class Witness:
    """A valid request, as JSON and as lines, whose answer must stay what it was."""

    def __init__(self) -> None:
        texts = ("site is down again", "refund please my order is late", "win cash now", "")
        posts = [{"text": text, "id": f"w-{number}"} for number, text in enumerate(texts)]
        lines = b"\n".join(json.dumps(each).encode() for each in posts)
        self._cases = [
            Case(message(Body(json.dumps({"posts": posts}).encode(), _VALID)), _VALID, len(posts)),
            Case(message(Body(lines, _VALID, is_lines=True)), _VALID, len(posts)),
        ]
        self._expected: list[Any] = []

    async def ask(self, connection: Connection, contract: Contract) -> None:
        """Ask; the first answer, which comes before any fuzzed body is sent, is what the others are held against.

        Raises:
            Unexpected: the answer is another one.
        """
        for case in self._cases:
            try:
                answer = await connection.ask(case)
                contract.code_of(case, answer)
                assert answer is not None
                lines = [json.loads(line) for line in answer.body.splitlines()]
                results = lines[0]["results"] if len(lines) == 1 else lines[:-1]
                results = [{**each, "answer": None} for each in results]  # its id is another one each time
                self._expected = self._expected or results
                _require(_alike(results, self._expected), "a valid request got another answer than before")
            except (Unexpected, TimeoutError) as error:
                raise Unexpected(f"a valid request: {error!s}", case.data) from error


def _alike(found: Any, expected: Any) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        return math.isclose(found, expected, abs_tol=_ROUNDING)
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_alike(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_alike, found, expected))
    return bool(found == expected)


def fuzz(
    url: str, bodies: int, seed: int, advance: Callable[[], None] = lambda: None
) -> Counter[tuple[int | None, str]]:
    """Send bodies, and check what comes back.

    Args:
        advance: called after each body.

    Returns:
        How often each status came with each code; the status is `None` where there was no answer.

    Raises:
        Unexpected: the first answer that the document does not allow.
    """
    contract = Contract.of(url)
    counts: Counter[tuple[int | None, str]] = Counter()
    cases = enumerate(islice(_seeds(seed), bodies), 1)
    witness = Witness()

    async def work() -> None:
        async with aclosing(Connection(url)) as connection:
            for number, each in cases:
                case = make_case(each, contract.served)
                try:
                    answer = await connection.ask(case)
                    code = contract.code_of(case, answer)
                    health.check()
                except (Unexpected, TimeoutError) as error:
                    raise Unexpected(str(error) or "no answer in time", case.data, each) from error
                counts[answer.status if answer else None, code] += 1
                advance()
                if number % _WITNESS_EVERY == 0:
                    await witness.ask(connection, contract)

    async def run() -> None:
        async with aclosing(Connection(url)) as connection:
            await witness.ask(connection, contract)
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_CONNECTIONS):
                    tasks.create_task(work())
        except ExceptionGroup as group:
            raise next(
                (each for each in group.exceptions if isinstance(each, Unexpected)), group.exceptions[0]
            ) from None
        await _rest(url)

    with Health(url) as health:
        asyncio.run(run())
    return counts


def _seeds(first: int) -> Iterator[int]:
    yield first
    random = Random(first)  # noqa: S311  # it keeps no secret
    while True:
        yield random.getrandbits(32)


async def _rest(url: str) -> None:
    """Wait until nothing is held any more.

    Raises:
        Unexpected: something is, though every request has its answer.
    """
    async with httpx.AsyncClient(base_url=url) as client:
        for _ in range(100):
            held = {
                name: value
                for name, value in parse_metrics((await client.get("/metrics")).text).items()
                if name in {QUEUED, "triage_queued_bytes"}
            }
            if not any(held.values()):
                return
            await asyncio.sleep(0.1)
    raise Unexpected(f"with nothing asked of it, the service holds {held}")


# The command


def main(arguments: Sequence[str] | None = None) -> int:
    """Send, print, and return the exit status."""
    options = _options(arguments)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    note(f"seed {seed}")
    bar = Progress(
        TextColumn("sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bodies"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=stderr,
    )
    try:
        with ExitStack() as stack:
            url = options.url
            if url is None:
                service = stack.enter_context(Service(load_bundle(options.model, None).path))
                url = f"http://127.0.0.1:{service.port}"
            task = stack.enter_context(bar).add_task("", total=options.bodies)
            counts = fuzz(url, options.bodies, seed, lambda: bar.advance(task))
    except Unexpected as unexpected:
        note(f"error: {_told(unexpected)}")
        return 1
    except (TriageError, httpx.HTTPError, OSError) as error:
        note(f"error: {error}")
        return error.exit_code if isinstance(error, TriageError) else 2
    stdout.print(table(counts))
    return 0


def table(counts: Counter[tuple[int | None, str]]) -> Table:
    """For a person to read."""
    table = Table(title=f"{counts.total():,} bodies, each answered as documented")
    table.add_column("status", justify="right")
    table.add_column("code")
    table.add_column("", justify="right")
    for (status, code), count in sorted(counts.items(), key=lambda item: (item[0][0] or 0, item[0][1])):
        table.add_row(str(status or "none"), code, f"{count:,}")
    return table


def _told(unexpected: Unexpected) -> str:
    if not unexpected.data:
        return str(unexpected)
    path = Path(tempfile.gettempdir()) / f"triage-fuzz-{'valid' if unexpected.seed is None else unexpected.seed}.http"
    path.write_bytes(unexpected.data)
    again = "" if unexpected.seed is None else f"; --seed {unexpected.seed} --bodies 1 sends it again"
    return f"{unexpected}; what was sent: {path}{again}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Send fuzzed bodies to /classify and check what comes back."
    )
    parser.add_argument("--bodies", type=_positive, default=100_000, help="how many (default: 100000)")
    parser.add_argument("--seed", type=int, help="of the first one, from which the others follow; by default a new one")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="of a service that runs and asks for no keys; by default one is started")
    where.add_argument("--model", metavar="BUNDLE", help="that the one started serves; by default the promoted one")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
