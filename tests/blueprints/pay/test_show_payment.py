from __future__ import annotations

from collections.abc import Callable

import pytest

from models import Invoice, Payment, Refund
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.pay.conftest import path_of, pay, with_card
from tests.blueprints.pressing import row_of
from tests.blueprints.test_bytes import FRAGMENT, NEXT_PAGE, packed
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue

pytestmark = pytest.mark.usefixtures("guests_on", "provider")


@pytest.fixture
def page(visitor: Browser, invoice: Invoice) -> str:
    """A guest has pressed Pay: the path of their payment."""
    pay(visitor, path_of(invoice))
    return f"{path_of(invoice)}/payments/{Payment.get().public_id}"


def test_queued_it_is_on_its_way_and_asks_again_by_itself(visitor: Browser, page: str) -> None:
    answer = visitor.get(page)
    assert "Your payment is on its way" in answer.text
    assert f'hx-get="{page}?polls=' in answer.text
    assert 'http-equiv="refresh" content="10"' in answer.text
    assert f'action="{page}/cancellation?returned=1"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert packed(answer.text) <= NEXT_PAGE


def test_it_goes_on_to_the_providers_page(visitor: Browser, page: str, queue: Queue) -> None:
    queue.run()
    address = row_of(Payment.get()).url
    assert f"0;url={address}" in visitor.get(page).text
    partial = visitor.get(f"{page}?polls=1", htmx=True, headers={"HX-Target": "section#page"})
    assert partial.headers["HX-Redirect"] == address


def test_the_provider_sends_the_guest_back_here(
    visitor: Browser, page: str, queue: Queue, provider: RunningSandbox, clock: Clock
) -> None:
    queue.run()
    back = provider.press(row_of(Payment.get()).url)
    assert back is not None
    assert back.endswith("?returned=1")
    clock.forward(seconds=10)
    assert visitor.get(back.removeprefix(visitor.url)).status_code == 200
    queue.run()
    assert "Paid. Thank you." in visitor.get(back.removeprefix(visitor.url)).text


def test_paid_it_is_a_receipt_without_the_customer(
    visitor: Browser, cast: Cast, page: str, queue: Queue, provider: RunningSandbox, clock: Clock
) -> None:
    with_card(Payment.get(), provider, clock, queue)
    answer = visitor.get(page)
    assert "Paid. Thank you." in answer.text
    assert "€1,240.00" in answer.text
    assert "for invoice 2026-0142, 22 November 2026." in answer.text
    assert "We have mailed the receipt to g•••@nowhere.example." in answer.text
    for hidden in ("Acme", "Ada", ".pdf", "/invoices/", "Gus", "gus@", "Visa"):
        assert hidden not in answer.text


def test_it_says_when_money_went_back(
    visitor: Browser, page: str, queue: Queue, provider: RunningSandbox, clock: Clock
) -> None:
    payment = with_card(Payment.get(), provider, clock, queue)
    about = {"payment": payment, "connection": payment.connection, "currency": "EUR", "meaning": Refund.SUSPENSE}
    for n, (state, amount) in enumerate([("done", 2000), ("processing", 3000), ("failed", 4000), ("queued", 5000)]):
        names = {name: f"{name}{n}" for name in ("public_id", "secret", "key")}
        Refund.create(state=state, amount=amount, created_at=clock.now, ended_at=clock.now, **names, **about)
    text = " ".join(visitor.get(page).text.split())
    assert "€20.00 went back on 22 November 2026. Reference public_id0." in text
    assert "€30.00 is on its way back to you." in text
    assert "€40.00" not in text
    assert "€50.00" not in text


@pytest.mark.parametrize(
    ("instrument", "words"),
    [("stolen", "Not paid. No money was taken."), ("debit_waits", "Your bank takes 3 to 5 working days.")],
)
def test_it_says_first_whether_money_moved(
    visitor: Browser,
    page: str,
    queue: Queue,
    provider: RunningSandbox,
    clock: Clock,
    instrument: str,
    words: str,
) -> None:
    with_card(Payment.get(), provider, clock, queue, instrument)
    answer = visitor.get(page)
    assert words in answer.text
    assert "stolen" not in answer.text
    assert "/invoices/" not in answer.text
    if instrument == "stolen":
        assert f'<a class="button" href="{page.partition("/payments/")[0]}">Try another way to pay</a>' in answer.text


def test_the_fragment_is_small(visitor: Browser, page: str) -> None:
    partial = visitor.get(f"{page}?polls=3&seen=queued", htmx=True, headers={"HX-Target": "section#page"})
    assert "<html" not in partial.text
    assert packed(partial.text) <= FRAGMENT + 256  # the link stands in it thrice, and hardly packs


def test_another_invoices_payment_is_not_under_this_link(visitor: Browser, cast: Cast, page: str, clock: Clock) -> None:
    other = bill(cast.acme, 500, now=clock.now, number="A2")
    reference = Payment.get().public_id
    for way in ("", "/cancellation", "/repetition"):
        address = f"{path_of(other)}/payments/{reference}{way}"
        assert (visitor.post(address) if way else visitor.get(address)).status_code == 404
    assert Payment.get().state == "queued"


def test_a_customers_own_payment_of_the_same_invoice_is_not_here(
    visitor: Browser, ada: Browser, invoice: Invoice
) -> None:
    ada.post("/payments", {"invoice": "2026-0142", "method": "new", "token": "t" * 20})
    assert visitor.get(f"{path_of(invoice)}/payments/{Payment.get().public_id}").status_code == 404


@pytest.mark.parametrize("reference", ["P-0000-00", "x", "%00", "P-7K3M-92'--"])
def test_what_is_none_is_not_found(visitor: Browser, invoice: Invoice, reference: str) -> None:
    assert visitor.get(f"{path_of(invoice)}/payments/{reference}").status_code == 404


def test_a_tampered_link_shows_nothing(visitor: Browser, page: str) -> None:
    link, _, reference = page.partition("/payments/")
    assert visitor.get(f"{link[:-2]}xx/payments/{reference}").status_code == 410
    assert visitor.get(f"/payments/{reference}").status_code == 303  # the portal's page asks who it is


def test_pay_another_way_frees_what_it_held(visitor: Browser, page: str, invoice: Invoice) -> None:
    visitor.get(page)
    answer = visitor.post(f"{page}/cancellation")
    assert answer.headers["Location"] == f"{page}?returned=1"
    assert "Cancelled. Nothing was taken." in visitor.follow().text
    assert Invoice.get_by_id(invoice.id).claimed == 0


def test_trying_the_same_again_waits_until_it_is_unknown(visitor: Browser, page: str, clock: Clock) -> None:
    visitor.get(page)
    assert visitor.post(f"{page}/repetition").status_code == 409

    Payment.update(state=Payment.UNKNOWN, rank=3, unknown_since=clock.now).execute()
    clock.forward(minutes=20)
    assert "We are checking your payment" in visitor.get(page).text


def test_the_customers_people_see_that_it_was_paid_without_an_account(
    ada: Browser, page: str, invoice: Invoice
) -> None:
    answer = ada.get(f"/payments/{Payment.get().public_id}")
    assert answer.status_code == 200
    assert "without an account" in answer.text


def test_switched_off_meanwhile_it_still_says_what_became_of_it(
    visitor: Browser, page: str, save: Callable[..., None]
) -> None:
    save(allow_guest_payment=False)
    assert visitor.get(page).status_code == 200
    save(portal_enabled=False)
    assert visitor.get(page).status_code == 503
