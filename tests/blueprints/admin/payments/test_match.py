"""Matching: what the payer's words point at, a search, one button; once, however many tabs."""

from __future__ import annotations

from datetime import datetime

from models import Allocation, Attention, BillingGroup, Invoice, Payment
from tests.bills import bill, books_agree
from tests.blueprints.admin.payments.conftest import MakeWaiting
from tests.browser import Browser
from tests.cast import Cast, make_group

MATCH = "/admin/payments/P-WAIT-01/match"


def test_the_page_suggests_by_reference_amount_and_address(
    root: Browser, cast: Cast, make_waiting: MakeWaiting, now: datetime
) -> None:
    bill(cast.acme, 9900, now=now, number="2026-0142")
    bill(cast.globex, 5000, now=now, number="G-1")
    bill(cast.globex, 777, now=now, number="G-2")
    make_waiting(reference="Invoice 2026-0142", guest_email="ada@acme.example")
    page = root.get(MATCH).text
    assert "Whose are these €50.00?" in page
    assert page.index("Invoice 2026-0142</a>") < page.index("Invoice G-1</a>")
    assert "They named it." in page
    assert "Exactly what is open." in page
    assert "G-2" not in page
    assert "Customers with this e-mail" in page
    assert "All of it becomes their credit." in page


def test_a_search_finds_others_and_htmx_gets_the_candidates_alone(
    root: Browser, cast: Cast, waiting: Payment, now: datetime
) -> None:
    bill(cast.globex, 3000, now=now, number="G-2")
    page = root.get(f"{MATCH}?q=Globex").text
    assert "€30.00 go to it, €20.00 become credit." in page
    assert "<h1>" in page
    part = root.get(f"{MATCH}?q=Globex", htmx=True, headers={"HX-Target": "div#candidates"}).text
    assert "<h1>" not in part
    assert '<div id="candidates">' in part
    assert "No open invoice and no customer with “nobody”" in root.get(f"{MATCH}?q=nobody").text


def test_matched_to_an_invoice_it_pays_that(root: Browser, cast: Cast, waiting: Payment, now: datetime) -> None:
    bill(cast.acme, 3000, now=now, number="2026-0142")
    assert root.post(MATCH, {"invoice": "2026-0142"}).status_code == 303
    payment = Payment.get()
    assert (payment.group, payment.suspense) == (cast.acme, 0)
    assert Invoice.get().open == 0
    assert BillingGroup.get_by_id(cast.acme.id).credit == 2000
    page = root.follow().text
    assert "Matched. It is a payment of Acme Ltd now." in page
    assert "Not matched yet" not in page
    assert Attention.get().settled_by == cast.root.id
    assert "Root" in root.get("/admin/attention?show=done").text
    books_agree()


def test_the_customer_sees_it_from_then_on(
    root: Browser, ada: Browser, cast: Cast, waiting: Payment, now: datetime
) -> None:
    invoice = bill(cast.acme, 5000, now=now, number="2026-0142")
    root.post(MATCH, {"invoice": invoice.address})
    assert "P-WAIT-01" in ada.get("/payments").text
    assert ada.get("/payments/P-WAIT-01").status_code == 200
    assert ada.get("/payments/P-WAIT-01.pdf").status_code == 200
    assert "P-WAIT-01" in ada.get("/invoices/2026-0142").text
    assert "P-WAIT-01" in root.get("/admin/invoices/2026-0142").text


def test_kept_as_a_customers_credit(root: Browser, cast: Cast, waiting: Payment) -> None:
    assert root.post(MATCH, {"account": cast.globex.public_id}).status_code == 303
    assert BillingGroup.get_by_id(cast.globex.id).credit == 5000
    assert "Deposit" in root.get("/admin/payments").text
    books_agree()


def test_the_second_of_two_tabs_is_told(root: Browser, cast: Cast, waiting: Payment, now: datetime) -> None:
    bill(cast.acme, 5000, now=now, number="2026-0142")
    root.post(MATCH, {"invoice": "2026-0142"})
    answer = root.post(MATCH, {"account": cast.globex.public_id})
    assert answer.status_code == 409
    assert "matched already, to Acme Ltd" in answer.text
    assert root.get(MATCH).status_code == 409
    assert Allocation.select().count() == 1
    books_agree()


def test_what_cannot_take_it_is_refused(root: Browser, cast: Cast, waiting: Payment, now: datetime) -> None:
    dollars = make_group("Dollar Inc", "C-DOLLAR", now, "USD")
    bill(dollars, 5000, now=now, number="USD-1")
    bill(cast.acme, 5000, now=now, number="HELD-1")
    Invoice.update(claimed=5000).where(Invoice.number == "HELD-1").execute()
    for fields in ({"invoice": "USD-1"}, {"account": dollars.public_id}, {"invoice": "nothing"}, {"invoice": "HELD-1"}):
        assert root.post(MATCH, fields).status_code == 409, fields
    for fields in ({}, {"invoice": "HELD-1", "account": cast.acme.public_id}):
        assert root.post(MATCH, fields).status_code == 400
    assert Payment.get().suspense == 5000
    Invoice.update(claimed=0).execute()
    books_agree()


def test_only_staff_match(visitor: Browser, ada: Browser, cast: Cast, waiting: Payment) -> None:
    for browser in (visitor, ada):
        assert browser.get(MATCH).status_code in (303, 404)
        assert browser.post(MATCH, {"account": cast.acme.public_id}, token="none").status_code in (303, 400, 403, 404)
    assert Payment.get().suspense == 5000


def test_what_is_not_there_is_404(root: Browser, waiting: Payment) -> None:
    assert root.get("/admin/payments/P-NONE-01/match").status_code == 404
    assert root.post("/admin/payments/P-NONE-01/match", {"account": "x"}).status_code == 404
