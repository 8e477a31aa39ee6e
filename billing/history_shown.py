"""The history as staff read it: with the names of who and what, and the addresses it was asked from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Expression, ModelSelect, Select

from billing import callers, inbox
from models import (
    AccessRequest,
    AccessRule,
    History,
    Membership,
    Person,
    SignIn,
    Staff,
    Table,
)
from money import Money

LINES = 50  # of a history on a thing's own page
# Half of what one line says already: the session, or the proof, that followed.
SAID_ELSEWHERE = ("password_accepted",)
# Ids, and what a line's words say already.
UNTOLD = ("letter", "payment", "currency", "attempt", "from", "session", "rule", "passkey", "refund", "sign_in")


@dataclass(frozen=True)
class HistoryLine:
    """Who did what when. `event` picks the words, `details` complete them; `who` is "" for the machine's own."""

    at: datetime
    event: str
    actor: str  # person, staff, clock, gateway, command, visitor
    who: str
    details: tuple[tuple[str, str], ...]
    subject: inbox.Subject
    address: str = ""  # where over the network it was asked from; forgotten after a year


@dataclass(frozen=True)
class HistoryPage:
    lines: tuple[HistoryLine, ...]
    older: str = ""


def everything(after: str = "") -> HistoryPage:
    """Everything that happened, newest first, by key."""
    query = _told_lines().order_by(History.id.desc()).limit(LINES + 1)
    if after.isascii() and after.isdigit() and len(after) < 19:
        query = query.where(History.id < int(after))
    rows = list(query)
    more, rows = len(rows) > LINES, rows[:LINES]
    return HistoryPage(_lines(rows), older=str(rows[-1].id) if more else "")


def of(subject: Table) -> tuple[HistoryLine, ...]:
    """The history of one row, newest first."""
    return _newest((subject._meta.table_name, [subject.id]))


def of_customer(ids: tuple[int, ...], customer: int) -> tuple[HistoryLine, ...]:
    """The history of a customer, of their groups (`ids`) and of the people who may see them, newest first."""
    if not ids:
        return _newest(("customer", [customer]))
    members = Membership.select(Membership.id).where(Membership.group.in_(ids))
    people = _people_of(ids)
    sign_ins = SignIn.select(SignIn.id).where(SignIn.group.in_(ids) | SignIn.person.in_(people))
    asked = AccessRequest.select(AccessRequest.id).where(AccessRequest.group.in_(ids))
    return _newest(
        ("customer", [customer]),
        ("billing_group", list(ids)),
        ("membership", members),
        ("person", people),
        ("sign_in", sign_ins),
        ("access_request", asked),
    )


def of_person(person: Person) -> tuple[HistoryLine, ...]:
    """What happened to one person: names, memberships, sign-in, what they asked for."""
    return _newest(
        ("person", [person.id]),
        ("membership", Membership.select(Membership.id).where(Membership.person == person)),
        (
            "sign_in",
            SignIn.select(SignIn.id).where((SignIn.person == person) | (SignIn.email == person.email)),
        ),
        ("access_request", AccessRequest.select(AccessRequest.id).where(AccessRequest.email == person.email)),
    )


def _told_lines() -> ModelSelect:
    return History.select().where(History.event.not_in(SAID_ELSEWHERE))


def _people_of(groups: tuple[int, ...]) -> ModelSelect:
    """Who is or was a member of some groups, or has an address that their rules name."""
    known: Expression = Person.id.in_(Membership.select(Membership.person).where(Membership.group.in_(groups)))
    rules = AccessRule.select(AccessRule.domain, AccessRule.local).where(AccessRule.group.in_(groups))
    for domain, local in set(rules.tuples()):
        known |= (Person.email == f"{local}@{domain}") if local else Person.email.endswith(f"@{domain}")
    return Person.select(Person.id).where(known)


def _newest(*wanted: tuple[str, list[int] | Select]) -> tuple[HistoryLine, ...]:
    """The newest lines about rows told by (table's name, ids): one query for each kind, each by the index."""
    rows: list[History] = []
    for kind, ids in wanted:
        query = _told_lines().where(History.subject_kind == kind, History.subject_id.in_(ids))
        rows.extend(query.order_by(History.id.desc()).limit(LINES))
    return _lines(sorted(rows, key=lambda row: -row.id)[:LINES])


def _lines(rows: list[History]) -> tuple[HistoryLine, ...]:
    """History with the names of who and what, in a few queries however many lines."""
    people = _names(Person, {row.actor_id for row in rows if row.actor_kind == "person"})
    staff = _names(Staff, {row.actor_id for row in rows if row.actor_kind == "staff"})
    told = {row.details.get("person") for row in rows if isinstance(row.details.get("person"), int)}
    about = _names(Person, told)
    addresses = callers.addresses({row.details["from"] for row in rows if "from" in row.details})
    subjects = inbox.subjects((row.subject_kind, row.subject_id) for row in rows)
    return tuple(
        HistoryLine(
            at=row.at,
            event=row.event,
            actor=row.actor_kind,
            who=(staff if row.actor_kind == "staff" else people).get(row.actor_id, "")
            if row.actor_kind in ("person", "staff")
            else "",
            details=_told(row.details, about),
            subject=subjects.get((row.subject_kind, row.subject_id), inbox.Subject(row.subject_kind)),
            address=addresses.get(row.details.get("from", 0), ""),
        )
        for row in rows
    )


def _told(details: dict[str, Any], people: dict[int, str]) -> tuple[tuple[str, str], ...]:
    """Details as words and figures; ids of people by their names, amounts by their currency, other ids left out."""
    found = []
    currency = details.get("currency")
    for name, value in details.items():
        if name == "person":
            value = people.get(value, "")
        elif name == "amount" and currency:
            value = f"{Money(value, currency).decimal} {currency}"
        elif name in UNTOLD or isinstance(value, dict | list):
            continue
        if value not in ("", None):
            found.append((name, str(value)))
    return tuple(found)


def _names(table: type[Person] | type[Staff], ids: set[Any]) -> dict[int, str]:
    if not ids:
        return {}
    query = table.select(table.id, table.name, table.email).where(table.id.in_(list(ids)))
    return {id: name or email for id, name, email in query.tuples()}
