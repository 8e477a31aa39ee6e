from __future__ import annotations

import pytest

from models import Connection, Invoice, Payment
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.blueprints.payments.test_new import keep
from tests.blueprints.pressing import pay
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


@pytest.fixture
def payment(
    ada: Browser, cast: Cast, provider: RunningSandbox, desk: Connection, clock: Clock, queue: Queue
) -> Payment:
    """Asked for; paid as soon as the queue runs."""
    bill(cast.acme, 124_000, now=clock.now, number="A1")
    keep(cast, desk, clock, token=provider.keep("visa"))
    pay(ada, "A1")
    return Payment.get()


def test_there_is_no_receipt_before_money_moved(ada: Browser, payment: Payment) -> None:
    assert ada.get(f"/payments/{payment.public_id}.pdf").status_code == 404


def test_the_receipt_is_a_pdf_of_its_own(ada: Browser, payment: Payment, queue: Queue) -> None:
    queue.run()
    answer = ada.get(f"/payments/{payment.public_id}.pdf")
    assert answer.data.startswith(b"%PDF-")
    assert f'filename="receipt-{payment.public_id}.pdf"' in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    tag = answer.headers["ETag"]
    assert ada.get(f"/payments/{payment.public_id}.pdf", headers={"If-None-Match": tag}).status_code == 304


def test_nobody_else_gets_it(mallory: Browser, vic: Browser, visitor: Browser, payment: Payment, queue: Queue) -> None:
    queue.run()
    path = f"/payments/{payment.public_id}.pdf"
    assert mallory.get(path).status_code == 404
    assert vic.get(path).status_code == 200
    assert visitor.get(path).status_code == 303
    assert Invoice.get().open == 0
