"""The process dies before any one statement of the road, one after the other: each time the payment ends well."""

from __future__ import annotations

from typing import Any

import pytest

import database
from billing import doctor, ledger, payments
from models import Attempt, Invoice, Payment, PaymentMethod
from money import Money
from tests.billing.payments.conftest import Road
from tests.bills import bill, books_agree
from tests.conftest import ENGINE

STEP = 3 if ENGINE == "postgresql" else 1  # each statement costs PostgreSQL a wait of its own


class Killed(BaseException):
    """As kill -9: nothing of ours catches it, and what was open is rolled back."""


class Bomb:
    """Goes off before the nth statement."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        real = database.db.obj.execute_sql

        def execute(*args: Any, **more: Any) -> Any:
            if self.left == 0:
                self.left = -1
                raise Killed
            self.left -= 1
            return real(*args, **more)

        monkeypatch.setattr(database.db.obj, "execute_sql", execute)


@pytest.mark.parametrize("instrument", ["visa", "no_funds", "debit", "page"])
def test_killed_before_any_statement_it_is_charged_once_or_not_at_all(
    road: Road, monkeypatch: pytest.MonkeyPatch, instrument: str
) -> None:
    bomb, method, at = Bomb(monkeypatch), None if instrument == "page" else road.store(instrument), 0
    while True:
        PaymentMethod.update(refused_at=None).execute()
        invoice = bill(road.cast.acme, 5000, now=road.clock.now)
        form = {"method": method, "token": f"form {at}", "amount": Money(5000, "EUR"), "again": True}
        form["keep"] = method is None
        bomb.left = at
        try:
            payment = _go_through(road, invoice, form)
        except Killed:
            database.close()
            database.connect()
            road.queue.jobs.clear()  # the nudge died with it
            payment = _recovered(road, invoice, form)
        else:
            bomb.left = -1
            assert at > 20, "the bomb never went off"
            break
        _judge(road, invoice, payment, declines=instrument == "no_funds")
        at += STEP
    books_agree()
    assert ledger.wrong_payments() == []
    assert doctor.wrong_documents() == []


def _go_through(road: Road, invoice: Invoice, form: dict[str, Any]) -> Payment:
    payment = road.work(road.press(invoice, **form))
    if payment.state == Payment.NEEDS_CUSTOMER:
        road.provider.press(road.attempt(payment).url, "pay", "visa")
        payments.look_up_later(payment, now=road.clock.now)
        payment = road.work(payment)
    if payment.state == Payment.PROCESSING:
        road.provider.settle(road.attempt(payment).theirs)
        payment = road.tick(payment, hours=2)
    return payment


def _recovered(road: Road, invoice: Invoice, form: dict[str, Any]) -> Payment:
    """The customer sends the form again, the clock ticks."""
    payment = road.press(invoice, **form)
    for seconds in (10, 10, 45, 31, 121):
        payment = road.tick(payment, seconds=seconds)
        if payment.state == Payment.NEEDS_CUSTOMER:
            road.provider.press(Attempt.get(Attempt.payment == payment.id).url, "pay", "visa")
            road.clock.pass_by(seconds=10)
            payments.look_up_later(payment, now=road.clock.now)
            payment = road.work(payment)
        if payment.state == Payment.PROCESSING:
            road.provider.settle(Attempt.get(Attempt.payment == payment.id).theirs)
            payment = road.tick(payment, hours=2)
    payments.keep_methods(road.clock.now)
    return road.work(payment)


def _judge(road: Road, invoice: Invoice, payment: Payment, *, declines: bool) -> None:
    fresh = Invoice.get_by_id(invoice.id)
    assert Payment.select().where(Payment.form_token == payment.form_token).count() == 1
    if declines:
        assert (payment.state, fresh.open, fresh.claimed) == (Payment.DECLINED, 5000, 0)
        assert payment.secret not in road.provider.captured()
    else:
        assert (payment.state, fresh.open, fresh.claimed) == (Payment.PAID, 0, 0)
        assert road.provider.captured()[payment.secret] == 1
    if payment.keep_method:
        assert PaymentMethod.select().where(PaymentMethod.public_id == f"M-{payment.public_id[2:]}").count() == 1
