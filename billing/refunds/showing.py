"""Refunds as staff see them, and whether the columns agree with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from peewee import JOIN, fn

from billing import ledger
from billing.refunds.outcome import UNKNOWN
from models import Attention, LedgerEntry, LedgerLine, Payment, Refund, Staff
from money import Money


@dataclass(frozen=True)
class RefundView:
    """One refund of a payment. `evidence` is what the provider said, as text, without secrets."""

    reference: str
    amount: Money
    state: str  # models.Refund's states
    at: datetime
    ended_at: datetime | None
    by: str  # of the staff
    theirs: str
    key: str  # the beginning of it: enough to find it at the provider
    failure: str
    tries: int
    asked: int
    ask_at: datetime | None
    evidence: str
    wants_decision: bool  # every question was asked in vain: now staff may say what they saw at the provider


def of(payment: Payment) -> tuple[RefundView, ...]:
    """The refunds of a payment, newest first. Two queries."""
    rows = list(
        Refund.select(Refund, Staff)
        .join(Staff, JOIN.LEFT_OUTER)
        .where(Refund.payment == payment.id)
        .order_by(Refund.id.desc())
    )
    if not rows:
        return ()
    asked = Attention.select(Attention.cause).where(
        Attention.cause.in_([f"{UNKNOWN} {row.id}" for row in rows]), Attention.settled_at.is_null()
    )
    in_vain = {cause for (cause,) in asked.tuples()}
    return tuple(
        RefundView(
            reference=row.public_id,
            amount=Money(row.amount, row.currency),
            state=row.state,
            at=row.created_at,
            ended_at=row.ended_at,
            by=(row.staff.name or row.staff.email) if row.staff_id else "",
            theirs=row.theirs or "",
            key=row.key[:12],
            failure=row.failure or "",
            tries=row.tries,
            asked=row.asked,
            ask_at=row.ask_at,
            evidence=json.dumps(row.raw, ensure_ascii=False, indent=2, sort_keys=True) if row.raw else "",
            wants_decision=row.state == Refund.UNKNOWN and f"{UNKNOWN} {row.id}" in in_vain,
        )
        for row in rows
    )


def one(payment: Payment, reference: str) -> Refund | None:
    """A refund of a payment by its own reference."""
    found: Refund | None = Refund.get_or_none(Refund.payment == payment.id, Refund.public_id == reference.upper())
    return found


def wrong() -> list[tuple[int, int, int]]:
    """(payment id, what refunds hold and sent of it, what is missing in `refundable`) where they differ: must be none.

    A refund that failed gives its amount back; every other one holds or sent it.
    """
    held = (
        Refund.select(Refund.payment, fn.SUM(Refund.amount).alias("amount"))
        .where(Refund.state != Refund.FAILED)
        .group_by(Refund.payment)
        .alias("held")
    )
    amount = fn.COALESCE(held.c.amount, 0)
    query = (
        Payment.select(Payment.id, amount, Payment.captured - Payment.refundable)
        .join(held, JOIN.LEFT_OUTER, on=(held.c.payment_id == Payment.id))
        .where(amount != Payment.captured - Payment.refundable)
        .tuples()
    )
    return [(id, int(refunds), missing) for id, refunds, missing in query]


def wrong_due() -> list[tuple[int, int, int]]:
    """(payment id, what live refunds are to send, `refunds_due` in the ledger) where they differ: must be none."""
    live = (
        Refund.select(Refund.payment, fn.SUM(Refund.amount).alias("amount"))
        .where(Refund.state.in_(Refund.LIVE))
        .group_by(Refund.payment)
        .alias("live")
    )
    due = (
        LedgerLine.select(LedgerLine.payment, (fn.SUM(LedgerLine.amount) * -1).alias("amount"))
        .join(LedgerEntry)
        .where(LedgerLine.account == ledger.REFUNDS_DUE)
        .group_by(LedgerLine.payment)
        .alias("due")
    )
    wanted, booked = fn.COALESCE(live.c.amount, 0), fn.COALESCE(due.c.amount, 0)
    query = (
        Payment.select(Payment.id, wanted, booked)
        .join(live, JOIN.LEFT_OUTER, on=(live.c.payment_id == Payment.id))
        .switch(Payment)
        .join(due, JOIN.LEFT_OUTER, on=(due.c.payment_id == Payment.id))
        .where(wanted != booked)
        .tuples()
    )
    return [(id, int(refunds), int(books)) for id, refunds, books in query]
