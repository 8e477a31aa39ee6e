"""Invoices as their readers see them: scope is the query, and what is shown is a frozen record.

A11's rule stands in the query itself: an invoice whose invoice date is after today (the merchant's zone) is nowhere for
customers while `hide_future_invoices` is on. The merchant sees everything.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from peewee import JOIN, SQL, ModelSelect, fn

from billing import documents_shown, prepared
from billing.settings import Settings
from models import (
    BillingGroup,
    Customer,
    Invoice,
    InvoiceFile,
    InvoiceVersion,
    LedgerEntry,
    LedgerLine,
    Payment,
    StoredFile,
)
from money import BadAmount, Money, parse
from records import BadgeView, FileView, InvoicePaymentView, InvoiceRow, InvoiceView

PAGE = 50
MOST_AT_ONCE = 500  # invoices one payment may pay
DUE_SOON = timedelta(days=7)
TO_PAY, PAID, ALL = "to-pay", "paid", "all"
FILTERS = (TO_PAY, PAID, ALL)
# Zero is written out: bound as a value, SQLite could not tell that an index over what is owed alone will do.
OWED = Invoice.open > SQL("0")


@dataclass(frozen=True)
class InvoicePage:
    """One page of a list; `older` and `newer` are the keys of its neighbours, empty where there are none."""

    rows: tuple[InvoiceRow, ...]
    older: str = ""
    newer: str = ""


@dataclass(frozen=True)
class ToPay:
    """What is to pay in one billing group: due by today, and all that is open; `count` invoices of each."""

    group: int
    due: Money
    due_count: int
    open: Money
    open_count: int
    next_due_on: date | None


@dataclass(frozen=True)
class Visible:
    """The invoices somebody may see. Every question is asked of this query, so nothing else can be found.

    `scope` builds it from `values`; `name` tells scopes apart, so that the SQL of a list is built once for all of one
    scope's readers.
    """

    scope: Callable[..., ModelSelect]
    values: tuple[Any, ...]
    name: Hashable
    today: date
    customers: bool  # rows name the customer: the merchant's lists

    @property
    def query(self) -> ModelSelect:
        return self.scope(*self.values)

    def one(self, address: str) -> Invoice | None:
        found: Invoice | None = self.query.where(Invoice.address == address).first()
        return found

    def by_addresses(self, addresses: Sequence[str]) -> list[Invoice]:
        """The named ones that may be seen, each once, by id; at most 500."""
        wanted = list(dict.fromkeys(addresses))[: MOST_AT_ONCE + 1]
        return list(self.query.where(Invoice.address.in_(wanted)).order_by(Invoice.id)) if wanted else []

    def due(self) -> list[Invoice]:
        """All that is due by today and can be paid here, oldest first; at most 500."""
        return list(
            self.query.where(*_payable(), Invoice.due_on <= self.today)
            .order_by(Invoice.due_on, Invoice.id)
            .limit(MOST_AT_ONCE)
        )

    def to_pay(self) -> list[ToPay]:
        """What is to pay, per billing group; amounts of two are never added. One query over an index."""

        def build(today: Any, *values: Any) -> ModelSelect:
            free = Invoice.open - Invoice.claimed
            return (
                self.scope(*values)
                .select(
                    Invoice.group,
                    Invoice.currency,
                    fn.SUM(free).filter(Invoice.due_on <= today),
                    fn.COUNT(Invoice.id).filter(Invoice.due_on <= today),
                    fn.SUM(free),
                    fn.COUNT(Invoice.id),
                    fn.MIN(Invoice.due_on),
                )
                .where(*_payable())
                .group_by(Invoice.group, Invoice.currency)
                .order_by(Invoice.group)
            )

        return [
            ToPay(group, Money(int(d or 0), cur), int(dn or 0), Money(int(o or 0), cur), int(on or 0), _as_date(first))
            for group, cur, d, dn, o, on, first in prepared.tuples(
                ("to pay", self.name), build, self.today, *self.values
            )
        ]

    def balance(self, currency: str) -> Money:
        """All that is owed in one currency, what is on its way or taken by debit included."""
        owed = self.query.clone().select(fn.SUM(Invoice.open))
        owed = owed.where(Invoice.status == Invoice.OPEN, OWED, Invoice.currency == currency)
        return Money(int(owed.scalar() or 0), currency)

    def page(self, which: str, *, q: str = "", after: str = "", before: str = "", currency: str = "EUR") -> InvoicePage:
        """A page of the list by key: what is to pay oldest due first, everything else newest first."""
        upwards = which == TO_PAY
        key, backwards = _key(after), False
        if key is None and (key := _key(before)) is not None:
            backwards = True
        rising = upwards != backwards

        def build(*given: Any) -> ModelSelect:
            key, values = (given[:2], given[2:]) if given_key else ((), given)
            query = self.scope(*values).where(*_of_filter(which))
            if q.strip():
                query = query.where(_matches(q, currency))
            column = Invoice.due_on if which == TO_PAY else Invoice.issued_on
            if key:
                day, id = key
                beyond = (column > day) if rising else (column < day)
                same = (column == day) & ((Invoice.id > id) if rising else (Invoice.id < id))
                query = query.where(beyond | same)
            order = (column, Invoice.id) if rising else (column.desc(), Invoice.id.desc())
            return self._columns(query.order_by(*order).limit(PAGE + 1))

        given_key = key or ()
        if q.strip():
            rows = self._read(build(*given_key, *self.values).tuples())
        else:
            name = ("page", self.name, self.customers, which, rising, bool(key))
            rows = self._read(prepared.tuples(name, build, *given_key, *self.values))
        more, rows = len(rows) > PAGE, rows[:PAGE]
        if backwards:
            rows.reverse()
        if not rows:
            return InvoicePage(())
        first, last = (_key_of(row, upwards) for row in (rows[0], rows[-1]))
        return InvoicePage(
            tuple(row for row, _ in rows),
            older=last if backwards or more else "",
            newer=first if (more if backwards else bool(key)) else "",
        )

    def first_rows(self, which: str, limit: int) -> list[InvoiceRow]:
        column = Invoice.due_on if which == TO_PAY else Invoice.issued_on.desc()
        query = self.query.where(*_of_filter(which)).order_by(column, Invoice.id).limit(limit)
        return [row for row, _ in self._rows(query)]

    def rows_of(self, invoices: Sequence[Invoice]) -> list[InvoiceRow]:
        """List rows of invoices in hand, in their order."""
        ids = [invoice.id for invoice in invoices]
        rows = {id: row for row, id in self._rows(self.query.where(Invoice.id.in_(ids)))} if ids else {}
        return [rows[id] for id in ids if id in rows]

    def _rows(self, query: ModelSelect) -> list[tuple[InvoiceRow, int]]:
        return self._read(self._columns(query).tuples())

    def _read(self, rows: Iterable[Sequence[Any]]) -> list[tuple[InvoiceRow, int]]:
        return [(_row(values, self.today, self.customers), values[0]) for values in rows]

    def _columns(self, query: ModelSelect) -> ModelSelect:
        columns: list[Any] = [
            Invoice.id,
            Invoice.number,
            Invoice.address,
            Invoice.issued_on,
            Invoice.due_on,
            Invoice.total,
            Invoice.open,
            Invoice.claimed,
            Invoice.currency,
            Invoice.status,
            Invoice.kind,
            Invoice.settled_on,
            Invoice.pays_itself,
            Invoice.held_since,
        ]
        query = query.clone().select(*columns)
        return query.select_extend(BillingGroup.name) if self.customers else query


def visible_to(groups: Sequence[int], *, settings: Settings, today: date) -> Visible:
    """The invoices of the billing groups a person may see, without what A11 hides."""
    hide = settings.hide_future_invoices

    def scope(today: Any, *groups: Any) -> ModelSelect:
        query = Invoice.select().where(Invoice.group.in_(groups), Invoice.status.in_((Invoice.OPEN, Invoice.VOID)))
        query = query.where(~_undone())
        # As a negation, SQLite does not take it for a reason to go by date where the index of what is owed is better.
        return query.where(~(Invoice.issued_on > today)) if hide else query

    return Visible(scope, (today, *groups), ("groups", len(groups), hide), today, customers=False)


def everything(*, today: date, groups: Sequence[int] | None = None) -> Visible:
    """What the merchant sees: all of it, or all of some billing groups."""

    def scope(*groups: Any) -> ModelSelect:
        query = Invoice.select().join(BillingGroup).switch(Invoice).where(~_undone())
        return query if everywhere else query.where(Invoice.group.in_(groups))

    everywhere = groups is None
    return Visible(scope, tuple(groups or ()), ("merchant", everywhere, len(groups or ())), today, customers=True)


def mark_viewed(invoice: Invoice, *, now: datetime) -> None:
    """The customer has seen it; from now on its import cannot be undone."""
    if invoice.viewed_at is None:
        Invoice.update(viewed_at=now).where(Invoice.id == invoice.id, Invoice.viewed_at.is_null()).execute()


def view(invoice: Invoice, *, seen_by: str, settings: Settings, today: date) -> InvoiceView:
    """Everything an invoice's page, letter and PDF may show, in five queries.

    `seen_by` is "customer" or "staff": a staff view links to the merchant's pages.
    """
    version = InvoiceVersion.get(InvoiceVersion.invoice == invoice.id, InvoiceVersion.version == invoice.version)
    content = documents_shown.parts(version.content)
    cur = invoice.currency
    prefix = "/admin" if seen_by == "staff" else ""
    originals, attachments = _files(invoice, prefix)
    return InvoiceView(
        id=invoice.id,
        number=invoice.number,
        address=invoice.address,
        kind=invoice.kind,
        status=invoice.status,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        total=Money(invoice.total, cur),
        payable=Money(invoice.payable, cur),
        currency=cur,
        open=Money(invoice.open, cur),
        free=Money(0 if invoice.pays_itself else invoice.free, cur),
        badge=badge(invoice, today),
        payments=tuple(_settlements(invoice, prefix, settings)),
        originals=originals,
        attachments=attachments,
        is_copy=invoice.source is not None,
        pays_itself=invoice.pays_itself,
        held=invoice.held_since is not None,
        version=invoice.version,
        settled_on=invoice.settled_on,
        pdf_url=f"{prefix}/invoices/{invoice.address}.pdf",
        po_number=invoice.po_number or "",
        **content,
    )


def badge(invoice: Invoice, today: date) -> BadgeView:
    return _badge(
        invoice.status,
        invoice.kind,
        invoice.total,
        invoice.open,
        invoice.claimed,
        invoice.due_on,
        invoice.held_since is not None,
        invoice.pays_itself,
        today,
    )


def with_pdf_size(view: InvoiceView, size: int | None) -> InvoiceView:
    return replace(view, pdf_size=size)


def _badge(
    status: str, kind: str, total: int, open: int, claimed: int, due_on: date, held: bool, itself: bool, today: date
) -> BadgeView:
    """The one status of an invoice: what moves first, then what is late, then what is settled in part.

    What the merchant takes elsewhere is never due or late here: the customer can do nothing about it.
    """
    if status == Invoice.VOID:
        return BadgeView("closed", "cancelled")
    if kind == Invoice.CREDIT_NOTE:
        return BadgeView("paid", "credited")
    if open <= 0:
        return BadgeView("paid", "paid")
    if claimed >= open:
        return BadgeView("moving", "payment_on_its_way")
    if held:
        return BadgeView("asked", "held")
    if itself:
        return BadgeView("moving", "itself")
    if due_on < today:
        return BadgeView("overdue", "overdue", (today - due_on).days)
    if open < total:
        return BadgeView("part", "part_paid")
    if due_on - today <= DUE_SOON:
        return BadgeView("due", "due_soon", (due_on - today).days)
    return BadgeView("due", "due")


def _row(values: Sequence[Any], today: date, named: bool) -> InvoiceRow:
    (_, number, address, issued_on, due_on, total, open, claimed, cur, status, kind, settled_on, itself, held) = values[
        :14
    ]
    free = max(0, open - claimed) if status == Invoice.OPEN and not itself and kind == Invoice.INVOICE else 0
    due = _as_date(due_on) or today
    return InvoiceRow(
        number=number,
        address=address,
        issued_on=_as_date(issued_on) or today,
        due_on=due,
        total=Money(total, cur),
        open=Money(open, cur),
        free=Money(free, cur),
        badge=_badge(status, kind, total, open, claimed, due, held is not None, itself, today),
        can_pay=free > 0,
        kind=kind,
        settled_on=_as_date(settled_on),
        customer=values[14] if named else "",
        url=f"{'/admin' if named else ''}/invoices/{address}",
    )


def _files(invoice: Invoice, prefix: str) -> tuple[tuple[FileView, ...], tuple[FileView, ...]]:
    query = (
        InvoiceFile.select(InvoiceFile.id, InvoiceFile.name, StoredFile.media_type, StoredFile.size, InvoiceFile.role)
        .join(StoredFile)
        .where(InvoiceFile.invoice == invoice.id, InvoiceFile.version == invoice.version)
        .order_by(InvoiceFile.id)
        .tuples()
    )
    originals: list[FileView] = []
    attachments: list[FileView] = []
    for id, name, media_type, size, role in query:
        file = FileView(id, name, media_type, size, f"{prefix}/invoices/{invoice.address}/files/{id}")
        (originals if role == InvoiceFile.ORIGINAL else attachments).append(file)
    return tuple(originals), tuple(attachments)


def _settlements(invoice: Invoice, prefix: str, settings: Settings) -> list[InvoicePaymentView]:
    """Everything that was taken off this invoice so far, as the ledger has it."""
    query = (
        LedgerLine.select(LedgerEntry.cause, LedgerEntry.event, LedgerEntry.on, LedgerLine.amount, Payment.public_id)
        .join(LedgerEntry)
        .switch(LedgerLine)
        .join(Payment, JOIN.LEFT_OUTER, on=(LedgerLine.payment == Payment.id))
        .where(LedgerLine.invoice == invoice.id, LedgerLine.account == "receivable")
        .order_by(LedgerLine.id)
        .tuples()
    )
    found = []
    for cause, event, on, amount, reference in query:
        if reference:
            code, url = "payment", f"{prefix}/payments/{reference}"
        elif event.endswith("prepaid"):
            code, url = "prepaid", ""
        elif event == "credit note":
            code, url = "credit_note", ""
        elif cause == f"invoice {invoice.id}":
            continue  # what it asks for, not what was paid
        else:
            code, url = "elsewhere", ""
        on_day = _as_date(on) or invoice.issued_on
        found.append(InvoicePaymentView(code, on_day, Money(-amount, invoice.currency), reference or "", url))
    return found


def _payable() -> tuple[Any, ...]:
    return (
        Invoice.status == Invoice.OPEN,
        Invoice.kind == Invoice.INVOICE,
        OWED,
        Invoice.open > Invoice.claimed,
        Invoice.pays_itself == False,  # noqa: E712
    )


def _of_filter(which: str) -> tuple[Any, ...]:
    if which == TO_PAY:
        return (Invoice.status == Invoice.OPEN, OWED)
    if which == PAID:
        return (Invoice.status == Invoice.OPEN, Invoice.open == 0)
    return ()


def _undone() -> Any:
    """What an undone import left behind: kept for the books, seen by nobody."""
    return (Invoice.status == Invoice.VOID) & Invoice.identity.is_null() & Invoice.source.is_null(False)


def _matches(q: str, currency: str) -> Any:
    word = q.strip()[:100]
    found = Invoice.number.contains(word) | Invoice.po_number.contains(word)
    try:
        amount = parse(word, currency).minor
        found |= (Invoice.total == amount) | (Invoice.open == amount)
    except BadAmount:
        pass
    return found


def _key(text: str) -> tuple[date, int] | None:
    day, _, id = text.rpartition("_")
    try:
        return (date.fromisoformat(day), int(id)) if id.isascii() and id.isdigit() and int(id) < 2**31 else None
    except ValueError:
        return None


def _key_of(entry: tuple[InvoiceRow, int], upwards: bool) -> str:
    row, id = entry
    return f"{(row.due_on if upwards else row.issued_on).isoformat()}_{id}"


def _as_date(value: Any) -> date | None:
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(value)


def customer_of(invoice: Invoice) -> Customer:
    found: Customer = Customer.select().join(BillingGroup).where(BillingGroup.id == invoice.group_id).get()
    return found
