"""People as managers and staff see them: those of a group, and everything about one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing import access
from billing.people.addresses import person_by_email
from billing.settings import Settings
from models import BillingGroup, Customer, Membership, Person

IN, ENDED, REMOVED = "in", "ended", "removed"


@dataclass(frozen=True)
class GroupPerson:
    """Somebody in a group's list. `state`: in, ended (their time is over), removed. `by_rule`: no membership yet."""

    id: str
    name: str
    email: str
    role: str
    state: str
    until: datetime | None
    by_rule: bool
    last_sign_in_at: datetime | None
    locked: bool

    @property
    def url(self) -> str:
        return f"/admin/people/{self.id}"


@dataclass(frozen=True)
class PlaceView:
    """A company somebody may see, or could: on their own page. `group`: its public id."""

    group: str
    company: str
    currency: str
    role: str
    state: str
    until: datetime | None
    by_rule: bool
    url: str


@dataclass(frozen=True)
class PersonDetails:
    """Everything about one person that staff may read."""

    row_id: int
    id: str
    name: str
    email: str
    user_id: str  # empty: the e-mail is the user id
    has_password: bool
    password_temporary_until: datetime | None
    failed_sign_ins: int
    locked_at: datetime | None  # None where they are not locked out just now
    since: datetime
    last_sign_in_at: datetime | None
    places: tuple[PlaceView, ...]


def people_of_group(group: BillingGroup, now: datetime, settings: Settings) -> tuple[GroupPerson, ...]:
    """Everybody who may see a group, by name, then those whose time is over or who were removed. Four queries."""
    rows = Membership.select(Membership, Person).join(Person).where(Membership.group == group)
    by_rule = access.by_rule(group, now, settings)
    held = {person.id for person, _ in by_rule}
    found = [_of_row(row, now, settings) for row in rows if row.person_id not in held]
    found += [_of_group(person, role, IN, None, True, now, settings) for person, role in by_rule]
    return tuple(sorted(found, key=lambda one: (one.state != IN, one.name.casefold(), one.email)))


def one_of_group(group: BillingGroup, public_id: str, now: datetime, settings: Settings) -> Person | None:
    """Somebody by their public id whom a group knows: a member, removed or not, or one whom its rules let in."""
    person = person_by_id(public_id)
    if person is None:
        return None
    known = Membership.select().where(Membership.person == person, Membership.group == group).exists()
    return person if known or access.role_in(access.groups(person, now, settings), group) is not None else None


def has_place(email: str, group: BillingGroup, now: datetime, settings: Settings) -> bool:
    """Whether somebody of that address may see a group now."""
    person = person_by_email(email)
    return person is not None and access.role_in(access.groups(person, now, settings), group) is not None


def person_by_id(public_id: str) -> Person | None:
    if not public_id.isprintable():
        return None
    found: Person | None = Person.get_or_none(Person.public_id == public_id)
    return found


def details(person: Person, now: datetime, settings: Settings) -> PersonDetails:
    """Everything about one person. Three queries."""
    return PersonDetails(
        row_id=person.id,
        id=person.public_id,
        name=person.name,
        email=person.email,
        user_id=person.user_id or "",
        has_password=person.password_hash is not None,
        password_temporary_until=person.password_temporary_until,
        failed_sign_ins=person.failed_sign_ins,
        locked_at=person.locked_at if access.is_locked(person, now, settings) else None,
        since=person.created_at,
        last_sign_in_at=person.last_sign_in_at,
        places=_places(person, now, settings),
    )


def _places(person: Person, now: datetime, settings: Settings) -> tuple[PlaceView, ...]:
    rows = (
        Membership.select(Membership, BillingGroup, Customer)
        .join(BillingGroup)
        .join(Customer)
        .where(Membership.person == person)
    )
    found = {row.group_id: _place(row.group, row.role, state_of(row, now), row.expires_at, False) for row in rows}
    for place in access.groups(person, now, settings):
        if place.group.id not in found or found[place.group.id].state != IN:
            found[place.group.id] = _place(place.group, place.role, IN, None, True)
    return tuple(sorted(found.values(), key=lambda one: (one.state != IN, one.company.casefold(), one.currency)))


def state_of(row: Membership, now: datetime) -> str:
    if row.removed_at is not None:
        return REMOVED
    return ENDED if row.expires_at is not None and row.expires_at <= now else IN


def _place(group: BillingGroup, role: str, state: str, until: datetime | None, by_rule: bool) -> PlaceView:
    url = f"/admin/customers/{group.customer.public_id}"
    return PlaceView(group.public_id, group.name, group.currency, role, state, until, by_rule, url)


def _of_row(row: Membership, now: datetime, settings: Settings) -> GroupPerson:
    return _of_group(row.person, row.role, state_of(row, now), row.expires_at, False, now, settings)


def _of_group(
    person: Person, role: str, state: str, until: datetime | None, by_rule: bool, now: datetime, settings: Settings
) -> GroupPerson:
    return GroupPerson(
        id=person.public_id,
        name=person.name,
        email=person.email,
        role=role,
        state=state,
        until=until,
        by_rule=by_rule,
        last_sign_in_at=person.last_sign_in_at,
        locked=access.is_locked(person, now, settings),
    )
