"""The merchant's lists of payments: everybody's, by what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from peewee import ModelSelect

from models import Payment

ALL, PAID, MOVING, UNKNOWN, NOT_PAID = "all", "paid", "moving", "unknown", "not-paid"
UNMATCHED = "unmatched"  # received, and nobody knows yet whose it is
FILTERS = (ALL, PAID, MOVING, UNKNOWN, NOT_PAID, UNMATCHED)
STATES = {
    PAID: (Payment.PAID,),
    MOVING: (Payment.QUEUED, Payment.SENDING, Payment.NEEDS_CUSTOMER, Payment.PROCESSING),
    UNKNOWN: (Payment.UNKNOWN,),
    NOT_PAID: (Payment.DECLINED, Payment.CANCELLED),
}


def everything(which: str = ALL, groups: Sequence[int] | None = None) -> ModelSelect:
    """All payments, or those of some groups (None: of all), as `payments.page` takes them."""
    query = Payment.select()
    if which in STATES:
        query = query.where(Payment.state.in_(STATES[which]))
    if which == UNMATCHED:
        query = query.where(Payment.suspense > 0)
    if groups is not None:
        query = query.where(Payment.group.in_(list(groups)))
    return query


def one(reference: str) -> Payment | None:
    if not reference.isprintable():
        return None
    found: Payment | None = Payment.get_or_none(Payment.public_id == reference.upper())
    return found
