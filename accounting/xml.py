"""Reading XML that strangers wrote: no entities, no network, bounded size and depth; every error is a `Refused`."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from lxml import etree

from accounting.contract import Attachment, Refused
from money import EXPONENTS, BadAmount, from_decimal

LARGEST = 20 * 1024 * 1024  # bytes of one XML document, attachments included
DEEPEST = 256  # levels of elements; EN 16931 needs about ten
DEBITS = ("49", "59")  # payment means that collect under a mandate (UNTDID 4461)
TEXT_LIMIT = 9_000_000  # beyond it libxml2 has to be told that a text node (an attachment) may be large

_PROLOG = re.compile(r"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<!DOCTYPE", re.DOTALL | re.IGNORECASE)
_DECIMAL = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})", re.ASCII)
_BOMS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


def parse(content: bytes) -> etree._Element:
    """The root element. Raises Refused: too_large, doctype, not_well_formed, too_deep.

    A document type declaration is refused before the parser sees it: no e-invoice has one, and every entity trick
    needs it.
    """
    if len(content) > LARGEST:
        raise Refused("too_large", limit=LARGEST // 1024 // 1024)
    if _PROLOG.match(_start(content)):
        raise Refused("doctype", 1)
    huge = len(content) > TEXT_LIMIT
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=huge,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Refused("not_well_formed", error.lineno or None) from None
    except (ValueError, LookupError):  # an encoding nobody knows
        raise Refused("not_well_formed", 1) from None
    if root.getroottree().docinfo.doctype:
        raise Refused("doctype", 1)
    if huge:  # libxml2 itself stops at 256 levels elsewhere
        _check_depth(root)
    return root


def _start(content: bytes) -> str:
    """All of it as text, as far as the search for a document type needs."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    return content.decode("latin-1")  # ASCII inside any other encoding that matters


def _check_depth(root: etree._Element) -> None:
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise Refused("too_deep", element.sourceline)


class Reader:
    """Reads typed values out of one document; paths are ElementPath with this syntax's prefixes."""

    def __init__(self, prefixes: dict[str, str]) -> None:
        self.prefixes = prefixes
        self.currency = ""

    def set_currency(self, root: etree._Element, path: str) -> str:
        """The document's currency (BT-5), by which its amounts are read."""
        self.currency = self.known_currency(root, path) or ""
        if not self.currency:
            raise Refused("missing", root.sourceline, what="BT-5")
        return self.currency

    def known_currency(self, parent: etree._Element, path: str) -> str | None:
        code = self.text(parent, path)
        if code is not None and code not in EXPONENTS:
            raise Refused("unknown_currency", self.line(parent, path), currency=code[:20])
        return code

    def find(self, parent: etree._Element | None, path: str) -> etree._Element | None:
        return None if parent is None else parent.find(path, self.prefixes)

    def all(self, parent: etree._Element | None, path: str) -> list[etree._Element]:
        return [] if parent is None else parent.findall(path, self.prefixes)

    def need(self, parent: etree._Element, path: str, what: str) -> etree._Element:
        found = self.find(parent, path)
        if found is None:
            raise Refused("missing", parent.sourceline, what=what)
        return found

    def line(self, parent: etree._Element | None, path: str) -> int | None:
        """Where an element stands, or its parent where it is missing."""
        if parent is None:
            return None
        found = self.find(parent, path)
        return (parent if found is None else found).sourceline

    def text(self, parent: etree._Element | None, path: str) -> str | None:
        """Text on one line, blanks collapsed; None where there is none."""
        found = self.find(parent, path)
        return None if found is None else flat(found)

    def texts(self, parent: etree._Element | None, path: str) -> Iterator[str]:
        for element in self.all(parent, path):
            if text := flat(element):
                yield text

    def block(self, parent: etree._Element | None, path: str) -> str | None:
        """Text that may have several lines (notes, terms), each with its blanks collapsed."""
        found = self.find(parent, path)
        return None if found is None else block(found.text)

    def need_text(self, parent: etree._Element, path: str, what: str) -> str:
        text = self.text(parent, path)
        if text is None:
            raise Refused("missing", self.line(parent, path), what=what)
        return text

    def minor(self, parent: etree._Element | None, path: str, currency: str | None = None) -> int | None:
        """An amount in minor units of the document's currency. An amount that says it is of another one is refused."""
        found = self.find(parent, path)
        return None if found is None else self.amount(found, currency)

    def need_minor(self, parent: etree._Element, path: str, what: str) -> int:
        amount = self.minor(parent, path)
        if amount is None:
            raise Refused("missing", self.line(parent, path), what=what)
        return amount

    def amount(self, element: etree._Element, currency: str | None = None) -> int | None:
        currency = currency or self.currency
        text = flat(element)
        if text is None:
            return None
        said = element.get("currencyID")
        if said and said != currency:
            raise Refused("mixed_currencies", element.sourceline, currency=said[:20], expected=currency)
        try:
            return from_decimal(text, currency)
        except BadAmount as error:
            raise Refused("bad_amount", element.sourceline, text=text[:40], why=error.code) from None

    def decimal(self, parent: etree._Element | None, path: str) -> str | None:
        """A price, quantity or rate as a plain decimal string without idle zeros: "7.00" is "7"."""
        found = self.find(parent, path)
        text = None if found is None else flat(found)
        if found is None or text is None:
            return None
        if not _DECIMAL.fullmatch(text):
            raise Refused("bad_number", found.sourceline, text=text[:40])
        return plain(text)

    def day(self, parent: etree._Element | None, path: str) -> date | None:
        """A date: ISO 8601 (UBL, a time zone is passed over) or CCYYMMDD (CII's format 102)."""
        found = self.find(parent, path)
        if found is None:
            return None
        leaf = found if flat(found) or not len(found) else found[0]  # CII wraps it in a DateTimeString
        text = flat(leaf)
        if text is None:
            return None
        bare = re.sub(r"(T.*|Z|[+-]\d\d:\d\d)$", "", text)
        digits = bare.replace("-", "") if re.fullmatch(r"\d{4}-\d\d-\d\d", bare, re.ASCII) else bare
        if re.fullmatch(r"\d{8}", digits, re.ASCII):
            try:
                return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
            except ValueError:
                pass
        raise Refused("bad_date", leaf.sourceline, text=text[:40])

    def period(self, parent: etree._Element | None, start: str, end: str) -> tuple[date | None, date | None] | None:
        found = (self.day(parent, start), self.day(parent, end))
        return None if found == (None, None) else found

    def binary(self, parent: etree._Element, path: str) -> bytes | None:
        """An embedded file's bytes, from base64."""
        found = self.find(parent, path)
        if found is None or not (found.text or "").strip():
            return None
        try:
            return base64.b64decode("".join((found.text or "").split()), validate=True)
        except (binascii.Error, ValueError):
            raise Refused("bad_attachment", found.sourceline) from None

    def attachment(self, reference: etree._Element, *, name: str, text: str, url: str, content: str) -> Attachment:
        """A supporting document (BG-24)."""
        held = self.find(reference, content)
        file_name = flat_text(held.get("filename")) if held is not None else None
        link = self.text(reference, url)
        return Attachment(
            name=file_name or self.text(reference, name) or link or "attachment",
            description=self.text(reference, text),
            media_type=flat_text(held.get("mimeCode")) if held is not None else None,
            content=self.binary(reference, content),
            url=link,
        )


def flat(element: etree._Element) -> str | None:
    return flat_text(element.text)


def flat_text(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


def block(text: str | None) -> str | None:
    if not text:
        return None
    lines = (" ".join(line.split()) for line in text.strip().splitlines())
    return "\n".join(lines).strip() or None


def plain(text: str) -> str:
    """A decimal as it is written shortest: "7.00" is "7", "+.50" is "0.5", "-0" is "0"."""
    value = Decimal(text)
    if not value:
        return "0"
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def vat(text: str | None) -> str | None:
    """A VAT number in upper case without spaces."""
    return "".join(text.split()).upper() or None if text else None


def last_four(number: str | None) -> str | None:
    """The last four digits of a card number; more is never kept (BT-87)."""
    return "".join(mark for mark in number if mark.isalnum())[-4:] or None if number else None
