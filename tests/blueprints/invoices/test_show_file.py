from __future__ import annotations

import pytest

from billing import files
from environ import Environ
from models import Invoice, InvoiceFile
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

XML = b"<Invoice xmlns='urn:test'><ID>A1</ID></Invoice>"
HTML = b"<script>alert(1)</script>"


@pytest.fixture
def invoice(cast: Cast, clock: Clock, env: Environ) -> Invoice:
    """An invoice that came as XML with a hostile attachment."""
    files.configure(env.home)
    invoice = bill(cast.acme, 1000, now=clock.now, number="A1")
    for name, role, kind, content in (
        ("Rechnung März.xml", InvoiceFile.ORIGINAL, "application/xml", XML),
        ("notes.html", InvoiceFile.ATTACHMENT, "text/html", HTML),
    ):
        InvoiceFile.create(
            invoice=invoice,
            version=1,
            file=files.keep(content, kind, now=clock.now),
            role=role,
            syntax="ubl" if role == InvoiceFile.ORIGINAL else "",
            name=name,
        )
    return invoice


def paths(browser: Browser) -> list[str]:
    page = browser.get("/invoices/A1").text
    return [part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/invoices/A1/files/")]


def test_the_page_links_original_and_attachments_with_their_sizes(ada: Browser, invoice: Invoice) -> None:
    page = ada.get("/invoices/A1").text
    assert "Original: Rechnung März.xml (1\u00a0KB)" in page
    assert "notes.html (1\u00a0KB)" in page
    assert "Copy as PDF (" in page


def test_the_original_comes_as_it_came(ada: Browser, invoice: Invoice) -> None:
    answer = ada.get(paths(ada)[0])
    assert answer.data == XML
    assert answer.mimetype == "application/xml"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment;")
    assert disposition.isascii()
    assert "Rechnung%20M%C3%A4rz.xml" in disposition


def test_a_hostile_file_is_only_bytes_and_runs_nothing(ada: Browser, invoice: Invoice) -> None:
    answer = ada.get(paths(ada)[1])
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_file_of_another_invoice_or_customer_does_not_exist(
    ada: Browser, mallory: Browser, visitor: Browser, invoice: Invoice, cast: Cast, clock: Clock
) -> None:
    path = paths(ada)[0]
    bill(cast.acme, 1000, now=clock.now, number="A2")
    bill(cast.globex, 1000, now=clock.now, number="G1")
    assert ada.get(path.replace("A1", "A2")).status_code == 404
    assert mallory.get(path).status_code == 404
    assert mallory.get(path.replace("A1", "G1")).status_code == 404
    assert visitor.get(path).status_code == 303


def test_a_lost_file_is_a_plain_not_found(ada: Browser, invoice: Invoice, env: Environ) -> None:
    path = paths(ada)[0]
    for kept in (env.home / "files").rglob("*"):
        if kept.is_file():
            kept.unlink()
    assert ada.get(path).status_code == 404
    assert ada.get("/invoices/A1").status_code == 200


@pytest.mark.parametrize("id", ["2147483648", "9223372036854775808", "9" * 40])
def test_a_number_no_row_can_have_is_not_there(ada: Browser, invoice: Invoice, id: str) -> None:
    assert ada.get(f"/invoices/A1/files/{id}").status_code == 404
