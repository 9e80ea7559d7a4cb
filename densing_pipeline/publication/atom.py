"""Atom feeds (RFC 4287), from entries with a title, an instant and a text."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree

NAMESPACE = "http://www.w3.org/2005/Atom"
AUTHOR = "densing-pipeline"

UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold (XML 1.0, section 2.2)."""


@dataclass(frozen=True)
class Entry:
    """One entry of a feed.

    Attributes:
        identity: what the entry is about, such as `release/<id>`; equal in every copy of the feed.
        title: its title.
        updated: when it was last changed, with its time zone.
        text: its content, as plain text.
        link: address of what it is about; empty if it has none.
    """

    identity: str
    title: str
    updated: datetime
    text: str
    link: str = ""


def feed(identity: str, title: str, entries: Sequence[Entry], link: str = "") -> bytes:
    """The document of a feed, newest entry first; the same entries give the same bytes.

    Args:
        identity: name of the feed, such as `releases`; equal in every copy of it.
        title: its title.
        entries: at least one, in any order.
        link: address of the page that the feed belongs to; empty if there is none.
    """
    ElementTree.register_namespace("", NAMESPACE)
    newest_first = sorted(entries, key=lambda entry: (entry.updated, entry.identity), reverse=True)
    root = ElementTree.Element(_name("feed"))
    _described(root, identity, title, newest_first[0].updated, link)
    _text(ElementTree.SubElement(root, _name("author")), "name", AUTHOR)
    for entry in newest_first:
        element = ElementTree.SubElement(root, _name("entry"))
        _described(element, entry.identity, entry.title, entry.updated, entry.link)
        _text(element, "content", entry.text).set("type", "text")
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _described(
    element: ElementTree.Element, identity: str, title: str, updated: datetime, link: str
) -> None:
    """Give a feed or an entry what both have: id, title, instant and link."""
    unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{AUTHOR}/{identity}")
    _text(element, "id", unique.urn)
    _text(element, "title", title)
    _text(element, "updated", updated.isoformat(timespec="seconds"))
    if link:
        ElementTree.SubElement(element, _name("link"), {"rel": "alternate", "href": link})


def _text(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, _name(name))
    element.text = UNWRITABLE.sub("\ufffd", text)
    return element


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"
