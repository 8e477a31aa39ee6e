"""To do: what waits for staff, oldest first, with what each row is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN

from billing import attention
from models import (
    AccessRequest,
    Attention,
    BillingGroup,
    Customer,
    Import,
    ImportItem,
    Invoice,
    Letter,
    Membership,
    Payment,
    Person,
    SignIn,
    Staff,
    Table,
)
from money import Money

PAGE = 50


@dataclass(frozen=True)
class Subject:
    """What a row is about: its own name for people, and where staff find it ("" where there is no page)."""

    kind: str
    name: str = ""
    customer: str = ""
    url: str = ""
    amount: Money | None = None
    at: datetime | None = None  # of an import, which has no other name


@dataclass(frozen=True)
class Item:
    """Something staff must look at. `kind` picks the words, `details` complete them."""

    id: int
    kind: str
    at: datetime
    subject: Subject
    details: dict[str, Any]
    settled_at: datetime | None = None
    settled_by: str = ""

    @property
    def wants_decision(self) -> bool:
        """Whether it is settled only by deciding: nobody can put it away as done."""
        return self.kind in attention.BY_DECISION


@dataclass(frozen=True)
class InboxPage:
    items: tuple[Item, ...]
    older: str = ""  # the key of what follows
    newer: str = ""  # "0" where there is a beginning to go back to


def page(*, settled: bool = False, after: str = "", limit: int = PAGE) -> InboxPage:
    """What is open, oldest first; or what was settled, newest first. One query more for each kind of subject."""
    key = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
    query = Attention.select().where(Attention.settled_at.is_null(not settled)).limit(limit + 1)
    if settled:
        query = query.order_by(Attention.id.desc())
        query = query.where(Attention.id < key) if key else query
    else:
        query = query.where(Attention.id > key).order_by(Attention.id)
    rows = list(query)
    more, rows = len(rows) > limit, rows[:limit]
    return InboxPage(tuple(_items(rows)), older=str(rows[-1].id) if more else "", newer="0" if key else "")


def about(subject: Table) -> tuple[Item, ...]:
    """What is open about one thing."""
    rows = Attention.select().where(
        Attention.subject_kind == subject._meta.table_name,
        Attention.subject_id == subject.id,
        Attention.settled_at.is_null(),
    )
    return tuple(_items(list(rows.order_by(Attention.id))))


def subjects(named: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Subject]:
    """Names and pages of rows told by (table's name, id): one query for each kind. What is gone is left out."""
    ids: dict[str, set[int]] = {}
    for kind, id in named:
        ids.setdefault(kind, set()).add(id)
    found: dict[tuple[str, int], Subject] = {}
    for kind, wanted in ids.items():
        if kind in _FINDERS:
            for id, subject in _FINDERS[kind](list(wanted)):
                found[kind, id] = subject
    return found


def _items(rows: list[Attention]) -> list[Item]:
    known = subjects((row.subject_kind, row.subject_id) for row in rows)
    people = {row.settled_by for row in rows if row.settled_by}
    names = dict(Staff.select(Staff.id, Staff.name).where(Staff.id.in_(list(people))).tuples()) if people else {}
    return [
        Item(
            id=row.id,
            kind=row.kind,
            at=row.at,
            subject=known.get((row.subject_kind, row.subject_id), Subject(row.subject_kind)),
            details=_with_money(row.details),
            settled_at=row.settled_at,
            settled_by=names.get(row.settled_by, ""),
        )
        for row in rows
    ]


def _with_money(details: dict[str, Any]) -> dict[str, Any]:
    """The details, with what was captured as an amount where its currency is told beside it."""
    currency = details.get("captured_currency") or details.get("currency")
    if not currency:
        return details
    return {
        name: Money(value, currency) if name in ("captured", "amount") and isinstance(value, int) else value
        for name, value in details.items()
    }


def _payments(ids: list[int]) -> list[tuple[int, Subject]]:
    query = (
        Payment.select(
            Payment.id, Payment.public_id, Payment.amount, Payment.currency, Customer.name, Payment.guest_name
        )
        .join(BillingGroup, JOIN.LEFT_OUTER)
        .join(Customer, JOIN.LEFT_OUTER)
        .where(Payment.id.in_(ids))
        .tuples()
    )
    return [
        (id, Subject("payment", ref, customer or guest, f"/admin/payments/{ref}", Money(amount, currency)))
        for id, ref, amount, currency, customer, guest in query
    ]


def _invoices(ids: list[int]) -> list[tuple[int, Subject]]:
    query = (
        Invoice.select(
            Invoice.id, Invoice.number, Invoice.address, Invoice.total, Invoice.currency, Customer.name, Invoice.kind
        )
        .join(BillingGroup)
        .join(Customer)
        .where(Invoice.id.in_(ids))
        .tuples()
    )
    return [
        (id, Subject(kind, number, customer, f"/admin/invoices/{address}", Money(total, currency)))
        for id, number, address, total, currency, customer, kind in query
    ]


def _groups(ids: list[int]) -> list[tuple[int, Subject]]:
    query = (
        BillingGroup.select(BillingGroup.id, BillingGroup.currency, Customer.name, Customer.public_id)
        .join(Customer)
        .where(BillingGroup.id.in_(ids))
        .tuples()
    )
    return [
        (id, Subject("customer", f"{name} ({currency})", name, f"/admin/customers/{public_id}"))
        for id, currency, name, public_id in query
    ]


def _customers(ids: list[int]) -> list[tuple[int, Subject]]:
    query = Customer.select(Customer.id, Customer.name, Customer.public_id).where(Customer.id.in_(ids)).tuples()
    return [(id, Subject("customer", name, name, f"/admin/customers/{public_id}")) for id, name, public_id in query]


def _imports(ids: list[int]) -> list[tuple[int, Subject]]:
    query = Import.select(Import.id, Import.public_id, Import.created_at).where(Import.id.in_(ids)).tuples()
    return [(id, Subject("import", public_id, url=f"/admin/imports/{public_id}", at=at)) for id, public_id, at in query]


def _import_items(ids: list[int]) -> list[tuple[int, Subject]]:
    query = (
        ImportItem.select(
            ImportItem.id,
            ImportItem.number,
            ImportItem.file_name,
            ImportItem.payable,
            ImportItem.currency,
            Import.public_id,
        )
        .join(Import)
        .where(ImportItem.id.in_(ids))
        .tuples()
    )
    return [
        (
            id,
            Subject(
                "document",
                number or file_name,
                url=f"/admin/imports/{run}#item-{id}",
                amount=Money(payable, currency) if payable is not None and currency else None,
            ),
        )
        for id, number, file_name, payable, currency, run in query
    ]


def _letters(ids: list[int]) -> list[tuple[int, Subject]]:
    query = Letter.select(Letter.id, Letter.to).where(Letter.id.in_(ids)).tuples()
    return [(id, Subject("letter", to)) for id, to in query]


def _people(ids: list[int]) -> list[tuple[int, Subject]]:
    query = Person.select(Person.id, Person.name, Person.public_id).where(Person.id.in_(ids)).tuples()
    return [(id, Subject("person", name, url=f"/admin/people/{public_id}")) for id, name, public_id in query]


def _memberships(ids: list[int]) -> list[tuple[int, Subject]]:
    query = (
        Membership.select(Membership.id, Person.name, Person.public_id, BillingGroup.name)
        .join(Person)
        .switch(Membership)
        .join(BillingGroup)
        .where(Membership.id.in_(ids))
        .tuples()
    )
    return [
        (id, Subject("membership", name, company, f"/admin/people/{public_id}"))
        for id, name, public_id, company in query
    ]


def _staff(ids: list[int]) -> list[tuple[int, Subject]]:
    query = Staff.select(Staff.id, Staff.name).where(Staff.id.in_(ids)).tuples()
    return [(id, Subject("staff", name, url="/admin/settings/people")) for id, name in query]


def _sign_ins(ids: list[int]) -> list[tuple[int, Subject]]:
    """A link by whom it was mailed to: a person or one of staff, else the address alone."""
    query = (
        SignIn.select(
            SignIn.id, SignIn.purpose, SignIn.email, Person.name, Person.public_id, Staff.name, BillingGroup.name
        )
        .join(Person, JOIN.LEFT_OUTER)
        .switch(SignIn)
        .join(Staff, JOIN.LEFT_OUTER)
        .switch(SignIn)
        .join(BillingGroup, JOIN.LEFT_OUTER)
        .where(SignIn.id.in_(ids))
        .tuples()
    )
    return [
        (
            id,
            Subject(
                "invitation" if purpose == SignIn.INVITE else "sign_in",
                (email if purpose == SignIn.INVITE else None) or person or staff or email or "",
                company or "",
                f"/admin/people/{public_id}" if public_id else "",
            ),
        )
        for id, purpose, email, person, public_id, staff, company in query
    ]


def _requests(ids: list[int]) -> list[tuple[int, Subject]]:
    query = (
        AccessRequest.select(AccessRequest.id, AccessRequest.email, AccessRequest.public_id, BillingGroup.name)
        .join(BillingGroup)
        .where(AccessRequest.id.in_(ids))
        .tuples()
    )
    return [
        (id, Subject("access_request", email, company, f"/admin/access-requests/{public_id}"))
        for id, email, public_id, company in query
    ]


_FINDERS = {
    "person": _people,
    "membership": _memberships,
    "staff": _staff,
    "sign_in": _sign_ins,
    "access_request": _requests,
    "payment": _payments,
    "invoice": _invoices,
    "billing_group": _groups,
    "customer": _customers,
    "import": _imports,
    "import_item": _import_items,
    "letter": _letters,
}
