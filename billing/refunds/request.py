"""The first step of a refund: claim what goes back and record it in one transaction, then enqueue."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from billing import attention, connections, dates, history, ledger, settings, suspense
from billing.errors import Refusal
from billing.payments.request import new_reference
from billing.refunds.calling import key_of
from database import retried, transaction
from gateways.contract import MethodKind
from models import Attempt, Payment, Refund, Staff
from workers import queue

# What must be there for each meaning, beside `refundable`. Others join here and in ledger._lies_in.
THERE: dict[str, Callable[[int], tuple[Any, ...]]] = {
    Refund.SUSPENSE: lambda amount: (Payment.group.is_null(), Payment.suspense == amount),  # whole, or not at all
}


class NotRefundable(Refusal):
    """gone: it is not there (any more); no_reference: nothing names it at the provider; not_offered: they cannot."""

    code = "gone"


def request(
    payment: Payment, amount: int, meaning: str = Refund.SUSPENSE, *, by: Staff | history.Actor, now: datetime
) -> Refund:
    """Staff send money back: claim it, book it as due, record the refund, nudge the worker.

    `amount` in minor units of the payment's currency; `meaning` says what it means for what is owed (money.md section
    6). Raises NotRefundable.
    """
    refund = _claim_and_record(payment, amount, meaning, by, now)
    queue.enqueue("workers.refunds.send", refund.id)
    return refund


def hindrance(payment: Payment) -> str:
    """Why money of a payment cannot be sent back from here: "no_reference", "not_offered"; empty where it can."""
    if not _reference(payment):
        return "no_reference"
    kind = MethodKind(payment.method.kind) if payment.method_id else MethodKind.CARD
    try:
        able = connections.gateway(payment.connection).capabilities().of(kind, payment.currency)
    except connections.NoGateway:
        return ""  # away just now: the refund waits for it
    return "" if able is not None and able.refund else "not_offered"


@retried
def _claim_and_record(payment: Payment, amount: int, meaning: str, by: Staff | history.Actor, now: datetime) -> Refund:
    today = dates.day(now, settings.load().timezone)
    with transaction():
        claimed = (
            Payment.update(refundable=Payment.refundable - amount)
            .where(
                Payment.id == payment.id,
                Payment.state == Payment.PAID,
                Payment.refundable >= amount,
                *THERE[meaning](amount),
            )
            .execute()
        )
        if claimed != 1 or amount <= 0:
            raise NotRefundable("gone")
        payment = Payment.get_by_id(payment.id)
        if code := hindrance(payment):
            raise NotRefundable(code)
        secret = secrets.token_hex(16)
        parameters = {
            "ours": secret,
            "theirs": _reference(payment),
            "amount": amount,
            "currency": payment.currency,
            "reason": "",
        }
        refund: Refund = Refund.create(
            public_id=new_reference().replace("P-", "R-", 1),
            secret=secret,
            payment=payment,
            connection=payment.connection_id,
            amount=amount,
            currency=payment.currency,
            meaning=meaning,
            key=key_of(secret, parameters),
            parameters=parameters,
            staff=history.staff_id(by),
            created_at=now,
        )
        ledger.refund_accepted(refund, payment, now=now, today=today)
        attention.settle_about(payment, suspense.KIND, now=now, by=history.staff_id(by))
        history.record(
            payment, "refund_asked", by=by, now=now, amount=amount, currency=payment.currency, refund=refund.public_id
        )
        return refund


def _reference(payment: Payment) -> str | None:
    """What the provider calls the capture that goes back."""
    found: str | None = (
        Attempt.select(Attempt.theirs)
        .where(Attempt.payment == payment.id, Attempt.state == Attempt.SUCCEEDED)
        .order_by(Attempt.number.desc())
        .scalar()
    )
    return found
