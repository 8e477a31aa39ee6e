"""Which reader reads what, and the sentences for what they refuse.

Readers are loaded by name when a document first needs one: what parses XML and opens PDFs is large, and most of our
processes never read any.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from accounting.contract import Document, Refused

# Each has `read(content, *, currency)`.
READERS = {"csv": "accounting.csv_file", "xml": "accounting.e_invoice", "pdf": "accounting.facturx"}

LARGEST_FILE = 64 * 1024 * 1024  # bytes of a CSV file or a PDF; XML has its own, lower limit
SUFFIXES = (".xml", ".csv", ".pdf")


def read(source: Path | bytes, name: str = "", *, currency: str | None = None) -> Iterator[Document | Refused]:
    """Every document in a file, and a Refused for each that cannot be taken in. Never raises for what a file says.

    What a file is, its content tells, not its name. `currency`: for CSV rows that name none. OSError is the caller's.
    """
    try:
        content = source if isinstance(source, bytes) else _content(source)
        yield from import_module(READERS[kind(content)]).read(content, currency=currency)
    except Refused as refused:
        yield refused


def kind(content: bytes) -> str:
    """ "pdf", "xml" or "csv", by the first bytes."""
    start = content[:1024]
    if b"%PDF-" in start:
        return "pdf"
    bare = start.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n")
    return "xml" if bare.startswith(b"<") else "csv"


def too_large() -> Refused:
    return Refused("too_large", limit=LARGEST_FILE // 1024 // 1024)


def _content(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_FILE:
        raise too_large()
    return path.read_bytes()


# What the codes mean. Sentences of gettext's catalogue: `reason` fills them in English, pages in their language.
REASONS: dict[str, str] = {
    "empty": "The file is empty.",
    "too_large": "The file is larger than %(limit)s MB.",
    "doctype": "The file has a document type declaration, which no e-invoice needs.",
    "not_well_formed": "The XML is not well-formed.",
    "too_deep": "The XML is nested too deeply.",
    "unknown_format": "This is no e-invoice we know (%(root)s).",
    "pdf_unreadable": "The PDF cannot be read.",
    "pdf_encrypted": "The PDF asks for a password.",
    "pdf_without_xml": "The PDF carries no e-invoice.",
    "missing": "%(what)s is missing.",
    "unknown_type": "Type %(type)s is no invoice or credit note that can be taken in.",
    "unknown_currency": "%(currency)s is not a currency.",
    "mixed_currencies": "An amount is in %(currency)s, but the document is in %(expected)s.",
    "bad_amount": "“%(text)s” is not an amount in this currency.",
    "bad_number": "“%(text)s” is not a number.",
    "bad_date": "“%(text)s” is not a date.",
    "bad_attachment": "An attachment is damaged.",
    "does_not_add_up": "The sums do not agree (%(rule)s): the document says %(stated)s, its parts give %(computed)s.",
    "not_text": "The file is not text in UTF-8, UTF-16 or Windows-1252.",
    "bad_csv": "The row cannot be read: %(why)s.",
    "missing_column": "The column “%(column)s” is missing.",
    "double_column": "The column “%(column)s” is there twice.",
    "too_many_cells": "The row has more cells than the file has columns.",
    "missing_cell": "“%(column)s” is empty.",
    "differs_in_rows": "“%(column)s” differs from the invoice's first row.",
    "unclear_amount": "“%(text)s” may be thousands or a fraction, and no other row tells.",
    "mixed_decimals": "“%(text)s” has another decimal sign than the rest of the file.",
    "unclear_date": "“%(text)s” may be day and month or month and day, and no other row tells.",
    "mixed_dates": "“%(text)s” has day and month the other way round than the rest of the file.",
    "unknown_kind": "“%(text)s” is neither an invoice nor a credit note.",
    "other_currency": "The invoice is known in another currency.",
    "other_customer": "The invoice is known for another customer.",
    "credit_note_revised": "A credit note cannot be revised; give another one.",
    "negative_credit_note": "A credit note below zero asks for money: that takes an invoice.",
    "void": "The invoice is known and was voided.",
    "unreadable": "The file cannot be read: %(why)s.",
    "not_kept": "Something in it does not fit the database (%(why)s).",
    "too_long": "The %(what)s is longer than %(limit)s characters.",
}

# The names of EN 16931's business terms, where a sentence needs one.
TERMS: dict[str, str] = {
    "BT-1": "The invoice number",
    "BT-2": "The issue date",
    "BT-5": "The currency",
    "BT-27": "The seller's name",
    "BT-44": "The buyer's name",
    "BT-92": "The amount of an allowance or charge",
    "BT-106": "The sum of the lines",
    "BT-109": "The total without tax",
    "BT-112": "The total with tax",
    "BT-115": "The amount due",
    "BT-117": "The amount of a tax",
    "BT-131": "The amount of a line",
    "BG-4": "The seller",
    "BG-7": "The buyer",
    "BG-22": "The totals",
    "BG-25": "The transaction",
    "BT-DEX-002": "The amount of a third party",
}


def reason(refused: Refused) -> str:
    """Why, as an English sentence without the line."""
    return sentence(refused.code, refused.values)


def sentence(code: str, values: dict[str, Any]) -> str:
    if code == "missing":
        values = {"what": f"{TERMS.get(values['what'], '')} ({values['what']})".strip()}
    return REASONS[code] % values
