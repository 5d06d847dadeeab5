"""The report of an evaluation: one file that a browser opens, and that asks for nothing outside itself."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from data.files import write_whole
from data.taxonomy import Taxonomy
from evaluation.report.figures import About, Options, report_figures
from evaluation.scored import ScoredPosts
from model.policy import Policy

_ASSETS = Path(__file__).parent
_SCRIPTS = ("elements.js", "explorer.js", "tables.js", "page.js")
_PLACE = re.compile(r"\{\{(\w+)\}\}")

# What ends or opens a script element, and what ends a line in JavaScript, cannot stand in a string as it is.
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def write_report(
    path: Path, posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, about: About, options: Options | None = None
) -> None:
    """Write a report as one HTML file, whole or not at all.

    Its content security policy lets nothing in but its own style and script; texts of posts stand in it as data that
    is only ever shown, unless `options.texts` leaves them out.

    Args:
        posts: at least one, none of them learned by the model.
        about: what stands at the top.
    """
    write_whole(path, document(about.title, report_figures(posts, policy, taxonomy, about, options or Options())))


def document(title: str, figures: dict[str, Any]) -> str:
    """The page for figures, as `report_figures` gives them."""
    style = _asset("page.css")
    script = "(() => {\n" + "\n".join(map(_asset, _SCRIPTS)) + "})();\n"
    contents = {
        "policy": "; ".join(
            (
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        "title": escape(title),
        "style": style,
        "script": script,
        "figures": json.dumps(figures, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE),
    }
    # In one pass, so that nothing in the data is taken for a place to fill.
    return _PLACE.sub(lambda place: contents[place[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode()}"
