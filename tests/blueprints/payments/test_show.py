from __future__ import annotations

import pytest

from models import Connection, Invoice, Membership, Payment
from tests.bills import bill, books_agree
from tests.blueprints.conftest import Clock
from tests.blueprints.payments.test_new import keep
from tests.blueprints.pressing import pay, row_of
from tests.browser import Browser
from tests.cast import Cast, make_group
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue

FRAGMENT = {"HX-Target": "section#page"}


@pytest.fixture
def invoice(cast: Cast, clock: Clock, desk: Connection) -> Invoice:
    return bill(cast.acme, 124_000, now=clock.now, number="A1")


@pytest.fixture
def opened(ada: Browser, invoice: Invoice, provider: RunningSandbox, queue: Queue) -> Payment:
    """A payment whose page at the provider is open."""
    pay(ada, "A1")
    queue.run()
    return Payment.get()


def come_back(browser: Browser, payment: Payment, queue: Queue) -> str:
    """Return from the provider's page, and look again once the job has run."""
    path = f"/payments/{payment.public_id}?returned=1"
    browser.get(path)
    queue.run()
    return browser.get(path).text


def test_while_it_is_sent_the_page_says_so_and_asks_again_by_itself(ada: Browser, invoice: Invoice) -> None:
    pay(ada, "A1")
    page = ada.follow().text
    reference = Payment.get().public_id
    assert "Your payment is on its way" in page
    assert "No money was taken so far." in page
    assert reference in page
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in page
    assert f'hx-get="/payments/{reference}?polls=1&amp;seen=queued" hx-trigger="every 2s"' in page
    assert "Check again" in page
    assert "Pay another way" in page


def test_who_saves_data_has_no_script_and_is_refreshed_all_the_same(ada: Browser, invoice: Invoice) -> None:
    pay(ada, "A1")
    page = ada.get(f"/payments/{Payment.get().public_id}", headers={"Save-Data": "on"}).text
    assert '<meta http-equiv="refresh" content="10">' in page
    assert "<noscript>" not in page


def test_asking_slows_down_and_then_waits_for_the_customer(ada: Browser, invoice: Invoice) -> None:
    pay(ada, "A1")
    path = f"/payments/{Payment.get().public_id}"
    paces = {n: ada.get(f"{path}?polls={n}&seen=queued", htmx=True, headers=FRAGMENT).text for n in (1, 9, 10, 13, 14)}
    assert 'hx-trigger="every 2s"' in paces[1]
    assert 'hx-trigger="every 2s"' in paces[9]
    assert 'hx-trigger="every 10s"' in paces[10]
    assert 'hx-trigger="every 10s"' in paces[13]
    assert "hx-trigger" not in paces[14]
    assert "Check again" in paces[14]
    assert ada.get(f"{path}?polls=-5&seen=%00").status_code == 200


def test_the_provider_page_is_linked_and_opened_at_once(ada: Browser, opened: Payment) -> None:
    page = ada.get(f"/payments/{opened.public_id}").text
    step = row_of(opened).url
    assert f'<meta http-equiv="refresh" content="0;url={step}">' in page
    assert f'<a class="button" id="go-on" href="{step}">Go on to pay €1,240.00</a>' in page


def test_htmx_is_sent_to_the_provider_page_whole(ada: Browser, opened: Payment) -> None:
    answer = ada.get(f"/payments/{opened.public_id}?polls=1&seen=queued", htmx=True, headers=FRAGMENT)
    assert answer.headers["HX-Redirect"] == row_of(opened).url


def test_coming_back_proves_nothing_but_asks_the_provider(
    ada: Browser, opened: Payment, queue: Queue, provider: RunningSandbox
) -> None:
    page = come_back(ada, opened, queue)
    assert "Not paid yet. No money was taken." in page
    assert "Go on to pay €1,240.00" in page
    assert "Pay another way" in page
    assert "http-equiv" not in page.replace('<noscript><meta http-equiv="refresh" content="10"></noscript>', "")
    assert provider.captured() == {}


def test_paid_the_page_is_the_receipt(ada: Browser, opened: Payment, queue: Queue, provider: RunningSandbox) -> None:
    provider.press(row_of(opened).url)
    page = come_back(ada, opened, queue)
    assert "Paid. Thank you." in page
    assert '<p class="sum">€1,240.00</p>' in page
    told = " ".join(page.split('<p class="sum">')[1].split("</p>")[1].split())
    assert told.removeprefix("<p>") == (
        f"for invoice A1, 22 November 2026. Reference {opened.public_id}. "
        "We have mailed the receipt to a•••@acme.example."
    )
    assert "<title>Paid. Thank you. · Hartwell</title>" in page
    assert f"<bdi>{opened.public_id}</bdi>" in page
    assert f'<a class="button quiet" href="/payments/{opened.public_id}.pdf" download>Receipt (PDF, ' in page
    assert "hx-trigger" not in page
    assert "http-equiv" not in page
    books_agree()


def test_declined_it_says_first_that_no_money_moved(
    ada: Browser, opened: Payment, queue: Queue, provider: RunningSandbox
) -> None:
    provider.press(row_of(opened).url, instrument="no_funds")
    page = come_back(ada, opened, queue)
    assert ">Not paid. No money was taken.</h1>" in page
    assert "there was not enough money" in page
    assert '<a class="button" href="/payments/new?invoice=A1&method=new">Try another way to pay</a>' in page.replace(
        "&amp;", "&"
    )


def test_a_reason_the_payer_may_not_read_is_not_shown(
    ada: Browser, cast: Cast, invoice: Invoice, provider: RunningSandbox, desk: Connection, clock: Clock, queue: Queue
) -> None:
    keep(cast, desk, clock, token=provider.keep("stolen"))
    pay(ada, "A1")
    queue.run()
    page = ada.follow().text
    assert "The card company refused Visa ending 4242. They do not tell us more; they will tell you." in page
    assert "stolen" not in page.lower()
    assert "fraud" not in page.lower()
    assert "again</a>" not in page  # hard: the same card is not offered


def test_a_soft_refusal_of_a_stored_card_offers_it_again(
    ada: Browser, cast: Cast, invoice: Invoice, provider: RunningSandbox, desk: Connection, clock: Clock, queue: Queue
) -> None:
    keep(cast, desk, clock, token=provider.keep("no_funds"))
    pay(ada, "A1")
    queue.run()
    page = ada.follow().text.replace("&amp;", "&")
    assert '<a class="button quiet" href="/payments/new?invoice=A1&method=M-1">Try this card again</a>' in page


def test_a_bank_debit_is_on_its_way_for_days_and_asks_for_nothing(
    ada: Browser, opened: Payment, queue: Queue, provider: RunningSandbox
) -> None:
    provider.press(row_of(opened).url, instrument="debit_waits")
    page = come_back(ada, opened, queue)
    assert ">On its way</h1>" in page
    assert "Your bank takes 3 to 5 working days" in page
    assert "hx-trigger" not in page
    assert "http-equiv" not in page


def test_an_outcome_nobody_knows_is_told_after_two_minutes(
    ada: Browser, cast: Cast, invoice: Invoice, provider: RunningSandbox, desk: Connection, clock: Clock, queue: Queue
) -> None:
    keep(cast, desk, clock, token=provider.keep("visa"))
    provider.set(drop_after=1, search_lag_ms=7_200_000)
    pay(ada, "A1")
    queue.run()
    payment = Payment.get()
    assert payment.state == "unknown"
    assert "Your payment is on its way" in ada.follow().text
    clock.forward(minutes=3)
    page = ada.get(f"/payments/{payment.public_id}").text
    assert ">We are checking your payment</h1>" in page
    assert "Do not pay again." in page
    assert payment.public_id in page
    assert "you cannot be charged twice" not in page
    clock.forward(minutes=15)
    assert "Try the same payment again; you cannot be charged twice" in ada.get(f"/payments/{payment.public_id}").text


def test_only_a_change_is_said_aloud(ada: Browser, opened: Payment, queue: Queue, provider: RunningSandbox) -> None:
    provider.press(row_of(opened).url)
    come_back(ada, opened, queue)
    path = f"/payments/{opened.public_id}?polls=3&seen="
    changed = ada.get(path + "sending", htmx=True, headers=FRAGMENT).text
    assert '<hx-partial hx-target="#live" hx-swap="innerHTML">Paid. Thank you.</hx-partial>' in changed
    assert "<hx-partial" not in ada.get(path + "paid", htmx=True, headers=FRAGMENT).text


def test_a_viewer_sees_the_payment_and_no_way_to_act(vic: Browser, opened: Payment) -> None:
    page = vic.get(f"/payments/{opened.public_id}").text
    assert "It waits for Ada Acme" in page
    assert "http-equiv" not in page.replace('<noscript><meta http-equiv="refresh" content="10"></noscript>', "")
    assert "Go on to pay" not in page
    assert "Pay another way" not in page


def test_mallory_and_strangers_see_nothing(mallory: Browser, visitor: Browser, opened: Payment) -> None:
    path = f"/payments/{opened.public_id}"
    assert mallory.get(path).status_code == 404
    assert mallory.get("/payments/P-0000-00").status_code == 404
    assert mallory.get("/payments/a%00b").status_code == 404
    assert visitor.get(path).headers["Location"] == f"/sign-in?next=%2Fpayments%2F{opened.public_id}"


def test_a_payment_of_ones_other_company_switches_to_it(
    ada: Browser, cast: Cast, clock: Clock, desk: Connection
) -> None:
    other = make_group("Zweite GmbH", "C-TWO", clock.now)
    Membership.create(person=cast.ada, group=other, role="pay", created_at=clock.now)
    bill(other, 5000, now=clock.now, number="Z1")
    pay(ada, "Z1")
    ada.get("/invoices")
    ada.post("/account/company", {"group": cast.acme.public_id})
    assert "You are now looking at Zweite GmbH." in ada.get(f"/payments/{Payment.get().public_id}").text


def test_only_reading_is_possible_here(ada: Browser, opened: Payment) -> None:
    assert ada.post(f"/payments/{opened.public_id}").status_code == 405
