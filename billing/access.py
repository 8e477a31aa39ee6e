"""Who may see which billing group, and how far they may go there. Scope is the query: what is not here is a 404."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Expression, ModelSelect

from billing import prepared
from billing.people import RANK
from models import BillingGroup, Customer, Membership, Person
from records import MemberView


@dataclass(frozen=True)
class Place:
    """A group that a person may see, and their role in it."""

    group: BillingGroup
    role: str


def groups(person: Person, now: datetime) -> tuple[Place, ...]:
    """Every group a person may see at an instant, by name. One query; empty: they may not sign in."""
    rows = prepared.found("groups of a person", _groups, person.id, Membership.expires_at.db_value(now))
    return tuple(Place(row.group, row.role) for row in rows)


def _groups(person: Any, now: Any) -> ModelSelect:
    return (
        Membership.select(Membership, BillingGroup, Customer)
        .join(BillingGroup)
        .join(Customer)
        .where(Membership.person == person, _alive(now))
        .order_by(BillingGroup.name, BillingGroup.currency, BillingGroup.id)
    )


def may_sign_in(person: Person, now: datetime) -> bool:
    """Whether any group is open to them."""
    return bool(Membership.select().where(Membership.person == person, _alive(now)).exists())


def members(group: BillingGroup, now: datetime) -> list[MemberView]:
    """The people who may see a group at an instant, by name."""
    rows = (
        Membership.select(Membership, Person)
        .join(Person)
        .where(Membership.group == group, _alive(now))
        .order_by(Person.name, Person.id)
    )
    return [MemberView(row.person.name, row.person.email, row.role, row.expires_at) for row in rows]


def role_in(places: tuple[Place, ...], group: BillingGroup | int) -> str | None:
    """The role in one of somebody's places; None: it is none of theirs."""
    wanted = group if isinstance(group, int) else group.id
    return next((place.role for place in places if place.group.id == wanted), None)


def goes_as_far_as(role: str | None, needed: str) -> bool:
    """view < pay < manage. Raises KeyError for a role that is none."""
    return role is not None and RANK[role] >= RANK[needed]


def _alive(now: Any) -> Expression:
    return Membership.expires_at.is_null() | (Membership.expires_at > now)
