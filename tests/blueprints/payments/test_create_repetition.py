from __future__ import annotations

import pytest

from models import Connection, Payment
from tests.bills import bill, books_agree
from tests.blueprints.conftest import Clock
from tests.blueprints.payments.test_new import keep
from tests.blueprints.pressing import pay
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


@pytest.fixture
def payment(
    ada: Browser, cast: Cast, clock: Clock, provider: RunningSandbox, desk: Connection, queue: Queue
) -> Payment:
    """One whose answer was lost: it was charged, and we do not know."""
    bill(cast.acme, 124_000, now=clock.now, number="A1")
    keep(cast, desk, clock, token=provider.keep("visa"))
    provider.set(drop_after=1, search_lag_ms=7_200_000)
    pay(ada, "A1")
    queue.run()
    return Payment.get()


def way(payment: Payment) -> str:
    return f"/payments/{payment.public_id}/repetition?returned=1"


def test_the_same_payment_again_is_charged_once(
    ada: Browser, payment: Payment, clock: Clock, provider: RunningSandbox, queue: Queue
) -> None:
    clock.forward(minutes=16)
    answer = ada.post(way(payment))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/payments/{payment.public_id}")
    queue.run()
    assert "Paid. Thank you." in ada.follow().text
    assert list(provider.captured().values()) == [1]
    books_agree()


def test_too_early_it_is_refused(ada: Browser, payment: Payment) -> None:
    assert ada.post(way(payment)).status_code == 409
    assert Payment.get().again_asked_at is None


def test_nobody_else_can(mallory: Browser, vic: Browser, payment: Payment, clock: Clock) -> None:
    clock.forward(minutes=16)
    assert mallory.post(way(payment)).status_code == 404
    assert vic.post(way(payment)).status_code == 403
    assert Payment.get().again_asked_at is None
