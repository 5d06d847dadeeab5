"""The page's files as a browser is given them."""

import re
from pathlib import Path

import httpx
import pytest

from api.keys import add_key
from api.pages import CONTENT_SECURITY_POLICY
from tests.api.conftest import Serving

FOLDER = Path(__file__).parents[2] / "api" / "page"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".html", ".css", ".js", ".svg"))
MODULES = [path for path in FILES if path.suffix == ".js"]


def address(path: Path) -> str:
    return "/" if path.name == "index.html" else f"/page/{path.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_served_under_a_strict_policy(client: httpx.Client, path: Path) -> None:
    answer = client.get(address(path))
    assert (answer.status_code, answer.content) == (200, path.read_bytes())
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert answer.headers["content-type"].startswith(kinds[path.suffix])
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_policy_lets_nothing_in_and_nothing_out() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
    assert {rules[f"{kind}-src"] for kind in ("script", "style", "connect", "img")} == {"'self'"}
    assert rules["require-trusted-types-for"] == "'script'"


@pytest.mark.parametrize("found", ['"{}"', 'W/"{}"', '"other", "{}"'])
def test_a_browser_keeps_a_file_until_it_changes(client: httpx.Client, found: str) -> None:
    first = client.get("/page/main.js")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"].strip('"')
    again = client.get("/page/main.js", headers={"If-None-Match": found.format(tag)})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = client.get("/", headers={"If-None-Match": found.format(tag)})
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["/page/", "/page/__init__.py", "/page/..%2fpages.py", "/page/none.js", "/index.html"])
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_page_is_no_part_of_the_contract_for_programs(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path == "/" or path.startswith("/page")]


def test_the_page_needs_no_key_and_opens_nothing_else(serving: Serving, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    add_key(keys, "desk")
    with serving(keys_file=keys) as client:
        assert {client.get(address(path)).status_code for path in FILES} == {200}
        for path in ("/model", "/metrics", "/review", "/classify", "/page", "/nowhere", "/?"):
            assert client.get(path).status_code == (200 if path == "/?" else 401)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_anything_outside(path: Path) -> None:
    text = path.read_text()
    named = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`)]*", text))
    assert named <= {"http://www.w3.org/2000/svg"}  # the name of a language, which nothing is loaded from
    assert "import(" not in text
    assert "@import" not in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_are_small_and_read_no_markup_from_strings(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 250
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage", text
    )
    imported = re.findall(r'from "(.*)"', text)
    assert {name.removeprefix("./") for name in imported} <= {module.name for module in MODULES}


def test_markup_has_no_inline_style_or_script() -> None:
    text = (FOLDER / "index.html").read_text()
    assert not re.search(r"\sstyle=|\son\w+=|<style", text)
    assert re.findall(r"<script[^>]*>", text) == ['<script type="module" src="page/main.js">']


def test_what_is_installed_has_the_files() -> None:
    project = (FOLDER.parents[1] / "pyproject.toml").read_text()
    assert '"api.page" = ["*.html", "*.css", "*.js", "*.svg"]' in project
    assert '    "api.page",\n' in project
