"""UBL, CII and PDFs: the same invoice is the same document; what does not add up is refused with its line."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from accounting import registry
from accounting.contract import Document, Kind, Refused
from tests.accounting.corpus import FILES, needs_corpus, pairs
from tests.accounting.documents import cii, pdf, ubl

SWAPPED = {"seller.postcode", "seller.city", "buyer.postcode", "buyer.city"}
# Where the suite's two files of a case say different things: which fields, and why.
DIFFERENCES: dict[str, tuple[set[str], str]] = {
    **dict.fromkeys(
        ("01.02a-INVOICE", *(f"01.{case:02}a-INVOICE" for case in (8, 9, 10, 11, 12, 13))),
        ({"po_number"}, "UBL needs an order number beside a sales order's: a dummy that CII does without"),
    ),
    "01.20a-INVOICE": ({"seller.lines", "seller.city"}, "other placeholders for the address"),
    "01.21a-INVOICE": ({"seller.vat_number", "taxes.reason", "means.text"}, "other number, reason and text"),
    "03.01a-INVOICE": ({"buyer.trading_name"}, "a trading name in UBL only"),
    "03.06a-INVOICE": (SWAPPED, "postcode and city stand in each other's place in UBL"),
    "03.07a-INVOICE": ({"seller.ids"}, "two more seller identifiers in CII"),
    "01.01-cius": (
        {"seller.ids", "buyer.name", "buyer.trading_name", "preceding"},
        "names swapped; one reference less",
    ),
    "01.02-cius": ({"buyer.name", "buyer.trading_name"}, "names swapped"),
    "01.03-cius": (
        {"seller.contact", "buyer.name", "buyer.trading_name"},
        "a department for the person; names swapped",
    ),
    "01.04-cius": (
        {"seller.contact", "buyer.name", "buyer.trading_name"},
        "a department for the person; names swapped",
    ),
    "02.01a-cvd": (
        {"seller.ids", "lines.description", "lines.properties"},
        "a typing error; properties in other order",
    ),
}


def one(content: bytes | Path) -> Document:
    (found,) = registry.read(content)
    assert isinstance(found, Document), registry.reason(found)
    return found


def refused(content: bytes) -> Refused:
    (found,) = registry.read(content)
    assert isinstance(found, Refused)
    return found


def differing(one: Any, other: Any, path: str = "") -> set[str]:
    """The dotted names of the fields in which two documents differ."""
    if one == other:
        return set()
    if hasattr(one, "__dataclass_fields__") and type(one) is type(other):
        dot = f"{path}." if path else ""
        names = [item.name for item in fields(one)]
        return set().union(*(differing(getattr(one, name), getattr(other, name), dot + name) for name in names))
    same = isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other)
    if same and one and hasattr(one[0], "__dataclass_fields__"):
        return set().union(*(differing(a, b, path) for a, b in zip(one, other, strict=True)))
    return {path}


@needs_corpus
def test_every_document_of_the_corpus_is_read() -> None:
    assert len(FILES) == 86
    documents = [one(path) for path in FILES]
    assert len({document.number for document in documents}) == 18
    assert sum(document.payable < 0 for document in documents) == 2
    assert sum(document.payable == 0 for document in documents) == 4


@needs_corpus
@pytest.mark.parametrize(("case", "in_ubl", "in_cii"), pairs(), ids=[case for case, _, _ in pairs()])
def test_both_syntaxes_of_a_case_give_the_same_document(case: str, in_ubl: Path, in_cii: Path) -> None:
    expected, _ = DIFFERENCES.get(case, (set(), ""))
    assert differing(one(in_ubl), one(in_cii)) == expected | {"syntax"}


def test_a_small_invoice_is_the_same_from_ubl_cii_and_pdf() -> None:
    document = one(ubl())
    assert document == replace(one(cii()), syntax="ubl")
    assert document == one(pdf(ubl()))
    assert document == replace(one(pdf(cii(), "ZUGFeRD-invoice.xml")), syntax="ubl")
    assert (document.net, document.tax, document.total, document.payable) == (10000, 1900, 11900, 11900)
    assert (document.due_on, document.terms, document.customer_id) == (date(2026, 12, 2), "30 days net", "C-1")
    assert document.seller.vat_number == "DE123456789"


def test_a_credit_note_is_one_by_root_or_by_type() -> None:
    assert one(ubl(root="CreditNote", code="381")).kind == Kind.CREDIT_NOTE
    assert one(ubl(code="381")).kind == Kind.CREDIT_NOTE
    assert one(ubl(code="384")).kind == Kind.INVOICE


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"payable": "118.99"}, "BR-CO-16"),
        ({"total": "120.00", "payable": "120.00"}, "BR-CO-15"),
        ({"prepaid": "19.01", "payable": "100.00"}, "BR-CO-16"),
    ],
)
def test_a_document_that_does_not_add_up_is_refused_with_line_and_reason(changes: dict[str, str], rule: str) -> None:
    found = refused(ubl(**changes))  # type: ignore[arg-type]
    assert (found.code, found.values["rule"]) == ("does_not_add_up", rule)
    assert found.line
    assert b"Amount" in ubl(**changes).splitlines()[found.line - 1]  # type: ignore[arg-type]
    assert rule in registry.reason(found)


def test_lines_that_do_not_make_the_line_total_are_refused() -> None:
    content = ubl().replace(
        b">100.00</cbc:LineExtensionAmount>\n<cac:Item>", b">99.00</cbc:LineExtensionAmount>\n<cac:Item>"
    )
    assert refused(content).values["rule"] == "BR-CO-10"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (ubl(currency="XYZ"), "unknown_currency"),
        (ubl(code="325"), "unknown_type"),
        (ubl(issued="2026-02-30"), "bad_date"),
        (ubl(net="1e2"), "bad_amount"),
        (ubl(net="100.001"), "bad_amount"),
        (ubl().replace(b'currencyID="EUR">119', b'currencyID="USD">119'), "mixed_currencies"),
        (ubl().replace(b"<cbc:ID>R-1</cbc:ID>", b"<cbc:ID> </cbc:ID>"), "missing"),
        (ubl(buyer=" "), "missing"),
        (pdf(None), "pdf_without_xml"),
        (b"%PDF-1.7 and nothing more", "pdf_unreadable"),
        (b"", "empty"),
        (b"  \n", "empty"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_code(content: bytes, code: str) -> None:
    assert refused(content).code == code
    assert registry.reason(refused(content))


def test_a_profile_without_lines_is_held_to_its_totals() -> None:
    """Factur-X MINIMUM: no lines, no line total, no prepaid amount; what is not due was paid."""
    content = cii(payable="100.00")
    start, end = content.index(b"<ram:IncludedSupply"), content.index(b"<ram:ApplicableHeaderTradeAgreement")
    content = (content[:start] + content[end:]).replace(b"<ram:LineTotalAmount>100.0</ram:LineTotalAmount>", b"")
    document = one(content)
    assert (document.lines, document.total, document.prepaid, document.payable) == ((), 11900, 1900, 10000)
