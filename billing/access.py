"""Who may see which billing group, and how far they may go there. Scope is the query: what is not here is a 404.

A membership speaks for its person alone: alive it gives its role, removed it shuts them out. Where there is none, or a
pass is over, the group's access rules give what they say about the person's address (unless only invited people may
sign in).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import Expression, ModelSelect, fn

from billing import prepared
from billing import settings as settings_of
from billing.settings import Settings
from database import is_sqlite
from models import AccessRule, BillingGroup, Customer, Membership, Person, Staff
from records import MemberView

RANK = Membership.RANK
LOCK_LASTS = timedelta(minutes=30)  # where a timer ends it


@dataclass(frozen=True)
class Place:
    """A group that a person may see, and their role in it."""

    group: BillingGroup
    role: str


def groups(person: Person, now: datetime, settings: Settings | None = None) -> tuple[Place, ...]:
    """Every group a person may see at an instant, by name. Two queries; empty: they may not sign in."""
    found: dict[int, Place] = {}
    shut: set[int] = set()
    at = Membership.expires_at.db_value(now)
    for row in prepared.found("memberships of a person", _memberships, person.id, at):
        if row.removed_at is not None:
            shut.add(row.group_id)
        else:
            found[row.group_id] = Place(row.group, row.role)
    if (settings or settings_of.load()).enrolment != settings_of.INVITED:
        decided = shut | set(found)
        local, _, domain = person.email.rpartition("@")
        for row in prepared.found("rules about an address", _rules, domain, local):
            other = found.get(row.group_id)
            if row.group_id not in decided and (other is None or RANK[row.role] > RANK[other.role]):
                found[row.group_id] = Place(row.group, row.role)
    return tuple(
        sorted(found.values(), key=lambda place: (place.group.name, place.group.currency, place.group.id))
        if len(found) > 1
        else found.values()
    )


def may_sign_in(person: Person, now: datetime, settings: Settings | None = None) -> bool:
    """Whether any group is open to them, or enrolment is to everybody; never while they are locked out."""
    settings = settings or settings_of.load()
    if is_locked(person, now, settings):
        return False
    return settings.enrolment == settings_of.OPEN or bool(groups(person, now, settings))


def is_allowed(email: str, now: datetime, settings: Settings, group: BillingGroup | None = None) -> bool:
    """Whether a folded address is let in by a rule: of one group, or of any. Who has no membership asks this."""
    if settings.enrolment == settings_of.INVITED:
        return False
    local, _, domain = email.rpartition("@")
    rows = prepared.found("rules about an address", _rules, domain, local)
    return any(group is None or row.group_id == group.id for row in rows)


def is_locked(who: Person | Staff, now: datetime, settings: Settings) -> bool:
    """Whether too many wrong passwords shut somebody out just now. A timer's lock ends by itself."""
    if who.locked_at is None:
        return False
    return settings.lockout_ends_by != settings_of.TIMER or now < who.locked_at + LOCK_LASTS


def members(group: BillingGroup, now: datetime) -> list[MemberView]:
    """The people who may see a group at an instant, by name; those too who came by a rule."""
    rows = (
        Membership.select(Membership, Person)
        .join(Person)
        .where(Membership.group == group, Membership.removed_at.is_null(), _alive(now))
        .order_by(Person.name, Person.id)
    )
    views = [MemberView(row.person.name, row.person.email, row.role, row.expires_at) for row in rows]
    views += [MemberView(person.name, person.email, role) for person, role in by_rule(group, now)]
    return sorted(views, key=lambda view: view.name)


def by_rule(group: BillingGroup, now: datetime, settings: Settings | None = None) -> list[tuple[Person, str]]:
    """The people whom only a rule lets into a group, with their role. Two queries."""
    if (settings or settings_of.load()).enrolment == settings_of.INVITED:
        return []
    rules = AccessRule.select().where(AccessRule.group == group)
    roles = {(rule.domain, rule.local): rule.role for rule in rules}
    if not roles:
        return []
    decided = Membership.select(Membership.person).where(
        Membership.group == group, Membership.removed_at.is_null(False) | _alive(now)
    )
    there = host().in_({domain for domain, _ in roles})
    people = Person.select().where(there, Person.id.not_in(decided)).order_by(Person.name, Person.id)
    return [(person, role) for person in people if (role := _by(roles, person.email))]


def host() -> Expression:
    """The domain of a person's address, which holds one @. No index knows it: whoever asks looks at everybody once."""
    return fn.SUBSTR(Person.email, _at() + 1)


def local_part() -> Expression:
    """What stands before it."""
    return fn.SUBSTR(Person.email, 1, _at() - 1)


def _at() -> Expression:
    return (fn.INSTR if is_sqlite() else fn.STRPOS)(Person.email, "@")


def left_out_by_invitation(now: datetime) -> int:
    """How many people come in by rules alone: were only invited people let in, no group would be open to them.

    Costs a look at everybody's address, three queries.
    """
    by_name: dict[str, set[int]] = {}
    for rule in AccessRule.select():
        by_name.setdefault(f"{rule.local}@{rule.domain}", set()).add(rule.group_id)
    if not by_name:
        return 0
    shut: dict[int, set[int]] = {}
    for person, group in (
        Membership.select(Membership.person, Membership.group).where(Membership.removed_at.is_null(False)).tuples()
    ):
        shut.setdefault(person, set()).add(group)
    inside = Membership.select(Membership.person).where(Membership.removed_at.is_null(), _alive(now))
    count = 0
    for id, email in Person.select(Person.id, Person.email).where(Person.id.not_in(inside)).tuples():
        open_to = by_name.get(email, set()) | by_name.get("@" + email.rpartition("@")[2], set())
        count += bool(open_to - shut.get(id, set()))
    return count


def _by(roles: dict[tuple[str, str], str], email: str) -> str:
    """The role that a group's rules give an address; "" for none. A domain and an address in it never both do."""
    local, _, domain = email.rpartition("@")
    return roles.get((domain, "")) or roles.get((domain, local), "")


def role_in(places: tuple[Place, ...], group: BillingGroup | int) -> str | None:
    """The role in one of somebody's places; None: it is none of theirs."""
    wanted = group if isinstance(group, int) else group.id
    return next((place.role for place in places if place.group.id == wanted), None)


def goes_as_far_as(role: str | None, needed: str) -> bool:
    """view < pay < manage. Raises KeyError for a role that is none."""
    return role is not None and RANK[role] >= RANK[needed]


def _memberships(person: Any, now: Any) -> ModelSelect:
    return (
        Membership.select(Membership, BillingGroup, Customer)
        .join(BillingGroup)
        .join(Customer)
        .where(Membership.person == person, Membership.removed_at.is_null(False) | _alive(now))
    )


def _rules(domain: Any, local: Any) -> ModelSelect:
    return (
        AccessRule.select(AccessRule, BillingGroup, Customer)
        .join(BillingGroup)
        .join(Customer)
        .where(AccessRule.domain == domain, (AccessRule.local == "") | (AccessRule.local == local))
    )


def _alive(now: Any) -> Expression:
    return Membership.expires_at.is_null() | (Membership.expires_at > now)
