"""Money from the payment form that fits no invoice: it waits in suspense until staff match it or send it back.

The whole of it, once: to one open invoice (what is more than free there becomes credit), or to a customer as credit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, ModelSelect, fn

from billing import attention, dates, history, ledger, settings
from billing.errors import Refusal
from billing.invoices import OWED
from database import retried, transaction
from models import (
    Allocation,
    BillingGroup,
    Customer,
    Invoice,
    LedgerLine,
    Membership,
    Payment,
    Person,
    Refund,
    Staff,
)
from money import BadAmount, Money, parse

KIND = "suspense"  # what lies before the staff
SHOWN = 20  # candidates of each kind
WORDS = 12  # of a reference that are looked up
TELLING = re.compile(r"[0-9]{3,}")  # a word without so many digits in a row is no invoice number's part


class NotMatched(Refusal):
    """settled: it was matched or sent back meanwhile; other_currency; nothing_free: others pay that invoice already."""

    code = "settled"


@dataclass(frozen=True)
class InvoiceCandidate:
    """An open invoice the money may be for: `pays` of it goes there, `rest` becomes credit."""

    number: str
    address: str
    customer: str
    open: Money
    pays: Money
    rest: Money
    named: bool  # the payer's reference names it
    exact: bool  # exactly what is free there


@dataclass(frozen=True)
class GroupCandidate:
    """A customer's account the money may belong to, as credit."""

    id: str
    customer: str
    customer_id: str
    email: str
    credit: Money


@dataclass(frozen=True)
class Candidates:
    invoices: tuple[InvoiceCandidate, ...] = ()
    groups: tuple[GroupCandidate, ...] = ()


def tell(payment: Payment, *, now: datetime, amount: int, currency: str, refund: Refund | None = None) -> None:
    """Put waiting money before the staff, in the caller's transaction. `refund`: it went back and came again."""
    cause = f"{KIND} payment {payment.id}" + (f" refund {refund.id}" if refund else "")
    again = {"refund": refund.public_id} if refund else {}
    attention.tell(KIND, payment, now=now, cause=cause, amount=amount, currency=currency, **again)


def waits(payment: Payment) -> bool:
    """Whether there is money of it to match or to send back."""
    return payment.suspense > 0 and payment.group_id is None


@retried
def match(
    payment: Payment,
    *,
    invoice: Invoice | None = None,
    group: BillingGroup | None = None,
    by: Staff | history.Actor,
    now: datetime,
) -> Payment:
    """Say whose money it is: of one open invoice, or of a customer's account. From then on the payment is theirs.

    The invoice takes what is free on it (what payments in flight hold is theirs), the rest is credit. Raises
    NotMatched.
    """
    assert (invoice is None) != (group is None), "an invoice or an account"
    today = dates.day(now, settings.load().timezone)
    with transaction():
        amount = ledger.locked(Payment, payment.id).suspense
        whose = invoice.group_id if invoice is not None else group.id  # type: ignore[union-attr]
        taken = (
            Payment.update(group=whose)
            .where(Payment.id == payment.id, Payment.group.is_null(), Payment.suspense > 0, Payment.suspense == amount)
            .execute()
        )
        if taken != 1:
            raise NotMatched("settled")
        owner = ledger.locked(BillingGroup, whose)
        if owner.currency != payment.currency:
            raise NotMatched("other_currency", currency=owner.currency)
        share, told = 0, {}
        if invoice is not None:
            row = ledger.locked(Invoice, invoice.id)
            share = min(amount, row.free) if row.kind == Invoice.INVOICE else 0
            if not share:
                raise NotMatched("nothing_free")
            Allocation.create(payment=payment.id, invoice=row, amount=share)
            told = {"invoice": row.number}
        ledger.matched(payment, owner, invoice.id if invoice else None, share, amount, now=now, today=today)
        attention.settle_about(payment, KIND, now=now, by=history.staff_id(by))
        history.record(payment, "matched", by=by, now=now, amount=amount, currency=payment.currency, **told)
        found: Payment = Payment.get_by_id(payment.id)
    return found


def suggested(payment: Payment) -> Candidates:
    """What the payer's own words point at: invoices by reference or amount, accounts by e-mail. Two queries."""
    words = list(dict.fromkeys(re.findall(r"[^\s,;:()]{3,}", payment.reference)))[:WORDS]
    named = Invoice.number.in_([form for word in words for form in (word, word.upper())]) if words else None
    for word in _telling(words):
        named = named | Invoice.number.contains(word)
    fits = (Invoice.open - Invoice.claimed) == payment.suspense
    invoices = _invoices(payment, fits if named is None else fits | named, words)
    groups = _groups(payment, _is_theirs(payment)) if payment.guest_email else ()
    return Candidates(invoices, groups)


def found(payment: Payment, q: str) -> Candidates:
    """What a search finds: open invoices by number, amount or customer, and accounts by customer. Two queries."""
    customer = Customer.name.contains(q) | Customer.email.contains(q) | (Customer.public_id == q)
    wanted = Invoice.number.contains(q) | customer
    try:
        amount = parse(q, payment.currency).minor
        wanted |= (Invoice.open == amount) | (Invoice.total == amount)
    except BadAmount:
        pass
    return Candidates(_invoices(payment, wanted, []), _groups(payment, customer))


def open_invoice(payment: Payment, address: str) -> Invoice | None:
    """An open invoice in the payment's currency, by its address."""
    row: Invoice | None = _open(payment).where(Invoice.address == address).first()
    return row


def account(payment: Payment, public_id: str) -> BillingGroup | None:
    """A customer's account in the payment's currency."""
    row: BillingGroup | None = BillingGroup.get_or_none(
        BillingGroup.public_id == public_id, BillingGroup.currency == payment.currency
    )
    return row


def wrong() -> list[tuple[int, int, int]]:
    """(payment id, column, ledger) where `suspense` is not its account's balance: must be none.

    Nor does a customer's payment have any. Money in another currency than was asked for is counted as nothing here.
    """
    balance = (
        LedgerLine.select(LedgerLine.payment, LedgerLine.currency, (fn.SUM(LedgerLine.amount) * -1).alias("waiting"))
        .where(LedgerLine.account == ledger.SUSPENSE)
        .group_by(LedgerLine.payment, LedgerLine.currency)
        .alias("balance")
    )
    waiting = fn.COALESCE(balance.c.waiting, 0)
    same = (balance.c.payment_id == Payment.id) & (balance.c.currency == Payment.currency)
    placed = Payment.group.is_null(False) & (Payment.suspense != 0)
    query = (
        Payment.select(Payment.id, Payment.suspense, waiting)
        .join(balance, JOIN.LEFT_OUTER, on=same)
        .where((Payment.suspense != waiting) | placed)
        .tuples()
    )
    return [(id, column, int(books)) for id, column, books in query]


def _open(payment: Payment) -> ModelSelect:
    return (
        Invoice.select(Invoice, BillingGroup, Customer)
        .join(BillingGroup)
        .join(Customer)
        .where(
            Invoice.status == Invoice.OPEN,
            Invoice.kind == Invoice.INVOICE,
            OWED,
            Invoice.currency == payment.currency,
        )
    )


def _invoices(payment: Payment, wanted: Any, words: list[str]) -> tuple[InvoiceCandidate, ...]:
    """What is open and wanted; what the reference names and what fits exactly come first."""
    cur, amount = payment.currency, payment.suspense
    told = {form for word in words for form in (word, word.upper())}
    rows = _open(payment).where(wanted, Invoice.open > Invoice.claimed).order_by(Invoice.due_on, Invoice.id)
    candidates = [
        InvoiceCandidate(
            number=row.number,
            address=row.address,
            customer=row.group.customer.name,
            open=Money(row.open, cur),
            pays=Money(min(amount, row.free), cur),
            rest=Money(max(0, amount - row.free), cur),
            named=row.number in told or any(word.upper() in row.number.upper() for word in _telling(words)),
            exact=row.free == amount,
        )
        for row in rows.limit(SHOWN)
    ]
    return tuple(sorted(candidates, key=lambda one: (not (one.named and one.exact), not one.named, not one.exact)))


def _telling(words: list[str]) -> list[str]:
    return [word for word in words if TELLING.search(word)]


def _groups(payment: Payment, wanted: Any) -> tuple[GroupCandidate, ...]:
    rows = (
        BillingGroup.select(BillingGroup, Customer)
        .join(Customer)
        .where(BillingGroup.currency == payment.currency, wanted)
        .order_by(Customer.name, BillingGroup.id)
        .limit(SHOWN)
    )
    return tuple(
        GroupCandidate(
            id=row.public_id,
            customer=row.customer.name,
            customer_id=row.customer.public_id,
            email=row.customer.email or "",
            credit=Money(row.credit, row.currency),
        )
        for row in rows
    )


def _is_theirs(payment: Payment) -> Any:
    """Accounts whose customer or people have the payer's e-mail."""
    members = (
        Membership.select(Membership.group)
        .join(Person)
        .where(Person.email == payment.guest_email, Membership.removed_at.is_null())
    )
    return (Customer.email == payment.guest_email) | BillingGroup.id.in_(members)
