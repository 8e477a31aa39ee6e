"""Sending an invoice from its page, and sending a failed letter again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from bs4 import BeautifulSoup

import theming
from billing import letters, links, settings
from mail.letters import LETTERS as KINDS
from models import Customer, Invoice, Letter, Membership, Person, SignIn
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


def test_it_says_where_its_reader_cannot_sign_in(root: Browser, cast: Cast, invoice: Invoice, now: datetime) -> None:
    def told(email: str) -> str:
        assert root.post(LETTERS, {"email": email, "nth": str(Letter.select().count())}).status_code == 303
        page = root.follow().text
        assert f"On its way to {email}" in page
        assert "may now sign in" not in page
        return page

    Membership.update(removed_at=now).where(Membership.person == cast.vic).execute()
    assert "was removed from this account" in told("vic@acme.example")
    Person.update(locked_at=now).where(Person.id == cast.ada.id).execute()
    assert "is locked out" in told("ada@acme.example")
    settings.save({"portal_enabled": False}, by=cast.root, now=now)
    assert "The portal is off" in told("new@acme.example")


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


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_letter_has_a_name_of_its_own(root: Browser, now: datetime, kind: str) -> None:
    """Not its code with spaces in it."""
    failed(kind, now)
    name = BeautifulSoup(root.get("/admin/health").text, "html.parser").select_one("#letters tbody th")
    assert name is not None
    source = (theming.TEMPLATES / "admin" / "_words.html").read_text()
    assert f'code == "{kind}" %}}{{{{ _("{name.get_text(strip=True)}") }}}}' in source


def test_nobody_reads_a_link_or_password_of_a_letter_on_a_page(
    root: Browser, cast: Cast, invoice: Invoice, now: datetime
) -> None:
    """Neither where it lies among the failed, nor at its person, nor among what happened."""
    row = SignIn.create(purpose=SignIn.RESET, person=cast.ada, created_at=now, link_expires_at=now + timedelta(hours=1))
    id = letters.queue(
        "reset", cause="r", to=cast.ada.email, person=cast.ada, group=cast.acme, now=now, details={"sign_in": row.id}
    )
    letters.queue(
        "temporary_password", cause="t", to=cast.ada.email, person=cast.ada, group=cast.acme, now=now,
        details={"nonce": "n0nce-of-the-password"},
    )  # fmt: skip
    Letter.update(state=Letter.FAILED, failure="550 no").execute()
    pages = ["/admin", "/admin/health", "/admin/attention", "/admin/history", "/admin/customers/C-ACME"]
    for page in (*pages, "/admin/invoices/2026-0142"):
        text = root.get(page).text
        assert "n0nce" not in text
        assert links.sign_in(row.id) not in text
        assert links.sign(links.SIGN_IN, row.id) not in text
    assert root.post(f"/admin/letters/{id}/resends").status_code == 303
    assert links.sign(links.SIGN_IN, row.id) not in root.follow().text


def failed(kind: str, now: datetime) -> None:
    Letter.create(
        kind=kind, cause="x", to="a@b.example", state="failed", failure="550 no", not_before=now, created_at=now,
        message_id="m",
    )  # fmt: skip
