"""Sending an invoice from its page, and sending a failed letter again."""

from __future__ import annotations

from datetime import datetime, timedelta

from billing import settings
from models import Customer, Invoice, Letter, Membership
from tests.bills import bill
from tests.browser import Browser
from tests.cast import Cast

NEW, LETTERS = "/admin/invoices/2026-0142/letters/new", "/admin/invoices/2026-0142/letters"


def test_the_form_knows_the_customers_address(root: Browser, cast: Cast, invoice: Invoice) -> None:
    Customer.update(email="office@acme.example").where(Customer.id == cast.acme.customer_id).execute()
    assert 'value="office@acme.example"' in root.get(NEW).text


def test_it_is_sent_and_the_page_says_so(root: Browser, invoice: Invoice) -> None:
    root.get(NEW)
    answer = root.post(LETTERS, {"email": "new@acme.example", "name": "New", "nth": "0"})
    assert answer.status_code == 303
    assert "On its way to new@acme.example" in root.follow().text
    assert Letter.get().to == "new@acme.example"
    assert Membership.select().count() == 4


def test_a_double_press_sends_one_letter(root: Browser, invoice: Invoice) -> None:
    root.get(NEW)
    for _ in range(2):
        assert root.post(LETTERS, {"email": "new@acme.example", "nth": "0"}).status_code == 303
    assert Letter.select().count() == 1


def test_a_second_time_is_asked_about_and_then_done(root: Browser, invoice: Invoice) -> None:
    root.post(LETTERS, {"email": "ada@acme.example", "nth": "0"})
    asked = root.post(LETTERS, {"email": "ada@acme.example", "nth": "1"})
    assert asked.status_code == 409
    assert "Nothing has been sent now." in asked.text
    assert Letter.select().count() == 1
    assert root.post(LETTERS, {"email": "ada@acme.example", "nth": "1", "again": "y"}).status_code == 303
    assert Letter.select().count() == 2


def test_what_is_no_address_stays_in_the_form(root: Browser, invoice: Invoice) -> None:
    for email in ("", "not an address", "a@b"):
        answer = root.post(LETTERS, {"email": email, "name": "Somebody", "nth": "0"})
        assert answer.status_code == 422
        assert "Enter an e-mail address" in answer.text
        assert "<title>Error:" in answer.text
        assert 'value="Somebody"' in answer.text
    assert Letter.select().count() == 0


def test_htmx_gets_the_form_alone(root: Browser, invoice: Invoice) -> None:
    answer = root.post(LETTERS, {"email": "x", "nth": "0"}, htmx=True)
    assert answer.status_code == 422
    assert answer.text.lstrip().startswith('<section id="send">')


def test_while_the_portal_is_off_it_says_so(root: Browser, cast: Cast, invoice: Invoice, now: datetime) -> None:
    settings.save({"portal_enabled": False}, by=cast.root, now=now)
    page = root.get(NEW).text
    assert "The customer portal is off" in page
    assert "Send invoice 2026-0142" in page


def test_a_cancelled_or_later_dated_one_has_no_form(root: Browser, cast: Cast, invoice: Invoice, now: datetime) -> None:
    bill(cast.acme, 100, now=now, number="SOON-1", issued_on=now.date() + timedelta(days=3))
    assert "cannot be sent yet" in root.get("/admin/invoices/SOON-1/letters/new").text
    assert root.post("/admin/invoices/SOON-1/letters", {"email": "ada@acme.example"}).status_code == 422
    Invoice.update(status=Invoice.VOID).execute()
    assert "cancelled" in root.get(NEW).text
    assert Letter.select().count() == 0


def test_a_failed_letter_is_sent_again_once(root: Browser, cast: Cast, invoice: Invoice) -> None:
    root.post(LETTERS, {"email": "ada@acme.example", "nth": "0"})
    Letter.update(state="failed", failure="550 no such mailbox").execute()
    page = root.get("/admin/invoices/2026-0142").text
    assert "550 no such mailbox" in page
    for _ in range(2):
        assert root.post(f"/admin/letters/{Letter.get().id}/resends").status_code == 303
    assert Letter.get().state == "queued"
    assert Letter.select().count() == 1
    assert root.post("/admin/letters/999/resends").status_code == 404
