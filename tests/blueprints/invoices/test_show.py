from __future__ import annotations

from datetime import timedelta

import pytest

from billing import history, settings
from models import Connection, Invoice, Membership, Payment
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.payments.test_new import keep
from tests.blueprints.pressing import drawn, pay, row_of
from tests.browser import Browser
from tests.cast import Cast, make_group
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


@pytest.fixture
def invoice(cast: Cast, clock: Clock, desk: Connection) -> Invoice:
    day = clock.now.date()
    return bill(cast.acme, 124_000, now=clock.now, number="2026-0142", issued_on=day, due_on=day + timedelta(14))


def test_a_stranger_signs_in_first_and_comes_back(visitor: Browser, invoice: Invoice) -> None:
    assert visitor.get("/invoices/2026-0142").headers["Location"] == "/sign-in?next=%2Finvoices%2F2026-0142"


def test_the_page_says_how_much_by_when_and_pays_it(ada: Browser, invoice: Invoice) -> None:
    page = ada.get("/invoices/2026-0142").text
    assert "Invoice 2026-0142 · 22 November 2026" in page
    assert "<h1>To pay by 6 December</h1>" in page
    assert '<p class="sum">€1,240.00</p>' in page
    assert '<button type="submit" id="press">Pay €1,240.00</button>' in page
    assert page.count("Pay €1,240.00") == 1
    assert "/payments/new" not in page
    assert page.count('class="button"') == 0


def test_it_is_paid_where_it_stands_by_the_default_and_a_second_press_is_the_same_payment(
    ada: Browser, invoice: Invoice, cast: Cast, clock: Clock, desk: Connection
) -> None:
    keep(cast, desk, clock)
    keep(cast, desk, clock, public_id="M-2", token="tok-2", last4="1111", is_default=False)
    page = ada.get("/invoices/2026-0142").text
    fields = drawn(page)
    assert fields["method"] == "M-1"
    assert page.index('<p class="sum">') < page.index('id="pay"') < page.index("Hedge cutting")
    for _ in range(2):
        answer = ada.post("/payments", fields)
        assert answer.headers["Location"] == f"/payments/{Payment.get().public_id}"
    payment = Payment.get()
    assert (Payment.select().count(), payment.amount, payment.method.public_id) == (1, 124_000, "M-1")


def test_each_look_at_it_draws_a_token_of_its_own(ada: Browser, invoice: Invoice) -> None:
    first, second = (drawn(ada.get("/invoices/2026-0142").text)["token"] for _ in range(2))
    assert first != second


def test_by_htmx_the_panel_turns_into_the_status(ada: Browser, invoice: Invoice) -> None:
    page = ada.get("/invoices/2026-0142").text
    assert 'hx-target="#page"' in page
    assert 'class="sheet" id="page"' in page
    answer = ada.post("/payments", drawn(page), htmx=True, headers={"HX-Target": "article#page"})
    assert answer.status_code == 200
    assert answer.headers["HX-Push-Url"] == f"/payments/{Payment.get().public_id}"
    assert '<section class="sheet" id="page"' in answer.text


def test_what_is_wrong_is_said_on_the_review_with_the_same_invoice(ada: Browser, invoice: Invoice) -> None:
    fields = drawn(ada.get("/invoices/2026-0142").text) | {"method": "M-NONE"}
    answer = ada.post("/payments", fields)
    assert answer.status_code == 422
    assert 'name="invoice" value="2026-0142"' in answer.text
    assert Payment.select().count() == 0


def test_the_page_says_what_it_is_for(ada: Browser, invoice: Invoice) -> None:
    page = ada.get("/invoices/2026-0142").text
    assert "Hedge cutting" in page
    assert "VAT 20 %" in page
    assert "206.66" in page
    assert '<tr class="total"><th scope="row">Total</th><td class="num">€1,240.00</td></tr>' in page


def test_what_was_prepaid_is_taken_off_before_the_amount_due(ada: Browser, cast: Cast, clock: Clock) -> None:
    bill(cast.acme, 10_000, now=clock.now, number="PRE", prepaid=4000)
    page = ada.get("/invoices/PRE").text
    assert "Already paid</th>" in page
    assert "-40.00" in page
    assert "Amount due</th>" in page
    assert "€60.00" in page
    assert "Part paid" in page


def test_the_pdf_is_linked_with_its_size(ada: Browser, invoice: Invoice) -> None:
    page = ada.get("/invoices/2026-0142").text
    size = round(len(ada.get("/invoices/2026-0142.pdf").data) / 1000)
    assert f'<a href="/invoices/2026-0142.pdf" download>PDF ({size}\u00a0KB)</a>' in page


def test_looking_at_it_is_noted_once(ada: Browser, invoice: Invoice, clock: Clock) -> None:
    ada.get("/invoices/2026-0142")
    first = Invoice.get_by_id(invoice.id).viewed_at
    clock.forward(hours=1)
    ada.get("/invoices/2026-0142")
    assert first is not None
    assert Invoice.get_by_id(invoice.id).viewed_at == first


@pytest.mark.parametrize("number", ["2026-0142", "NOWHERE", "a%00b", "..", "%F0%9F%92%B6", "x" * 2000])
def test_what_is_not_mallorys_does_not_exist(mallory: Browser, invoice: Invoice, number: str) -> None:
    assert mallory.get(f"/invoices/{number}").status_code == 404
    assert Invoice.get_by_id(invoice.id).viewed_at is None


def test_an_invoice_dated_after_today_does_not_exist_yet(ada: Browser, cast: Cast, clock: Clock) -> None:
    bill(cast.acme, 100, now=clock.now, number="NEXT", issued_on=clock.now.date() + timedelta(1))
    for path in ("/invoices/NEXT", "/invoices/NEXT.pdf", "/invoices/NEXT/files/1", "/payments/new?invoice=NEXT"):
        assert ada.get(path).status_code == 404


def test_a_viewer_sees_all_but_the_button_and_whom_to_call(vic: Browser, invoice: Invoice) -> None:
    page = vic.get("/invoices/2026-0142").text
    assert "Hedge cutting" in page
    assert "Pay €" not in page
    assert "You may look at this account, but not pay for it." in page
    assert "Call Hartwell on 01234 567890." in page


def test_with_paying_switched_off_the_page_says_whom_to_call(ada: Browser, invoice: Invoice, clock: Clock) -> None:
    settings.save({"allow_pay": False}, by=history.COMMAND, now=clock.now)
    page = ada.get("/invoices/2026-0142").text
    assert "Pay €" not in page
    assert "Hartwell does not take payments here." in page


def test_with_nobody_to_take_the_money_there_is_no_button_that_fails(ada: Browser, cast: Cast, clock: Clock) -> None:
    bill(cast.acme, 100, now=clock.now, number="A1")
    page = ada.get("/invoices/A1").text
    assert "Pay €" not in page
    assert "Payments cannot be taken here just now." in page


def test_what_a_debit_takes_asks_for_nothing(ada: Browser, cast: Cast, clock: Clock, desk: Connection) -> None:
    bill(cast.acme, 999, now=clock.now, number="ITSELF", pays_itself=True)
    page = ada.get("/invoices/ITSELF").text
    assert "there is nothing to do here" in page
    assert "Pay €" not in page


def test_an_invoice_of_ones_other_company_switches_to_it_and_says_so(ada: Browser, cast: Cast, clock: Clock) -> None:
    other = make_group("Zweite GmbH", "C-TWO", clock.now)
    Membership.create(person=cast.ada, group=other, role="pay", created_at=clock.now)
    bill(other, 5000, now=clock.now, number="ZWEI")
    assert '<p class="soft" id="company">Acme Ltd' in ada.get("/").text
    page = ada.get("/invoices/ZWEI").text
    assert "You are now looking at Zweite GmbH." in page
    assert '<p class="soft" id="company">Zweite GmbH' in ada.get("/").text


def test_a_payment_under_way_stands_in_the_place_of_pay(ada: Browser, invoice: Invoice, queue: Queue) -> None:
    pay(ada, "2026-0142")
    reference = Payment.get().public_id
    page = ada.get("/invoices/2026-0142").text
    assert "Pay €" not in page
    assert "Payment on its way" in page
    assert f'<a href="/payments/{reference}?returned=1">See payment {reference}</a>' in page


def test_paid_the_receipt_takes_the_place_of_pay(
    ada: Browser, invoice: Invoice, provider: RunningSandbox, queue: Queue
) -> None:
    pay(ada, "2026-0142")
    queue.run()
    payment = Payment.get()
    provider.press(row_of(payment).url)
    ada.get(f"/payments/{payment.public_id}?returned=1")
    queue.run()
    page = ada.get("/invoices/2026-0142").text
    assert "<h1>Paid on 22 November</h1>" in page
    assert f'<a class="button" href="/payments/{payment.public_id}">Receipt</a>' in page
    assert "Payments so far" in page
    assert "Still to pay</th>" in page
    assert "Pay €" not in page


def test_the_page_is_only_read(ada: Browser, invoice: Invoice) -> None:
    assert ada.ask("POST", "/invoices/2026-0142").status_code in (400, 405)
    assert ada.ask("DELETE", "/invoices/2026-0142").status_code in (400, 405)
