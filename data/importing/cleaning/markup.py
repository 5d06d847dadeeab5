"""HTML to the text that its reader saw: one line a block, without what was quoted, signed or hidden."""

import html
import re

from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.html_properties import Display
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_document_state import HtmlDocumentState
from inscriptis.model.html_element import HtmlElement
from inscriptis.model.tag import CustomHtmlTagHandlerMapping
from lxml import etree

from data.importing.cleaning.mail_nodes import drop, drop_all_from, part_of_mail

_BLOCKS = "p div table tr td th tbody ul ol li blockquote h1 h2 h3 h4 h5 h6 pre body html section article center"
_INLINE = "a b i u s em strong span font small big sub sup code img br hr del ins abbr cite q mark tt kbd"
_OTHERS = (
    "head meta link title style script base thead tfoot caption col colgroup dl dt dd form input button label select"
    " option textarea header footer main nav aside figure figcaption address hgroup picture source video audio iframe"
    " object svg path noscript template time wbr strike xml details summary fieldset legend map area"
)
_NAMES = frozenset(f"{_BLOCKS} {_INLINE} {_OTHERS}".split())
_KNOWN = "|".join(sorted(_NAMES))
_OPENED = re.compile(rf"<({_KNOWN})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_CLOSED = re.compile(rf"</({_KNOWN})\s*>", re.IGNORECASE)
_DOCUMENT = re.compile(r"\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)
# One of these alone makes HTML of a text: no closing tag belongs to it.
_ALONE = re.compile(r"<(?:br|hr)\s*/?>|<img\s[^<>]*\bsrc=", re.IGNORECASE)
_LAID_OUT = re.compile(rf"<(?:{'|'.join(_BLOCKS.split())}|br|hr)[\s/>]", re.IGNORECASE)
# What looks like a tag and is none: "<3", "<name@example.com>", and then "<null>". Names with a colon are those of
# Microsoft Office, names with a hyphen those of web components.
_NO_TAG = re.compile(r"<(?!/?[a-zA-Z][\w:-]*(?:[\s/>]|$)|!--|!doctype|!\[|\?xml)", re.IGNORECASE)
_TAG_NAME = re.compile(r"</?([a-zA-Z]\w*)(?=[\s/>])")
# Characters that the tree takes when it reads them and refuses when they are written.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML_DECLARATION = re.compile(r"\s*<\?xml[^<>]*>")
_ENDLESS_ENTITY = re.compile(r"&#x?[0-9a-f]{9,};?", re.IGNORECASE)

# Beyond these the tree is not worth its time: the layout takes time in the square of a line's length, and the parser
# drops what lies deeper than 256 tags.
_LONGEST = 100_000
_DEEPEST = 200

_KEEPS_LINES = re.compile(r"white-space\s*:\s*(?:break-spaces|pre)", re.IGNORECASE)


def is_html(text: str) -> bool:
    """Whether a text is HTML, and not one that only speaks of `<b>`, of `a < b` or to `<name@example.com>`."""
    if ">" not in text or "<" not in text:
        return False
    if _DOCUMENT.match(text) or _ALONE.search(text):
        return True
    closed = {name.lower() for name in _CLOSED.findall(text)}
    if closed:
        return any(opened[1].lower() in closed for opened in _OPENED.finditer(text))
    begins = _OPENED.match(text.lstrip())
    return begins is not None and begins[1].lower() in {"p", "div"}


def unescaped(text: str) -> str | None:
    """The HTML that an export escaped (`&lt;p&gt;`), once or twice; `None`: the text holds none."""
    again = text
    for _ in range(2):
        if "&lt;" not in again and "&amp;lt;" not in again and "&#60;" not in again:
            break
        again = html.unescape(_ENDLESS_ENTITY.sub("", again))
        if is_html(again) and (_LAID_OUT.search(again) or _OPENED.match(again)):
            return again
    return None


def to_text(markup: str, without: frozenset[str]) -> tuple[str, set[str]]:
    """The text of HTML, and which of the kinds of parts in `without` were found and left out.

    Never fails: what no parser takes loses its tags and keeps its words.

    Args:
        without: of "quote" and "signature".
    """
    tree = _parsed(markup) if len(markup) <= _LONGEST else None
    if tree is None:
        return _stripped(markup), set()
    marked = []
    for node in tree.iter(etree.Element):
        kind = part_of_mail(node)
        if kind:
            marked.append((node, kind))
        _plain_style(node)
    found = set()
    for node, kind in marked:
        if kind == "start" and "quote" in without:
            found.add("quote")
            drop_all_from(node)
        elif kind in without or kind == "hidden":
            found |= {kind} & without
            drop(node)
    return Inscriptis(tree, _CONFIG).get_text(), found


def _parsed(markup: str) -> etree._Element | None:
    markup = _XML_DECLARATION.sub("", _NOT_XML.sub("", markup), count=1)
    markup = _NO_TAG.sub("&lt;", markup)
    unknown = {name for name in set(_TAG_NAME.findall(markup)) if name.lower() not in _NAMES}
    if unknown:
        markup = _TAG_NAME.sub(lambda tag: "&lt;" + tag[0][1:] if tag[1] in unknown else tag[0], markup)
    if not _LAID_OUT.search(markup):
        markup = markup.replace("\n", "<br>")  # only words are marked up: the lines are those of a plain text
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = etree.fromstring(markup.encode(errors="replace"), parser)
    except (etree.LxmlError, ValueError):
        return None
    return None if tree is None or _too_deep(tree) else tree


def _too_deep(tree: etree._Element) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _DEEPEST:
            return True
    return False


def _stripped(markup: str) -> str:
    """The words between the tags, for what is too long or too deep for a tree."""
    markup = re.sub(r"<!--.{0,100000}?-->", "", markup, flags=re.DOTALL) if markup.count("-->") < 100 else markup
    out, skipped = [], ""
    for part in re.split(r"(<[^<>]*>)", markup):
        name = re.match(r"<(/?)([a-zA-Z][\w:-]{0,30})", part)
        if name is None or not part.endswith(">"):
            out += [] if skipped else [part]
        elif name[2].lower() in {"script", "style", "head", "title"}:
            skipped = "" if name[1] else name[2]
        elif name[2].lower() in _BREAKING:
            out.append("\n")
    return html.unescape(_ENDLESS_ENTITY.sub("", "".join(out)))


_BREAKING = {*_BLOCKS.split(), "br", "hr"} - {"td", "th"}


def _plain_style(node: etree._Element) -> None:
    """Leave of its style only what a text can show; margins of a million lines are none of it."""
    style = node.attrib.pop("style", "")
    if style and _KEEPS_LINES.search(style):
        node.set("style", "white-space: pre")
    if node.tag == "img":
        alt = node.get("alt", "")
        # Mail programs send emoji as pictures. The other texts of pictures are names of logos and files.
        if alt and not alt.isascii() and not any(map(str.isalnum, alt)):
            node.tail = alt + (node.tail or "")


def _between_cells(state: HtmlDocumentState, _: object) -> None:
    state.tags[-1].canvas.write(state.tags[-1], " ")


def _nothing(*_: object) -> None:
    pass


# Cells follow each other on the line of their row. Set in columns, as the library would, the text of a mail that uses
# tables for its layout would be cut up, and one long cell would widen all others.
_TABLE_TAGS = CustomHtmlTagHandlerMapping(
    start_tag_mapping={"table": _nothing, "tr": _nothing, "td": _between_cells, "th": _between_cells},
    end_tag_mapping={"table": _nothing, "td": _nothing, "th": _nothing},
)
_CONFIG = ParserConfig(
    css={
        **STRICT_CSS_PROFILE,
        **{tag: HtmlElement(display=Display.block) for tag in ("table", "tr", "section", "center", "hr", "dt", "dd")},
        **{tag: HtmlElement(display=Display.block, padding_inline=2) for tag in ("ul", "ol")},
        **{tag: HtmlElement(display=Display.none) for tag in ("noscript", "template", "svg", "option", "xml")},
    },
    custom_html_tag_handler_mapping=_TABLE_TAGS,
)
