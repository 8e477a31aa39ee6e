"""Claims: what payments in flight hold of an invoice. A reservation, not money; conditional UPDATEs only."""

from __future__ import annotations

from peewee import JOIN, fn

from billing.ledger import locked
from models import Allocation, Invoice, Payment


def take(invoice: int, amount: int) -> bool:
    """Claim minor units of an invoice; False where so much is not free. Never read, compare and then write."""
    changed: int = (
        Invoice.update(claimed=Invoice.claimed + amount)
        .where(
            Invoice.id == invoice,
            Invoice.status == Invoice.OPEN,
            Invoice.open - Invoice.claimed >= amount,
        )
        .execute()
    )
    return changed == 1


def release(payment: Payment) -> None:
    """Give back what a payment claimed, invoices in id order."""
    for allocation in of(payment):
        Invoice.update(claimed=Invoice.claimed - allocation.amount).where(Invoice.id == allocation.invoice_id).execute()


def shares(payment: Payment, amount: int, *, held: bool) -> list[tuple[int, int]]:
    """How captured money falls on the payment's invoices, as (invoice id, minor units), under their locks.

    With the claim still held each invoice takes its allocation as far as it is open; without it only what nobody else
    has claimed since. What does not fit is credit.
    """
    found, left = [], amount
    for allocation in of(payment):
        invoice = locked(Invoice, allocation.invoice_id)
        room = invoice.open if held else max(0, invoice.open - invoice.claimed)
        share = max(0, min(allocation.amount, room, left))
        found.append((invoice.id, share))
        left -= share
    return found


def of(payment: Payment) -> list[Allocation]:
    return list(Allocation.select().where(Allocation.payment == payment.id).order_by(Allocation.invoice))


def wrong() -> list[tuple[int, int, int]]:
    """(invoice id, column, live payments' sum) where `claimed` is not what live payments hold: must be none."""
    held = (
        Allocation.select(Allocation.invoice, fn.SUM(Allocation.amount).alias("held"))
        .join(Payment)
        .where(Payment.state.in_(Payment.LIVE))
        .group_by(Allocation.invoice)
        .alias("held")
    )
    sum_held = fn.COALESCE(held.c.held, 0)
    query = (
        Invoice.select(Invoice.id, Invoice.claimed, sum_held)
        .join(held, JOIN.LEFT_OUTER, on=(held.c.invoice_id == Invoice.id))
        .where(Invoice.claimed != sum_held)
        .tuples()
    )
    return [(id, column, int(live)) for id, column, live in query]
