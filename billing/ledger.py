"""The books: double entry, only ever added. The only writer of ledger lines, `invoice.open`, `group.credit` and
`payment.suspense`.

A debit is above zero, a credit below it. `post` derives the three columns from the lines it writes, so that they cannot
disagree; verbs work out the lines under the rows' locks, in the order payment, group, invoices by id. See money.md
section 4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from peewee import JOIN, Case, fn

from billing.errors import NotUndoable
from billing.prepared import insert
from database import in_transaction, insert_once, is_sqlite, transaction
from models import BillingGroup, Connection, Invoice, LedgerEntry, LedgerLine, Payment, Refund, Table

RECEIVABLE, CREDIT, CLEARING, ELSEWHERE = "receivable", "credit", "clearing", "elsewhere"
SALES, TAX, ROUNDING, FEES = "sales", "tax", "rounding", "fees"
SUSPENSE, REFUNDS_DUE = "suspense", "refunds_due"

Row = TypeVar("Row", bound=Table)


class Unbalanced(AssertionError):
    """Lines that do not sum to zero: a bug, never booked."""


@dataclass(frozen=True)
class Line:
    account: str
    amount: int
    invoice: int | None = None
    payment: int | None = None
    connection: int | None = None
    currency: str | None = None  # None: the group's
    placed: bool = True  # False: of money nobody has placed yet, so of no group


@dataclass(frozen=True)
class Sums:
    """What a document adds up to, minor units: `owed` = net + tax + rounding is what it asks for before prepayments."""

    net: int
    tax: int
    rounding: int = 0
    prepaid: int = 0

    @property
    def owed(self) -> int:
        return self.net + self.tax + self.rounding


def invoice_arrived(invoice: Invoice, sums: Sums, *, now: datetime, today: date) -> None:
    """Book an invoice: what it asks for is owed, what it says was prepaid was settled elsewhere. Below zero: credit."""
    with transaction():
        _post_document(invoice, "issued", "prepaid", sums, now=now, today=today)
        # what was settled before it came was settled by the day it bears, not on the day of its import
        Invoice.update(settled_on=min(invoice.issued_on, today)).where(
            Invoice.id == invoice.id, Invoice.settled_on.is_null(False)
        ).execute()


def revised(invoice: Invoice, before: Sums, after: Sums, *, version: int, now: datetime, today: date) -> None:
    """Book the difference that a revision makes. Below what is settled, the excess becomes credit."""
    change = Sums(
        after.net - before.net,
        after.tax - before.tax,
        after.rounding - before.rounding,
        after.prepaid - before.prepaid,
    )
    with transaction():
        _post_document(invoice, f"revision {version}", f"revision {version} prepaid", change, now=now, today=today)


def credit_note_arrived(note: Invoice, sums: Sums, *, credits: Invoice | None, now: datetime, today: date) -> None:
    """Book a credit note: it takes off the invoice it names as far as that is open; the rest is credit.

    What the note says was paid out already (`prepaid`) was settled elsewhere.
    """
    with transaction():
        group = locked(BillingGroup, note.group_id)
        about = credits.id if credits else note.id
        cause = f"invoice {note.id}"
        # What was paid out on the note no longer takes anything off: one entry, so that credit is never overdrawn.
        lines = [
            Line(SALES, sums.net, invoice=about),
            Line(TAX, sums.tax, invoice=about),
            Line(ROUNDING, sums.rounding, invoice=about),
            Line(ELSEWHERE, -sums.prepaid, invoice=about),
        ]
        lines += _owed(credits.id if credits else None, sums.prepaid - sums.owed)
        post(cause, "credit note", group, lines, now=now, today=today)


def void(invoice: Invoice, *, event: str, now: datetime, today: date) -> None:
    """Take back what an invoice asked for and credit notes left of it; what was paid on it becomes credit."""
    with transaction():
        group = locked(BillingGroup, invoice.group_id)
        left = dict(
            LedgerLine.select(LedgerLine.account, fn.SUM(LedgerLine.amount))
            .where(LedgerLine.invoice == invoice.id, LedgerLine.account.in_((SALES, TAX, ROUNDING)))
            .group_by(LedgerLine.account)
            .tuples()
        )
        back = Sums(*(int(left.get(account, 0)) for account in (SALES, TAX, ROUNDING)))
        _post_income(f"invoice {invoice.id}", event, group, invoice.id, back, invoice.id, now=now, today=today)


def undo(invoice: Invoice, *, now: datetime, today: date) -> None:
    """Book the opposite of everything a document brought, as though it had never come.

    Raises NotUndoable where other money has touched it since: then its credit may be spent.
    """
    with transaction():
        group = locked(BillingGroup, invoice.group_id)
        cause = f"invoice {invoice.id}"
        brought = (
            LedgerLine.select(LedgerLine.account, LedgerLine.invoice, fn.SUM(LedgerLine.amount))
            .join(LedgerEntry)
            .where(LedgerEntry.cause == cause)
            .group_by(LedgerLine.account, LedgerLine.invoice)
            .tuples()
        )
        lines = [Line(account, -int(amount), invoice=about) for account, about, amount in brought if amount]
        credit = sum(line.amount for line in lines if line.account == CREDIT)
        if credit > group.credit:
            raise NotUndoable("credit_spent")
        for about in sorted({line.invoice for line in lines if line.invoice}):
            row = locked(Invoice, about)
            if (
                row.open + sum(line.amount for line in lines if line.invoice == about and line.account == RECEIVABLE)
                < row.claimed
            ):
                raise NotUndoable("paid_since")
        post(cause, "undone", group, lines, now=now, today=today)


def captured(payment: Payment, shares: Sequence[tuple[int, int]], amount: int, *, now: datetime, today: date) -> int:
    """Book captured money: each (invoice id, minor units) share as far as given, the rest as credit.

    Shares are worked out by payments.apply_outcome under the invoices' locks. Returns what became credit. What no group
    is known for waits in suspense, whole.
    """
    with transaction():
        group, cur = _group_of(payment), payment.currency
        rest = amount - sum(share for _, share in shares)
        lines = [Line(CLEARING, amount, payment=payment.id, connection=payment.connection_id, currency=cur)]
        if group is None:
            lines.append(Line(SUSPENSE, -amount, payment=payment.id, currency=cur))
            rest = 0
        else:
            lines += [
                Line(RECEIVABLE, -share, invoice=invoice, payment=payment.id) for invoice, share in shares if share
            ]
            lines.append(Line(CREDIT, -rest, payment=payment.id))
        post(f"payment {payment.id}", "captured", group, lines, now=now, today=today)
        return rest


def captured_otherwise(payment: Payment, amount: int, currency: str, *, now: datetime, today: date) -> None:
    """Book money captured in a currency that was not asked for: received, belonging nowhere until staff decide."""
    with transaction():
        lines = [
            Line(CLEARING, amount, payment=payment.id, connection=payment.connection_id, currency=currency),
            Line(SUSPENSE, -amount, payment=payment.id, currency=currency),
        ]
        post(f"payment {payment.id}", "captured", _group_of(payment), lines, now=now, today=today)


def fee(payment: Payment, amount: int, currency: str, connection: Connection, *, now: datetime, today: date) -> None:
    """Book what the provider kept for a payment, in the currency that it captured."""
    if amount:
        lines = [
            Line(FEES, amount, payment=payment.id, connection=connection.id, currency=currency),
            Line(CLEARING, -amount, payment=payment.id, connection=connection.id, currency=currency),
        ]
        post(f"payment {payment.id}", "fee", _group_of(payment), lines, now=now, today=today)


def matched(
    payment: Payment, group: BillingGroup, invoice: int | None, share: int, amount: int, *, now: datetime, today: date
) -> None:
    """Book that money in suspense is a group's: `share` of it pays the invoice, the rest is credit.

    The caller holds the locks, and has seen that the whole amount waits and that the share is free.
    """
    lines = [
        Line(SUSPENSE, amount, payment=payment.id, placed=False),
        Line(RECEIVABLE, -share, invoice=invoice, payment=payment.id),
        Line(CREDIT, share - amount, payment=payment.id),
    ]
    post(f"payment {payment.id}", "matched", group, lines, now=now, today=today)


def refund_accepted(refund: Refund, payment: Payment, *, now: datetime, today: date) -> None:
    """Book that money is to go back: from where it lies, by what the refund means, to what is due to be sent."""
    lines = [_lies_in(refund, refund.amount), _due(refund, -refund.amount)]
    post(f"refund {refund.id}", "accepted", _group_of(payment), lines, now=now, today=today)


def refund_done(refund: Refund, payment: Payment, *, now: datetime, today: date) -> None:
    """Book that it went out."""
    lines = [_due(refund, refund.amount), _out(refund, -refund.amount)]
    post(f"refund {refund.id}", "done", _group_of(payment), lines, now=now, today=today)


def refund_failed(refund: Refund, payment: Payment, *, was_done: bool, now: datetime, today: date) -> None:
    """Book that it did not go out, or (`was_done`) came back: it lies again where it lay."""
    came = _out(refund, refund.amount) if was_done else _due(refund, refund.amount)
    lines = [came, _lies_in(refund, -refund.amount)]
    post(f"refund {refund.id}", "failed", _group_of(payment), lines, now=now, today=today)


def _lies_in(refund: Refund, amount: int) -> Line:
    """The customer's side of a refund. Other meanings join here, each with its own account (money.md section 4)."""
    account = {Refund.SUSPENSE: SUSPENSE}[refund.meaning]
    return Line(account, amount, payment=refund.payment_id, currency=refund.currency, placed=account != SUSPENSE)


def _due(refund: Refund, amount: int) -> Line:
    return Line(REFUNDS_DUE, amount, payment=refund.payment_id, currency=refund.currency)


def _out(refund: Refund, amount: int) -> Line:
    return Line(CLEARING, amount, payment=refund.payment_id, connection=refund.connection_id, currency=refund.currency)


def post(
    cause: str, event: str, group: BillingGroup | None, lines: Iterable[Line], *, now: datetime, today: date
) -> bool:
    """Write one entry and bring `open`, `credit` and `suspense` along. False where this event was booked before.

    Inside the caller's transaction. Without a group each line names its currency. Raises Unbalanced, and the database's
    own error where `open` or `credit` would fall below zero.
    """
    assert in_transaction(), "the books are only written inside a transaction"
    lines = [_in_currency(line, group) for line in lines if line.amount]
    sums: dict[str | None, int] = defaultdict(int)
    for line in lines:
        sums[line.currency] += line.amount
    if any(sums.values()):
        raise Unbalanced(f"{cause} {event}: {dict(sums)}")
    if not lines:
        return True
    entry = insert_once(LedgerEntry, cause=cause, event=event, at=now, on=today)
    if entry is None:
        return False
    for line in lines:
        insert(
            LedgerLine,
            entry=entry,
            account=line.account,
            currency=line.currency,
            amount=line.amount,
            group=group.id if group is not None and line.placed else None,
            invoice=line.invoice,
            payment=line.payment,
            connection=line.connection,
        )
    _bring_along(group, lines, today)
    return True


def _in_currency(line: Line, group: BillingGroup | None) -> Line:
    if line.currency is not None:
        return line
    assert group is not None, "a line without a group names its currency"
    return replace(line, currency=group.currency)


def _bring_along(group: BillingGroup | None, lines: list[Line], today: date) -> None:
    for line in lines:
        if line.account == SUSPENSE and line.payment:  # in another currency than was asked for there is no column
            Payment.update(suspense=Payment.suspense - line.amount).where(
                Payment.id == line.payment, Payment.currency == line.currency
            ).execute()
    credit = -sum(line.amount for line in lines if line.account == CREDIT)
    if credit:
        assert group is not None, "credit is a group's"
        BillingGroup.update(credit=BillingGroup.credit + credit).where(BillingGroup.id == group.id).execute()
    owed: dict[int, int] = defaultdict(int)
    for line in lines:
        if line.account == RECEIVABLE and line.invoice:
            owed[line.invoice] += line.amount
    for invoice, change in sorted(owed.items()):
        settled = Case(None, [(Invoice.open + change == 0, fn.COALESCE(Invoice.settled_on, today))], None)
        Invoice.update(open=Invoice.open + change, settled_on=settled).where(Invoice.id == invoice).execute()


def _post_document(invoice: Invoice, asked: str, prepaid: str, sums: Sums, *, now: datetime, today: date) -> None:
    """What a document asks for and what it says was prepaid, an entry each.

    Where one raises what is owed and the other lowers it, the raise comes first: nothing becomes credit that is owed.
    """
    group, cause = locked(BillingGroup, invoice.group_id), f"invoice {invoice.id}"
    if sums.prepaid < 0:
        _post_prepaid(cause, prepaid, group, invoice.id, sums.prepaid, now=now, today=today)
    _post_income(cause, asked, group, invoice.id, sums, invoice.id, now=now, today=today)
    if sums.prepaid > 0:
        _post_prepaid(cause, prepaid, group, invoice.id, sums.prepaid, now=now, today=today)


def _post_income(
    cause: str,
    event: str,
    group: BillingGroup,
    receivable: int | None,
    sums: Sums,
    about: int,
    *,
    now: datetime,
    today: date,
) -> None:
    """Sales, tax and rounding against an invoice's receivable; what would take it below zero becomes credit."""
    lines = [
        Line(SALES, -sums.net, invoice=about),
        Line(TAX, -sums.tax, invoice=about),
        Line(ROUNDING, -sums.rounding, invoice=about),
    ]
    post(cause, event, group, lines + _owed(receivable, sums.owed), now=now, today=today)


def _post_prepaid(
    cause: str, event: str, group: BillingGroup, receivable: int | None, amount: int, *, now: datetime, today: date
) -> None:
    """Money that was settled elsewhere (above zero) or asked back (below it)."""
    post(
        cause,
        event,
        group,
        [Line(ELSEWHERE, amount, invoice=receivable)] + _owed(receivable, -amount),
        now=now,
        today=today,
    )


def _owed(invoice: int | None, amount: int) -> list[Line]:
    """The customer's side of an amount: owed more (above zero), or less: the receivable up to open, the rest credit."""
    if amount == 0:
        return []
    if invoice is None:
        return [Line(CREDIT, amount)]
    if amount > 0:
        return [Line(RECEIVABLE, amount, invoice=invoice)]
    fits = min(locked(Invoice, invoice).open, -amount)
    return [Line(RECEIVABLE, -fits, invoice=invoice), Line(CREDIT, amount + fits, invoice=invoice)]


def _group_of(payment: Payment) -> BillingGroup | None:
    """The payment's group, under its lock; None while nobody knows whose money it is."""
    return locked(BillingGroup, payment.group_id) if payment.group_id else None


def locked(table: type[Row], id: int) -> Row:
    """A row, read under its lock. SQLite's writers have the whole database to themselves already.

    NO KEY: others may still add rows that name it; a stronger lock would meet theirs in a deadlock.
    """
    query = table.select().where(table._meta.primary_key == id)
    row: Row = (query if is_sqlite() else query.for_update("FOR NO KEY UPDATE")).get()
    return row


# --- What doctor asks -----------------------------------------------------------------------------------------------


def unbalanced_entries() -> list[int]:
    """Entries whose lines do not sum to zero per currency: must be none. One pass over the lines."""
    query = (
        LedgerLine.select(LedgerLine.entry)
        .group_by(LedgerLine.entry, LedgerLine.currency)
        .having(fn.SUM(LedgerLine.amount) != 0)
        .tuples()
    )
    return [entry for (entry,) in query]


def wrong_open() -> list[tuple[int, int, int]]:
    """(invoice id, column, ledger) where `open` is not the receivable's balance: must be none."""
    balance = (
        LedgerLine.select(LedgerLine.invoice, fn.SUM(LedgerLine.amount).alias("owed"))
        .where(LedgerLine.account == RECEIVABLE)
        .group_by(LedgerLine.invoice)
        .alias("balance")
    )
    owed = fn.COALESCE(balance.c.owed, 0)
    query = (
        Invoice.select(Invoice.id, Invoice.open, owed)
        .join(balance, JOIN.LEFT_OUTER, on=(balance.c.invoice_id == Invoice.id))
        .where(Invoice.open != owed)
        .tuples()
    )
    return [(id, column, int(books)) for id, column, books in query]


def wrong_credit() -> list[tuple[int, int, int]]:
    """(group id, column, ledger) where `credit` is not its account's balance: must be none."""
    balance = (
        LedgerLine.select(LedgerLine.group, (fn.SUM(LedgerLine.amount) * -1).alias("owed"))
        .where(LedgerLine.account == CREDIT)
        .group_by(LedgerLine.group)
        .alias("balance")
    )
    owed = fn.COALESCE(balance.c.owed, 0)
    query = (
        BillingGroup.select(BillingGroup.id, BillingGroup.credit, owed)
        .join(balance, JOIN.LEFT_OUTER, on=(balance.c.group_id == BillingGroup.id))
        .where(BillingGroup.credit != owed)
        .tuples()
    )
    return [(id, column, int(books)) for id, column, books in query]


def wrong_payments() -> list[tuple[int, int, int]]:
    """(payment id, captured, ledger) where what a payment says it took is not in the books: must be none.

    Only a paid one took anything, once, and no more can be paid back than it took. Money in another currency than was
    asked for is booked, and counted as nothing here.
    """
    taken = (
        LedgerLine.select(LedgerLine.payment, LedgerLine.currency, fn.SUM(LedgerLine.amount).alias("amount"))
        .join(LedgerEntry)
        .where(LedgerLine.account == CLEARING, LedgerEntry.event == "captured")
        .group_by(LedgerLine.payment, LedgerLine.currency)
        .alias("taken")
    )
    same = Case(None, [(taken.c.currency == Payment.currency, taken.c.amount)], 0)
    booked = fn.COALESCE(same, 0)
    paid = Payment.state == Payment.PAID
    query = (
        Payment.select(Payment.id, Payment.captured, booked)
        .join(taken, JOIN.LEFT_OUTER, on=(taken.c.payment_id == Payment.id))
        .where(
            (Payment.captured != booked)
            | (Payment.refundable > Payment.captured)
            | (paid & taken.c.amount.is_null())
            | (~paid & taken.c.amount.is_null(False))
        )
        .tuples()
    )
    return [(id, column, int(books)) for id, column, books in query]
