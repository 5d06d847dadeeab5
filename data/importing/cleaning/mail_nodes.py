"""Which nodes of an HTML mail are quoted, signed or hidden, by the marks that mail programs and helpdesks leave."""

import re
from collections.abc import Iterator, Mapping

from lxml import etree

_QUOTE_CLASSES = {
    "gmail_attr", "yahoo_quoted", "moz-cite-prefix", "moz-forward-container", "protonmail_quote", "tutanota_quote",
    "freshdesk_quote", "front-blockquote", "zmail_extra", "hs_reply", "sh-quoted-content", "quoted-text",
    "wlmailquote", "ox-quote", "zendesk_quoted", "cs_quote", "bloop_markdown_quote", "mailspring-quote",
}  # fmt: skip
_QUOTE_IDS = {"mail-editor-reference-message-container", "olk_src_body_section", "replysplit", "isforwardcontent"}
_SIGNATURE_CLASSES = {
    "gmail_signature", "gmail_signature_prefix", "moz-signature", "protonmail_signature_block", "front-signature",
    "freshdesk_signature", "hs_signature", "tutanota_signature", "yahoo_signature", "ydpsignature", "signature",
    "email-signature", "ms-outlook-mobile-signature", "zm_signature",
}  # fmt: skip
_SIGNATURE_IDS = {
    "signature", "applemailsignature", "ms-outlook-mobile-signature", "composer_signature", "gmail_signature",
    "x_signature", "ymail_android_signature",
}  # fmt: skip
# From these on everything is quoted.
_QUOTE_STARTS = {"divrplyfwdmsg", "appendonsend", "reply-intro", "stopspelling", "x_divrplyfwdmsg", "x_appendonsend"}
_SECTIONS = {"messageReplySection": "quote", "messageSignatureSection": "signature"}
_RULE_ABOVE = re.compile(r"border-top(?:-style)?\s*:\s*(?:[\d.]+p[tx]\s+)?solid", re.IGNORECASE)
_NO_BORDER = re.compile(r"border\s*:\s*(?:none|0)|webkit-indent", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden", re.IGNORECASE)


def part_of_mail(node: etree._Element) -> str:
    """`quote`, `signature`, `start` (all from here on is quoted), `hidden`, or nothing of these."""
    tag, attributes = node.tag, node.attrib
    if tag == "blockquote":
        indented = attributes.get("style", "") + attributes.get("class", "")
        return "" if _NO_BORDER.search(indented) and attributes.get("type") != "cite" else "quote"
    if not attributes:
        return ""
    style = attributes.get("style", "")
    if "hidden" in attributes or (style and _HIDDEN.search(style)):
        return "hidden"
    if style and tag == "div" and _RULE_ABOVE.search(style) and _holds_headers(node):
        return "start"
    return _named_kind(node, attributes)


def drop(node: etree._Element) -> None:
    """Take a node out of its tree; what follows it stays."""
    parent = node.getparent()
    if parent is None:
        return
    tail, before = node.tail, node.getprevious()
    if tail and before is not None:
        before.tail = (before.tail or "") + tail
    elif tail:
        parent.text = (parent.text or "") + tail
    parent.remove(node)


def drop_all_from(start: etree._Element) -> None:
    """Take a node out, and all that follows it in the document."""
    node = start
    while node.tag != "body" and (parent := node.getparent()) is not None:
        for later in list(node.itersiblings()):
            parent.remove(later)
        node.tail = None
        node = parent
    if (parent := start.getparent()) is not None:
        parent.remove(start)


def _named_kind(node: etree._Element, attributes: Mapping[str, str]) -> str:
    classes, name = set(attributes.get("class", "").lower().split()), attributes.get("id", "").lower()
    if name in _QUOTE_STARTS:
        return "start"
    if classes & _QUOTE_CLASSES or name in _QUOTE_IDS or _is_gmail_quote(node, classes):
        return "quote"
    if classes & _SIGNATURE_CLASSES or name in _SIGNATURE_IDS or "data-signature" in attributes:
        return "signature"
    return _SECTIONS.get(attributes.get("name", ""), "")


def _is_gmail_quote(node: etree._Element, classes: set[str]) -> bool:
    """Whether all of it is quoted: where Gmail's container holds blockquotes, answers can stand between them."""
    if "gmail_quote" not in classes:
        return False
    author = next((child for child in node.iter("div") if "gmail_attr" in child.get("class", "")), None)
    if author is None:
        return False
    forwarded = "".join(_first(author.itertext(), 3)).lstrip().startswith("--")
    return forwarded or next(node.iter("blockquote"), None) is None


def _holds_headers(node: etree._Element) -> bool:
    text = "".join(_first(node.itertext(), 40))
    return len(text) < 3000 and text.count(":") >= 3


def _first(texts: Iterator[str], count: int) -> Iterator[str]:
    for _, text in zip(range(count), texts, strict=False):
        yield text
