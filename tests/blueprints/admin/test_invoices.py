"""The merchant's invoices: all of them, also those customers do not see yet, with what stands behind each."""

from __future__ import annotations

from datetime import datetime, timedelta

from models import Invoice
from tests.bills import bill
from tests.blueprints.admin.conftest import MakePayment
from tests.browser import Browser
from tests.cast import Cast


def test_the_list_shows_everybodys(root: Browser, cast: Cast, invoice: Invoice, now: datetime) -> None:
    bill(cast.globex, 100, now=now, number="G-1")
    page = root.get("/admin/invoices").text
    assert "2026-0142" in page
    assert "G-1" in page
    assert "Globex GmbH" in page


def test_one_customers_are_shown_alone(root: Browser, cast: Cast, invoice: Invoice, now: datetime) -> None:
    bill(cast.globex, 100, now=now, number="G-1")
    page = root.get("/admin/invoices?customer=C-ACME").text
    assert "2026-0142" in page
    assert "G-1" not in page


def test_filters_and_search(
    root: Browser, cast: Cast, invoice: Invoice, now: datetime, make_payment: MakePayment
) -> None:
    make_payment(bill(cast.acme, 100, now=now, number="PAID-1"))
    assert "PAID-1" not in root.get("/admin/invoices?show=to-pay").text
    assert "2026-0142" not in root.get("/admin/invoices?show=paid").text
    assert "2026-0142" in root.get("/admin/invoices?q=0142").text
    assert "2026-0142" in root.get("/admin/invoices?q=1240.00").text
    assert "No invoice with “4711”." in root.get("/admin/invoices?q=4711").text


def test_htmx_gets_the_list_alone(root: Browser, invoice: Invoice) -> None:
    answer = root.get("/admin/invoices", htmx=True, headers={"HX-Target": "div#invoices"})
    assert "<h1>" not in answer.text
    assert "2026-0142" in answer.text


def test_a_page_shows_what_stands_behind_it(
    root: Browser, invoice: Invoice, make_payment: MakePayment, now: datetime
) -> None:
    make_payment(invoice, "processing")
    page = root.get("/admin/invoices/2026-0142").text
    for text in ("Acme Ltd", "€1,240.00", "Hedge cutting", "P-TEST-01", "On its way", "No letter has been sent"):
        assert text in page


def test_the_merchant_sees_what_customers_do_not_see_yet(root: Browser, cast: Cast, now: datetime) -> None:
    bill(cast.acme, 100, now=now, number="SOON-1", issued_on=now.date() + timedelta(days=9))
    assert "SOON-1" in root.get("/admin/invoices").text
    page = root.get("/admin/invoices/SOON-1").text
    assert "Customers do not see it before 1 December 2026." in page
    assert "/letters/new" not in page


def test_looking_at_it_does_not_count_as_seen_by_the_customer(root: Browser, invoice: Invoice) -> None:
    root.get("/admin/invoices/2026-0142")
    assert Invoice.get().viewed_at is None


def test_its_pdf(root: Browser, invoice: Invoice) -> None:
    answer = root.get("/admin/invoices/2026-0142.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_file_that_is_not_its_own_is_404(root: Browser, invoice: Invoice) -> None:
    assert root.get("/admin/invoices/2026-0142/files/1").status_code == 404
    assert root.get("/admin/invoices/2026-0142/files/99999999999").status_code == 404
