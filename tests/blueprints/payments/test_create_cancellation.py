from __future__ import annotations

import pytest

from models import Connection, Invoice, Payment
from tests.bills import bill, books_agree
from tests.blueprints.conftest import Clock
from tests.blueprints.pressing import pay, row_of
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


@pytest.fixture
def payment(ada: Browser, cast: Cast, clock: Clock, provider: RunningSandbox, desk: Connection) -> Payment:
    bill(cast.acme, 124_000, now=clock.now, number="A1")
    pay(ada, "A1")
    return Payment.get()


def way(payment: Payment) -> str:
    return f"/payments/{payment.public_id}/cancellation?returned=1"


def test_what_nobody_sent_yet_is_cancelled_at_once(ada: Browser, payment: Payment, queue: Queue) -> None:
    answer = ada.post(way(payment))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/payments/{payment.public_id}?returned=1")
    page = ada.follow().text
    assert "Cancelled. Nothing was taken." in page
    assert '<a class="button" href="/payments/new?invoice=A1">Choose another way to pay</a>' in page
    assert Invoice.get().claimed == 0
    queue.run()
    assert Payment.get().state == "cancelled"


def test_an_open_page_is_closed_at_the_provider_before_its_claim_is_free(
    ada: Browser, payment: Payment, queue: Queue, provider: RunningSandbox
) -> None:
    queue.run()
    ada.post(way(payment))
    assert Invoice.get().claimed == 124_000
    queue.run()
    assert "Cancelled. Nothing was taken." in ada.follow().text
    assert Invoice.get().claimed == 0
    assert provider.press(row_of(payment).url) is None
    assert provider.captured() == {}
    books_agree()


def test_what_was_paid_meanwhile_stays_paid(
    ada: Browser, payment: Payment, queue: Queue, provider: RunningSandbox
) -> None:
    queue.run()
    provider.press(row_of(payment).url)
    ada.post(way(payment))
    queue.run()
    assert "Paid. Thank you." in ada.follow().text
    assert Payment.get().state == "paid"


def test_under_htmx_the_status_takes_its_place(ada: Browser, payment: Payment) -> None:
    answer = ada.post(way(payment), htmx=True, headers={"HX-Target": "section#page"})
    assert answer.status_code == 200
    assert answer.headers["HX-Push-Url"] == f"/payments/{payment.public_id}?returned=1"
    assert "Cancelled. Nothing was taken." in answer.text
    assert "<html" not in answer.text


def test_nobody_else_can(mallory: Browser, vic: Browser, payment: Payment) -> None:
    assert mallory.post(way(payment)).status_code == 404
    assert vic.post(way(payment)).status_code == 403
    assert Payment.get().state == "queued"


def test_it_is_never_got(ada: Browser, payment: Payment) -> None:
    assert ada.get(way(payment)).status_code == 405
