"""How documents, sellers and customers are recognised."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import Any

from accounting.contract import Document, Party
from billing.documents_shown import pack
from billing.prepared import rows
from models import Invoice

LONGEST_NUMBER = 120  # characters of an invoice number
LONGEST_ADDRESS = 80  # characters of the <number> in an invoice's address, without the count behind it


def seller_key(seller: Party) -> str:
    """Who issued it: VAT number, else registration number, else folded name."""
    return folded(seller.vat_number) or folded(seller.registration_number) or folded(seller.name)


def identity(document: Document, copy: int = 1) -> str:
    """By what a document is known: source, seller, number, issue date and kind.

    `copy`: 2, 3 … for those of which staff said that they are *another invoice* with the same identity.
    """
    parts = [
        document.source,
        seller_key(document.seller),
        document.number,
        document.issued_on.isoformat(),
        document.kind,
    ]
    return _hash(parts if copy == 1 else [*parts, copy])


def content_hash(document: Document) -> str:
    """What it says, whatever syntax it says it in."""
    content = pack(document)
    del content["syntax"]
    content["attachments"] = [
        [item, hashlib.sha256(attachment.content or b"").hexdigest()]
        for item, attachment in zip(content["attachments"], document.attachments, strict=True)
    ]
    return _hash(content)


def match_key(buyer: Party) -> str:
    """The folded name and address, by which a customer without any number is known again."""
    place = [*buyer.lines, buyer.postcode, buyer.city, buyer.country]
    return _hash([folded(buyer.name), *(folded(part) for part in place if part)])


def folded(text: str | None) -> str:
    """Letters and digits only, without case and accents: "Müller & Söhne" is "mullersohne"."""
    if not text:
        return ""
    if text.isascii():
        return "".join(mark for mark in text.lower() if mark.isalnum())
    marks = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in marks if mark.isalnum() and not unicodedata.combining(mark))


def address(number: str) -> str:
    """The <number> of an invoice's page: unique in the portal, given once, never changed."""
    base = re.sub(r"[^A-Za-z0-9_-]", "-", number)[:LONGEST_ADDRESS]
    if not rows(Invoice, "at address", lambda value: Invoice.select(Invoice.id).where(Invoice.address == value), base):
        return base
    taken = {row for (row,) in Invoice.select(Invoice.address).where(Invoice.address.startswith(f"{base}-")).tuples()}
    count = 2
    while f"{base}-{count}" in taken:
        count += 1
    return f"{base}-{count}"


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
