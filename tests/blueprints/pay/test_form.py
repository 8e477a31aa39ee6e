from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from billing import links
from models import Attention, Customer, Invoice, Letter, Payment
from tests.bills import bill, books_agree
from tests.blueprints.conftest import Clock
from tests.blueprints.pay.conftest import ON_THE_FORM, hidden, pay, with_card
from tests.blueprints.pressing import row_of
from tests.blueprints.test_bytes import NEXT_PAGE, packed
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue

pytestmark = pytest.mark.usefixtures("form_on", "desk")


def test_anybody_finds_the_form(visitor: Browser) -> None:
    page = visitor.get("/pay")
    assert page.status_code == 200
    assert "<h1" in page.text
    assert ">Pay Hartwell</h1>" in page.text
    for words in ("Reference", "Amount in EUR", "At least €5.00.", "Your name", "Your e-mail address"):
        assert words in page.text
    assert '<a href="/sign-in?next=/pay">Sign in</a>' in page.text
    assert "Make me an account too" in page.text
    assert packed(page.text) <= NEXT_PAGE


def test_who_is_signed_in_need_not_type_who_they_are(ada: Browser) -> None:
    page = ada.get("/pay").text
    assert 'value="ada@acme.example"' in page
    assert 'value="Ada Acme"' in page
    assert "Make me an account too" not in page
    assert pay(ada, "/pay").status_code == 303


def test_switched_off_it_says_so_and_takes_nothing(visitor: Browser, save: Callable[..., None]) -> None:
    fields = hidden(visitor.get("/pay").text) | ON_THE_FORM
    save(allow_payment_form=False)
    page = visitor.get("/pay")
    assert page.status_code == 403
    assert "The payment form is switched off here." in page.text
    refused = visitor.post("/pay", fields)
    assert refused.status_code == 403
    assert "The payment form is switched off here. Nothing was taken." in refused.text
    assert Payment.select().count() == 0


def test_with_the_portal_off_the_form_is_off_too(visitor: Browser, save: Callable[..., None]) -> None:
    save(portal_enabled=False, allow_guest_payment=True)
    assert visitor.get("/pay").status_code == 503


def test_what_fits_an_invoice_and_what_does_not_read_the_same(
    visitor: Browser, cast: Cast, invoice: Invoice, provider: RunningSandbox, clock: Clock, queue: Queue
) -> None:
    fits = story(visitor, provider, clock, queue, reference="2026-0142", amount="1240")
    misses = story(visitor, provider, clock, queue, reference="2026-0143", amount="1241")

    assert fits == misses
    first, second = Payment.select().order_by(Payment.id)
    assert (first.group, second.group) == (cast.acme, None)
    assert (first.state, second.state, second.suspense) == ("paid", "paid", 124_100)
    assert Invoice.get_by_id(invoice.id).open == 0
    books_agree()


@pytest.mark.parametrize("instrument", ["stolen", "debit_waits"])
def test_nor_does_any_other_end_tell_them_apart(
    visitor: Browser, invoice: Invoice, provider: RunningSandbox, clock: Clock, queue: Queue, instrument: str
) -> None:
    words = {"reference": "2026-0142", "amount": "1240"}
    fits = story(visitor, provider, clock, queue, instrument=instrument, **words)
    misses = story(
        visitor, provider, clock, queue, instrument=instrument, **(words | {"reference": "2026-0143", "amount": "1241"})
    )
    assert fits == misses


def story(
    visitor: Browser,
    provider: RunningSandbox,
    clock: Clock,
    queue: Queue,
    *,
    instrument: str = "visa",
    **typed: Any,
) -> list[Any]:
    """Everything somebody reads from the form to the end and in their mail, but for what they wrote themselves."""
    answer = pay(visitor, "/pay", **typed)
    read: list[Any] = [answer.status_code]
    address = answer.headers["Location"]
    read.append(visitor.get(address).text)
    queue.run()
    payment = Payment.select().order_by(Payment.id.desc()).get()
    read.append(visitor.get(f"{address}?returned=1").text)
    with_card(payment, provider, clock, queue, instrument)
    read.append(visitor.get(address).text)
    read += [letter.kind for letter in Letter.select().where(Letter.payment == payment.id)]
    url = row_of(payment).url or ""
    for mine in (address, payment.public_id, url, *typed.values(), "1,240.00", "1,241.00"):
        read = [part.replace(mine, "…") if isinstance(part, str) else part for part in read]
    read = [re.sub(r'name="csrf_token" value="[^"]+"', "", part) if isinstance(part, str) else part for part in read]
    return [re.sub(r"\d\d:\d\d", "", part) if isinstance(part, str) else part for part in read]


def test_no_customer_is_made_by_it(visitor: Browser, invoice: Invoice) -> None:
    before = Customer.select().count()
    pay(visitor, "/pay", reference="hedge")
    assert Customer.select().count() == before


def test_its_page_has_an_address_that_nobody_else_can_make(visitor: Browser, invoice: Invoice) -> None:
    address = pay(visitor, "/pay").headers["Location"]
    payment = Payment.get()
    assert payment.public_id not in address
    for made in (
        payment.public_id,
        str(payment.id),
        address.rpartition("/")[2][:-1] + "x",
        links.sign(links.PAY, payment.id),
        links.sign(links.FORM_PAYMENT, "1"),
        links.sign(links.FORM_PAYMENT, 999),
    ):
        assert visitor.get(f"/pay/payments/{made}").status_code == 404
        assert visitor.post(f"/pay/payments/{made}/cancellation").status_code == 404
    assert Payment.get().state == "queued"


def test_a_customers_payment_has_no_such_page(ada: Browser, invoice: Invoice) -> None:
    ada.post("/payments", {"invoice": "2026-0142", "method": "new", "token": "t" * 20})
    assert ada.get(f"/pay/payments/{links.sign(links.FORM_PAYMENT, Payment.get().id)}").status_code == 404


def test_the_receipt_names_what_was_written(
    visitor: Browser, provider: RunningSandbox, clock: Clock, queue: Queue
) -> None:
    address = pay(visitor, "/pay", reference="<b>the hedge</b>").headers["Location"]
    with_card(Payment.get(), provider, clock, queue)
    page = visitor.get(address).text
    assert "Paid. Thank you." in page
    assert "for &lt;b&gt;the hedge&lt;/b&gt;, 22 November 2026." in page
    assert "We have mailed the receipt to g•••@nowhere.example." in page
    assert Letter.get(Letter.kind == "receipt").to == "gus@nowhere.example"


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"reference": ""}, "Enter what you pay for, such as the invoice&#39;s number."),
        ({"reference": "x" * 101}, "Use at most 100 characters."),
        ({"amount": ""}, "Enter the amount, such as 120.50."),
        ({"amount": "twelve"}, "Enter the amount in figures, such as 120.50."),
        ({"amount": "-5"}, "That is less than can be paid here."),
        ({"amount": "1.2.3"}, "Enter the amount in figures, such as 120.50."),
        ({"amount": "4.99"}, "That is less than can be paid here."),
        ({"amount": "999999999"}, "That is more than can be paid here."),
        ({"reference": " "}, "Enter what you pay for, such as the invoice&#39;s number."),
        ({"name": " "}, "Enter your name."),
        ({"email": "gus"}, "Enter an e-mail address such as name@example.com."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    visitor: Browser, typed: dict[str, str], words: str, htmx: bool
) -> None:
    answer = pay(visitor, "/pay", htmx=htmx, **typed)
    assert answer.status_code == 422
    assert answer.text.count(words) == 2  # in the summary and at the field
    assert "Error:" in answer.text
    for value in (ON_THE_FORM | typed).values():
        assert not value.strip() or f'value="{value}"' in answer.text, value
    assert ("<html" in answer.text) is not htmx
    assert Payment.select().count() == 0


def test_to_htmx_the_status_takes_the_forms_place(visitor: Browser) -> None:
    answer = pay(visitor, "/pay", htmx=True)
    assert answer.status_code == 200
    assert answer.headers["HX-Push-Url"].startswith("/pay/payments/")
    assert "Your payment is on its way" in answer.text
    assert "<html" not in answer.text


def test_the_same_form_sent_again_gives_the_first_answer_again(visitor: Browser) -> None:
    fields = hidden(visitor.get("/pay").text) | ON_THE_FORM
    first = visitor.post("/pay", fields)
    assert visitor.post("/pay", fields).headers["Location"] == first.headers["Location"]
    changed = visitor.post("/pay", fields | {"amount": "6"})
    assert changed.status_code == 409
    assert "We already have this payment" in changed.text
    assert f'href="{first.headers["Location"]}"' in changed.text
    assert Payment.select().count() == 1


def test_the_same_once_more_is_asked_about_first(visitor: Browser) -> None:
    pay(visitor, "/pay")
    asked = pay(visitor, "/pay")
    assert asked.status_code == 409
    assert "You paid this at 10:00. Pay again?" in asked.text
    assert Payment.get().public_id not in asked.text
    assert Payment.select().count() == 1
    assert visitor.post("/pay", hidden(asked.text) | ON_THE_FORM).status_code == 303
    assert Payment.select().count() == 2


def test_an_address_that_tried_too_often_is_told_and_loses_nothing(visitor: Browser) -> None:
    for n in range(5):
        pay(visitor, "/pay", amount=f"{n + 10}")
    answer = pay(visitor, "/pay", amount="99")
    assert answer.status_code == 429
    assert "Too many tries. Nothing was taken." in answer.text
    assert 'value="99"' in answer.text
    assert Payment.select().count() == 5


def test_one_caller_does_not_press_without_end(visitor: Browser) -> None:
    fields = hidden(visitor.get("/pay").text) | ON_THE_FORM
    for n in range(10):
        visitor.post("/pay", fields | {"email": f"g{n}@nowhere.example", "amount": "no"})
    answer = visitor.post("/pay", fields)
    assert answer.status_code == 429
    assert 'value="gus@nowhere.example"' in answer.text
    assert Payment.select().count() == 0


def test_closed_for_card_testing_it_says_so_until_staff_open_it_again(
    visitor: Browser, root: Browser, clock: Clock
) -> None:
    fields = hidden(visitor.get("/pay").text) | ON_THE_FORM
    row = Attention.create(kind="card_testing", cause="x", subject_kind="payment", subject_id=1, at=clock.now)

    for answer in (visitor.get("/pay"), visitor.post("/pay", fields)):
        assert "Paying without signing in is closed just now. Call Hartwell on 01234 567890." in " ".join(
            answer.text.split()
        )
    assert visitor.last is not None
    assert visitor.last.status_code == 403
    assert Payment.select().count() == 0

    page = root.get("/admin/attention").text
    assert "somebody seems to be trying out stolen cards" in page
    assert ">Open again<" in page
    root.post(f"/admin/attention/{row.id}")
    assert visitor.post("/pay", fields).status_code == 303


def test_pay_another_way_leads_back_to_the_form(visitor: Browser) -> None:
    address = pay(visitor, "/pay").headers["Location"]
    visitor.get(address)
    assert visitor.post(f"{address}/cancellation").headers["Location"] == f"{address}?returned=1"
    page = visitor.follow().text
    assert "Cancelled. Nothing was taken." in page
    assert 'href="/pay"' in page


def test_trying_the_same_again_waits_until_it_is_unknown(visitor: Browser) -> None:
    address = pay(visitor, "/pay").headers["Location"]
    visitor.get(address)
    assert visitor.post(f"{address}/repetition").status_code == 409


def test_the_least_is_the_merchants_to_say(visitor: Browser, save: Callable[..., None]) -> None:
    save(payment_form_minimum=2000)
    assert "At least €20.00." in visitor.get("/pay").text
    assert pay(visitor, "/pay", amount="19.99").status_code == 422
    assert pay(visitor, "/pay", amount="20").status_code == 303


def test_without_a_form_token_nothing_is_taken(visitor: Browser) -> None:
    fields = hidden(visitor.get("/pay").text) | ON_THE_FORM
    assert visitor.post("/pay", fields, token="").status_code == 400
    assert visitor.post("/pay", fields | {"token": ""}).status_code == 422
    assert Payment.select().count() == 0


def test_an_invoices_link_and_the_form_do_not_get_in_each_others_way(
    visitor: Browser, cast: Cast, clock: Clock, save: Callable[..., None]
) -> None:
    save(allow_guest_payment=True)
    invoice = bill(cast.acme, 500, now=clock.now, number="A2")
    assert "Pay invoice A2" in visitor.get(links.pay(invoice.id).removeprefix(visitor.url)).text
    assert visitor.get("/pay/payments").status_code == 410
    assert visitor.ask("DELETE", "/pay").status_code == 405
