"""Who may sign in: people by their folded address, and how they become members of a billing group."""

from __future__ import annotations

import secrets
from datetime import datetime

import idna

from billing import history
from database import insert_once, transaction
from models import BillingGroup, Membership, Person, Staff

LONGEST_ADDRESS = 254  # RFC 5321: a path of 256 with its brackets
RANK = {Membership.VIEW: 1, Membership.PAY: 2, Membership.MANAGE: 3}


def fold(email: str) -> str:
    """An address as we keep and compare it: no space around it, lower case, the domain in its ASCII form (IDNA 2008).

    Whole local parts are folded too: RFC 5321 lets a host tell `Ada` from `ada`, no mail service does. Raises
    ValueError where it cannot be an address at all.
    """
    local, at, domain = email.strip().lower().rpartition("@")
    if not at or not local or not domain or any(ord(mark) < 33 or mark in '@,;<>()[]"\\' for mark in local):
        raise ValueError("not an e-mail address")
    try:
        domain = idna.encode(domain.rstrip("."), uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValueError("not an e-mail address") from None
    folded = f"{local}@{domain}"
    if "." not in domain or len(folded) > LONGEST_ADDRESS or any(mark.isspace() for mark in folded):
        raise ValueError("not an e-mail address")
    return folded


def mask(email: str) -> str:
    """`ada@acme.example` as `a•••@acme.example`: enough to know one's own, too little to learn another's."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def person_by_email(email: str) -> Person | None:
    """The person of an address, however it is written."""
    try:
        folded = fold(email)
    except ValueError:
        return None
    return Person.get_or_none(Person.email == folded)


def staff_by_email(email: str) -> Staff | None:
    try:
        folded = fold(email)
    except ValueError:
        return None
    return Staff.get_or_none(Staff.email == folded)


def make_member(
    email: str,
    group: BillingGroup,
    role: str,
    *,
    by: Staff | Person | history.Actor,
    now: datetime,
    name: str = "",
) -> Person:
    """Let an address sign in and see a group. A member keeps the greater role; one whose time was over begins anew.

    Raises ValueError where the address cannot be one.
    """
    folded = fold(email)
    if role not in RANK:
        raise ValueError(f"no such role: {role}")
    with transaction():
        made = insert_once(Person, public_id=secrets.token_hex(8), email=folded, name=name or folded, created_at=now)
        person: Person = Person.get(Person.email == folded)
        if made:
            history.record(person, "person_made", by=by, now=now)
        if insert_once(Membership, person=person, group=group, role=role, created_at=now) or (
            Membership.update(role=role, expires_at=None)
            .where(
                Membership.person == person,
                Membership.group == group,
                Membership.role << _below(role) | (Membership.expires_at <= now),
            )
            .execute()
        ):
            history.record(group, "member_made", by=by, now=now, person=person.id, role=role)
    return person


def make_staff(email: str, *, name: str = "", by: Staff | history.Actor, now: datetime) -> Staff:
    """One of the merchant's people; the one there is, where the address is known. Raises ValueError."""
    folded = fold(email)
    with transaction():
        made = insert_once(Staff, email=folded, name=name or folded, created_at=now)
        staff: Staff = Staff.get(Staff.email == folded)
        if made:
            history.record(staff, "staff_made", by=by, now=now)
    return staff


def _below(role: str) -> list[str]:
    return [lower for lower, rank in RANK.items() if rank < RANK[role]]
