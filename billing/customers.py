"""Customers as the merchant sees them: the list, and what there is to know about one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from peewee import JOIN, ModelSelect, fn

from billing import access, invoices, payments, rules
from billing import groups as groups_of
from billing import settings as settings_of
from billing.groups import GroupAccess
from billing.settings import Settings
from models import AccessRule, BillingGroup, Customer, Invoice, Letter, Membership, Payment, Person
from money import Money
from records import InvoiceRow, MemberView, PaymentView

PAGE = 50
ROWS = 10  # of each list on a customer's page
ALL, OWING = "all", "owing"
NO_EMAIL, NOT_INVITED, INVITED, SIGNED_IN = "no-email", "not-invited", "invited", "signed-in"
FILTERS = (ALL, OWING, NOT_INVITED, INVITED, SIGNED_IN, NO_EMAIL)


@dataclass(frozen=True)
class CustomerRow:
    """A customer in the list. `access` is no-email, not-invited, invited or signed-in."""

    id: str
    name: str
    email: str
    open: tuple[Money, ...]  # per currency, the ones with something open
    overdue: bool
    access: str
    archived: bool
    url: str


@dataclass(frozen=True)
class CustomerPage:
    rows: tuple[CustomerRow, ...]
    older: str = ""  # the key of the next page in the alphabet
    newer: str = ""


@dataclass(frozen=True)
class GroupCard:
    """A billing group on its customer's page. `access`: the way in; it says whether the contract is over."""

    id: str
    name: str
    currency: str
    open: Money
    open_count: int
    overdue: Money
    overdue_count: int
    credit: Money
    access: GroupAccess
    last_sign_in_at: datetime | None  # of anybody who may see it


@dataclass(frozen=True)
class LetterRow:
    """A letter in a list of letters sent."""

    id: int
    kind: str
    to: str
    state: str
    at: datetime
    failure: str
    number: str = ""  # of the invoice it is about
    url: str = ""  # of that invoice, or of the payment
    reference: str = ""


@dataclass(frozen=True)
class CustomerView:
    """Everything on a customer's page. Lists are cut; `more_…` says that there is more."""

    row_id: int
    id: str
    name: str
    email: str
    phone: str
    address: tuple[str, ...]
    vat_number: str
    registration_number: str
    source: str
    source_id: str
    since: datetime
    access: str
    archived: bool
    groups: tuple[GroupCard, ...]
    invoices: tuple[InvoiceRow, ...]
    to_pay: tuple[InvoiceRow, ...]
    payments: tuple[PaymentView, ...]
    members: tuple[MemberView, ...]
    letters: tuple[LetterRow, ...]
    row_ids: tuple[int, ...]  # of the groups


def page(
    which: str = ALL,
    *,
    q: str = "",
    after: str = "",
    before: str = "",
    today: date,
    settings: Settings | None = None,
) -> CustomerPage:
    """A page of the list by name, by key. At most nine queries however many rows."""
    by_rules = _rules_count(settings or settings_of.load())
    query = Customer.select()
    if wanted := _of_filter(which, by_rules):
        query = query.where(*wanted)
    if q.strip():
        query = query.where(_matches(q))
    name = fn.LOWER(Customer.name)
    key, backwards = _key(after), False
    if key is None and (key := _key(before)) is not None:
        backwards = True
    if key:
        # both sides through the database's own lower(), which need not be Python's
        mark, id = fn.LOWER(key[0]), key[1]
        beyond = (name < mark) if backwards else (name > mark)
        same = (name == mark) & ((Customer.id < id) if backwards else (Customer.id > id))
        query = query.where(beyond | same)
    order = (name.desc(), Customer.id.desc()) if backwards else (name, Customer.id)
    rows = list(query.order_by(*order).limit(PAGE + 1))
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if backwards:
        rows.reverse()
    if not rows:
        return CustomerPage(())
    first, last = (f"{row.name}_{row.id}" for row in (rows[0], rows[-1]))
    return CustomerPage(
        tuple(_rows(rows, today, by_rules)),
        older=last if backwards or more else "",
        newer=first if (more if backwards else bool(key)) else "",
    )


def exist() -> bool:
    return bool(Customer.select().exists())


def one(public_id: str) -> Customer | None:
    if not public_id.isprintable():
        return None
    found: Customer | None = Customer.get_or_none(Customer.public_id == public_id)
    return found


def view(customer: Customer, *, now: datetime, today: date, settings: Settings) -> CustomerView:
    """Everything about one customer, in a fixed number of queries and two for each group."""
    groups = list(BillingGroup.select().where(BillingGroup.customer == customer.id).order_by(BillingGroup.id))
    for group in groups:
        group.customer = customer
    ids = [group.id for group in groups]
    seen = of_groups(ids, today=today)
    members = _members(groups, now, settings)
    by_rules = _rules_count(settings)
    return CustomerView(
        row_id=customer.id,
        id=customer.public_id,
        name=customer.name,
        email=customer.email or "",
        phone=customer.phone or "",
        address=address_lines(customer.address),
        vat_number=customer.vat_number or "",
        registration_number=customer.registration_number or "",
        source=customer.source or "",
        source_id=customer.source_id or "",
        since=customer.created_at,
        access=_access(
            customer.email,
            bool(members) or (by_rules and bool(_by_rule([customer.id]))),
            any(member.last_sign_in_at for member in members),
        ),
        archived=customer.archived_at is not None,
        groups=_cards(groups, today, by_rules),
        invoices=tuple(seen.first_rows(invoices.ALL, ROWS)) if ids else (),
        to_pay=tuple(seen.first_rows(invoices.TO_PAY, ROWS)) if ids else (),
        payments=tuple(payments.recent(ids, now=now, settings=settings, limit=ROWS)) if ids else (),
        members=members,
        letters=letters_where(Letter.group.in_(ids)) if ids else (),
        row_ids=tuple(ids),
    )


def of_groups(groups: list[int], *, today: date) -> invoices.Visible:
    """The merchant's view of some groups' invoices."""
    return invoices.everything(today=today, groups=groups)


def group_ids(customer: Customer) -> list[int]:
    return [id for (id,) in BillingGroup.select(BillingGroup.id).where(BillingGroup.customer == customer.id).tuples()]


def letters_where(*where: Any, limit: int = ROWS) -> tuple[LetterRow, ...]:
    """The newest letters, with what each is about. One query."""
    query = (
        Letter.select(
            Letter.id,
            Letter.kind,
            Letter.to,
            Letter.state,
            Letter.created_at,
            Letter.sent_at,
            Letter.failure,
            Invoice.number,
            Invoice.address,
            Payment.public_id,
        )
        .join(Invoice, JOIN.LEFT_OUTER)
        .switch(Letter)
        .join(Payment, JOIN.LEFT_OUTER)
        .where(*where)
        .order_by(Letter.id.desc())
        .limit(limit)
        .tuples()
    )
    return tuple(
        LetterRow(
            id=id,
            kind=kind,
            to=to,
            state=state,
            at=sent or made,
            failure=failure or "",
            number=number or "",
            reference=reference or "",
            url=f"/admin/invoices/{address}" if address else f"/admin/payments/{reference}" if reference else "",
        )
        for id, kind, to, state, made, sent, failure, number, address, reference in query
    )


def address_lines(address: dict[str, Any]) -> tuple[str, ...]:
    """An address, ready to print line by line."""
    place = " ".join(part for part in (address.get("postcode"), address.get("city")) if part)
    rest = (place, address.get("region"), address.get("country"))
    return tuple(line for line in (*(address.get("lines") or ()), *rest) if line)


def _rules_count(settings: Settings) -> bool:
    """Whether access rules let anybody in: else who they name was not invited by them."""
    return settings.enrolment != settings_of.INVITED and bool(AccessRule.select().exists())


def _of_filter(which: str, by_rules: bool) -> tuple[Any, ...]:
    if which == OWING:
        owing = BillingGroup.select().join(Invoice).where(BillingGroup.customer == Customer.id, Invoice.open > 0)
        return (fn.EXISTS(owing),)
    if which == NO_EMAIL:
        return (Customer.email.is_null() | (Customer.email == ""), ~_has_way_in(by_rules))
    if which == NOT_INVITED:
        return (~_has_way_in(by_rules), Customer.email != "")
    if which == INVITED:
        return (_has_way_in(by_rules), ~_came(by_rules))
    if which == SIGNED_IN:
        return (_came(by_rules),)
    return ()


def _has_way_in(by_rules: bool) -> Any:
    """Whether somebody may see an account of the customer, by name or by a rule."""
    found = fn.EXISTS(_members_of())
    if by_rules:
        found |= fn.EXISTS(AccessRule.select().join(BillingGroup).where(BillingGroup.customer == Customer.id))
    return found


def _came(by_rules: bool) -> Any:
    """Whether one of them has signed in."""
    found = fn.EXISTS(_members_of(Person.last_sign_in_at.is_null(False)))
    return found | Customer.id.in_(rules.customers_who_came()) if by_rules else found


def _members_of(*where: Any) -> ModelSelect:
    return (
        Membership.select()
        .join(BillingGroup)
        .switch(Membership)
        .join(Person)
        .where(BillingGroup.customer == Customer.id, Membership.removed_at.is_null(), *where)
    )


def _matches(q: str) -> Any:
    """Name, e-mail, VAT number, the number here or in the books."""
    word = unicodedata.normalize("NFC", " ".join(q.split()))[:100]
    return (
        Customer.name.contains(word)
        | Customer.email.contains(word)
        | (Customer.vat_number == word.upper().replace(" ", ""))
        | (Customer.source_id == word)
        | (Customer.public_id == word)
    )


def _rows(customers: list[Customer], today: date, by_rules: bool) -> list[CustomerRow]:
    ids = [customer.id for customer in customers]
    open_by: dict[int, list[Money]] = {}
    overdue: set[int] = set()
    sums = (
        Invoice.select(BillingGroup.customer, Invoice.currency, fn.SUM(Invoice.open), fn.MIN(Invoice.due_on))
        .join(BillingGroup)
        .where(BillingGroup.customer.in_(ids), Invoice.open > 0)
        .group_by(BillingGroup.customer, Invoice.currency)
        .order_by(Invoice.currency)
        .tuples()
    )
    for customer, currency, amount, first_due in sums:
        open_by.setdefault(customer, []).append(Money(int(amount), currency))
        if (date.fromisoformat(first_due) if isinstance(first_due, str) else first_due) < today:
            overdue.add(customer)
    members = (
        Membership.select(BillingGroup.customer, fn.MAX(Person.last_sign_in_at))
        .join(BillingGroup)
        .switch(Membership)
        .join(Person)
        .where(BillingGroup.customer.in_(ids), Membership.removed_at.is_null())
        .group_by(BillingGroup.customer)
        .tuples()
    )
    signed_in = dict(members)
    if by_rules:
        for customer, at in _by_rule(ids).items():
            signed_in[customer] = signed_in.get(customer) or at
    return [
        CustomerRow(
            id=customer.public_id,
            name=customer.name,
            email=customer.email or "",
            open=tuple(open_by.get(customer.id, ())),
            overdue=customer.id in overdue,
            access=_access(customer.email, customer.id in signed_in, bool(signed_in.get(customer.id))),
            archived=customer.archived_at is not None,
            url=f"/admin/customers/{customer.public_id}",
        )
        for customer in customers
    ]


def _by_rule(customers: list[int]) -> dict[int, datetime | None]:
    """Which customers' accounts a rule opens, and when somebody last came in by one. At most four queries."""
    query = (
        BillingGroup.select(BillingGroup.id, BillingGroup.customer)
        .join(AccessRule)
        .where(BillingGroup.customer.in_(customers))
        .distinct()
    )
    groups = dict(query.tuples())
    came = rules.last_sign_ins(list(groups))
    found: dict[int, datetime | None] = {}
    for group, customer in groups.items():
        found[customer] = came.get(group) or found.get(customer)
    return found


def _access(email: str | None, has_members: bool, signed_in: bool) -> str:
    if signed_in:
        return SIGNED_IN
    if has_members:
        return INVITED
    return NOT_INVITED if email else NO_EMAIL


def _cards(groups: list[BillingGroup], today: date, by_rules: bool) -> tuple[GroupCard, ...]:
    late = Invoice.due_on < today
    query = (
        Invoice.select(
            Invoice.group,
            fn.SUM(Invoice.open),
            fn.COUNT(1),
            fn.SUM(Invoice.open).filter(late),
            fn.COUNT(1).filter(late),
        )
        .where(Invoice.group.in_([group.id for group in groups]), Invoice.open > 0)
        .group_by(Invoice.group)
        .tuples()
    )
    sums = {group: rest for group, *rest in query} if groups else {}
    came = _last_sign_ins([group.id for group in groups], by_rules)
    cards = []
    for group in groups:
        amount, count, overdue, overdue_count = sums.get(group.id, (0, 0, 0, 0))
        cards.append(
            GroupCard(
                id=group.public_id,
                name=group.name,
                currency=group.currency,
                open=Money(int(amount), group.currency),
                open_count=count,
                overdue=Money(int(overdue or 0), group.currency),
                overdue_count=overdue_count or 0,
                credit=Money(group.credit, group.currency),
                access=groups_of.view(group, today),
                last_sign_in_at=came.get(group.id),
            )
        )
    return tuple(cards)


def _last_sign_ins(groups: list[int], by_rules: bool) -> dict[int, datetime]:
    """When somebody who may see a group last signed in, by the group's id. Four queries."""
    if not groups:
        return {}
    members = (
        Membership.select(Membership.group, fn.MAX(Person.last_sign_in_at))
        .join(Person)
        .where(Membership.group.in_(groups), Membership.removed_at.is_null(), Person.last_sign_in_at.is_null(False))
        .group_by(Membership.group)
    )
    found = rules.last_sign_ins(groups) if by_rules else {}
    for group, at in members.tuples():
        found[group] = max(at, found.get(group, at))
    return found


def _members(groups: list[BillingGroup], now: datetime, settings: Settings) -> tuple[MemberView, ...]:
    """People with access, members and those who come in by a rule, by address."""
    if not groups:
        return ()
    by_id = {group.id: group for group in groups}
    query = (
        Membership.select(Membership, Person)
        .join(Person)
        .where(Membership.group.in_(list(by_id)), Membership.removed_at.is_null())
    )
    found = [(row.person, row.group_id, row.role, row.expires_at) for row in query]
    for group in groups:
        came = access.by_rule(group, now, settings)
        coming = {person.id for person, _ in came}
        found = [row for row in found if row[1] != group.id or row[0].id not in coming]  # a pass that is over
        found += [(person, group.id, role, None) for person, role in came]
    return tuple(
        MemberView(
            name=person.name,
            email=person.email,
            role=role,
            until=until,
            group=f"{by_id[group].name} ({by_id[group].currency})",
            last_sign_in_at=person.last_sign_in_at,
            url=f"/admin/people/{person.public_id}",
        )
        for person, group, role, until in sorted(found, key=lambda row: (row[0].email, row[1]))
    )


def _key(text: str) -> tuple[str, int] | None:
    name, mark, id = text.rpartition("_")
    return (name, int(id)) if mark and id.isascii() and id.isdigit() and int(id) < 2**31 else None
