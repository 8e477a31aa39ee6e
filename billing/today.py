"""What the merchant sees first: what came in, what is owed, what needs somebody. Sums over covering indexes only.

Amounts of two currencies are never added: everything is told per currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from peewee import Field, ModelSelect, Value, fn

from billing.settings import Settings
from models import BillingGroup, Customer, ImportItem, Invoice, Letter, Payment
from money import Money

CHART_DAYS = 30
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Bar:
    """A day of the chart; `share` is 0 to 100 of the best day."""

    on: date
    amount: Money
    share: int


@dataclass(frozen=True)
class CameIn:
    """Payments captured in one currency: today, in the last seven days (today counted), and day by day."""

    currency: str
    today: Money
    today_count: int
    week: Money
    week_count: int
    month: Money
    best: Bar
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Owed:
    """What is open in one currency: overdue, due in the next seven days (today counted), and all of it."""

    currency: str
    overdue: Money
    overdue_count: int
    soon: Money
    soon_count: int
    open: Money
    open_count: int


@dataclass(frozen=True)
class Waiting:
    """What waits for somebody besides the attention list."""

    held_documents: int
    failed_letters: int
    kept_letters: int  # not sent yet


@dataclass(frozen=True)
class FirstSteps:
    """What a new merchant does first, done or not. All done: not shown any more."""

    business_named: bool
    invoices_imported: bool
    portal_on: bool
    invoice_sent: bool

    @property
    def all_done(self) -> bool:
        return self.business_named and self.invoices_imported and self.portal_on and self.invoice_sent


def came_in(*, today: date, settings: Settings) -> tuple[CameIn, ...]:
    """The last thirty days, currency by currency. One query each, and one that finds the currencies."""
    found = []
    for currency in _currencies(Payment.select(), Payment.currency, Payment.state == Payment.PAID):
        days = _by_day(currency, today, settings)
        if not any(count for _, _, count in days):
            continue
        most = max(amount for _, amount, _ in days)
        bars = tuple(
            Bar(on, Money(amount, currency), round(amount * 100 / most) if most else 0) for on, amount, _ in days
        )
        week = [(amount, count) for on, amount, count in days if today - on < WEEK]
        found.append(
            CameIn(
                currency,
                today=bars[-1].amount,
                today_count=days[-1][2],
                week=Money(sum(amount for amount, _ in week), currency),
                week_count=sum(count for _, count in week),
                month=Money(sum(amount for _, amount, _ in days), currency),
                best=max(bars, key=lambda bar: bar.amount.minor),
                bars=bars,
            )
        )
    return tuple(found)


def owed(*, today: date) -> tuple[Owed, ...]:
    """What is open, currency by currency, in one pass over an index that holds only what is open."""
    soon = (Invoice.due_on >= today) & (Invoice.due_on < today + WEEK)
    query = (
        Invoice.select(
            Invoice.currency,
            fn.SUM(Invoice.open).filter(Invoice.due_on < today),
            fn.COUNT(1).filter(Invoice.due_on < today),
            fn.SUM(Invoice.open).filter(soon),
            fn.COUNT(1).filter(soon),
            fn.SUM(Invoice.open),
            fn.COUNT(1),
        )
        .where(Invoice.open > 0)
        .group_by(Invoice.currency)
        .order_by(Invoice.currency)
        .tuples()
    )
    return tuple(
        Owed(cur, Money(int(o or 0), cur), on, Money(int(s or 0), cur), sn, Money(int(a), cur), an)
        for cur, o, on, s, sn, a, an in query
    )


def waiting() -> Waiting:
    held = ImportItem.select().where(ImportItem.outcome == "held", ImportItem.decided_at.is_null())
    return Waiting(
        held_documents=held.count(),
        failed_letters=Letter.select().where(Letter.state == Letter.FAILED).count(),
        kept_letters=Letter.select().where(Letter.state.in_((Letter.QUEUED, Letter.SENDING))).count(),
    )


def first_steps(settings: Settings) -> FirstSteps:
    return FirstSteps(
        business_named=settings.business_name != Settings().business_name,
        invoices_imported=Invoice.select().exists(),
        portal_on=settings.portal_enabled,
        invoice_sent=Letter.select().where(Letter.invoice > 0).exists(),  # its key is indexed, its kind is not,
    )


def has_customers() -> bool:
    return bool(Customer.select().join(BillingGroup).exists())


def _by_day(currency: str, today: date, settings: Settings) -> list[tuple[date, int, int]]:
    """(day, captured, payments) of the last thirty days. A day is the merchant's: its ends are instants."""
    query: Any = None
    for back in range(CHART_DAYS - 1, -1, -1):
        on = today - timedelta(days=back)
        begins, ends = (
            datetime.combine(day, time(), settings.zone).astimezone(UTC) for day in (on, on + timedelta(days=1))
        )
        part = Payment.select(Value(back), fn.SUM(Payment.captured), fn.COUNT(1)).where(
            Payment.state == Payment.PAID,
            Payment.currency == currency,
            Payment.ended_at >= begins,
            Payment.ended_at < ends,
        )
        query = part if query is None else query.union_all(part)
    told = {int(back): (int(amount or 0), int(count)) for back, amount, count in query.tuples()}
    return [(today - timedelta(days=back), *told[back]) for back in range(CHART_DAYS - 1, -1, -1)]


def _currencies(query: ModelSelect, column: Field, *where: Any) -> list[str]:
    """Which currencies there are: a step through the index for each, however many rows it has."""
    found: list[str] = []
    while True:
        beyond = query.clone().select(column).where(*where, column > (found[-1] if found else ""))
        row = beyond.order_by(column).limit(1).tuples().first()
        if row is None:
            return found
        found.append(row[0])
