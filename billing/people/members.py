"""Memberships: who is let into a billing group, how far they may go there and until when, and who is put out of it.

Whoever changes a group's access holds that group until the commit, so that two managers who put each other out at the
same moment leave one of them behind.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from billing import access, groups, history, sessions
from billing import settings as settings_of
from billing.errors import LastManager, NotAllowed
from billing.people.addresses import fold, one_line
from billing.settings import Settings
from database import insert_once, retried, transaction
from models import BillingGroup, Membership, Person, SignIn, Staff

RANK = Membership.RANK


def make_person(email: str, *, by: Staff | Person | history.Actor, now: datetime, name: str = "") -> Person:
    """The person of an address, made where there is none; in the caller's transaction. Raises ValueError."""
    folded = fold(email)
    made = insert_once(
        Person, public_id=secrets.token_hex(8), email=folded, name=one_line(name) or folded, created_at=now
    )
    person: Person = Person.get(Person.email == folded)
    if made:
        history.record(person, "person_made", by=by, now=now)
    return person


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

    Whoever was removed stays removed: only an invitation, or *Put back*, lets them in again. Raises ValueError where
    the address cannot be one.
    """
    _check(role)
    with transaction():
        person = make_person(email, by=by, now=now, name=name)
        made = insert_once(Membership, person=person, group=group, role=role, created_at=now)
        if made or (
            Membership.update(role=role, expires_at=None)
            .where(
                Membership.person == person,
                Membership.group == group,
                Membership.removed_at.is_null(),
                Membership.role << _below(role) | (Membership.expires_at <= now),
            )
            .execute()
        ):
            _note(_row(person, group), "member_made", by=by, now=now, role=role)
    return person


def let_in(
    person: Person,
    group: BillingGroup,
    role: str,
    until: datetime | None,
    *,
    by: Staff | Person | history.Actor,
    now: datetime,
) -> bool:
    """Open a group to somebody who was asked in by name, even where they were removed before; whether that changed it.

    Nobody loses by it: a greater role stays as it is, and the same one lasts until the later of the two ends. In the
    caller's transaction.
    """
    _check(role)
    groups.hold(group)
    row: Membership | None = Membership.get_or_none(Membership.person == person, Membership.group == group)
    if row is None or not _is_alive(row, now):
        place = access.role_in(access.groups(person, now), group)  # what a rule gives, if nobody put them out
        if place is not None and RANK[place] > RANK[role]:
            return False
    elif RANK[row.role] > RANK[role]:
        return False
    elif row.role == role:
        until = None if row.expires_at is None or until is None else max(until, row.expires_at)
        if until == row.expires_at:
            return False
    if row is None:
        row = Membership.create(person=person, group=group, role=role, created_at=now, expires_at=until)
    else:
        Membership.update(role=role, expires_at=until, removed_at=None).where(Membership.id == row.id).execute()
    _note(row, "member_made", by=by, now=now, role=role, **_until(until))
    return True


def change_role(
    membership: Membership, role: str, until: datetime | None, *, by: Staff | Person | history.Actor, now: datetime
) -> bool:
    """Let a member do more or less from their next page on, for good or until an instant; whether anything changed.

    Raises LastManager and NotAllowed as `give_role` does.
    """
    return give_role(membership.person, membership.group, role, until, by=by, now=now)


@retried
def give_role(
    person: Person,
    group: BillingGroup,
    role: str,
    until: datetime | None,
    *,
    by: Staff | Person | history.Actor,
    now: datetime,
    settings: Settings | None = None,
) -> bool:
    """The same for anybody who may see the group now, whether a membership or a rule let them in.

    Raises LastManager where a manager would lower themself and nobody else manages, NotAllowed where a person who does
    not manage the group (any more) gives it, or where the person has no place in the group.
    """
    _check(role)
    settings = settings or settings_of.load()
    with transaction():
        groups.hold(group)
        place = access.role_in(access.groups(person, now, settings), group)
        if place is None:
            raise NotAllowed
        may_manage(by, group, now, settings, role, until)
        if (role != Membership.MANAGE or until is not None) and _is_self(by, person):
            _leave_a_manager(person, group, now, settings)
        row: Membership | None = Membership.get_or_none(Membership.person == person, Membership.group == group)
        if row is not None and _is_alive(row, now) and (row.role, row.expires_at) == (role, until):
            return False
        if row is None:
            row = Membership.create(person=person, group=group, role=role, created_at=now, expires_at=until)
        else:
            Membership.update(role=role, expires_at=until).where(Membership.id == row.id).execute()
        _note(row, "role_changed", by=by, now=now, before=place, role=role, **_until(until))
    return True


@retried
def remove(
    person: Person,
    group: BillingGroup,
    *,
    by: Staff | Person | history.Actor,
    now: datetime,
    settings: Settings,
) -> bool:
    """Put somebody out of a group; whether they had a place there. Whom only a rule let in is shut out from now on.

    Invitations on their way to them are withdrawn. Whoever has no place left anywhere is signed out everywhere. Raises
    LastManager and NotAllowed as `give_role` does.
    """
    with transaction():
        groups.hold(group)
        role = access.role_in(access.groups(person, now, settings), group)
        if role is None:
            return False
        may_manage(by, group, now, settings)
        if _is_self(by, person):
            _leave_a_manager(person, group, now, settings)
        row: Membership | None = Membership.get_or_none(Membership.person == person, Membership.group == group)
        if row is None:
            row = Membership.create(person=person, group=group, role=role, created_at=now, removed_at=now)
        else:
            Membership.update(removed_at=now).where(Membership.id == row.id).execute()
        SignIn.update(replaced_at=now).where(
            SignIn.purpose == SignIn.INVITE,
            SignIn.group == group,
            SignIn.email == person.email,
            SignIn.used_at.is_null(),
            SignIn.replaced_at.is_null(),
        ).execute()
        _note(row, "member_removed", by=by, now=now, role=role)
        if not access.groups(person, now, settings):
            sessions.end_all(person, now=now, by=history.actor(by), because=sessions.REMOVED)
    return True


@retried
def bring_back(person: Person, group: BillingGroup, *, by: Staff | Person | history.Actor, now: datetime) -> bool:
    """Put back somebody who was removed, with the role and the end they had; whether they were out.

    Raises NotAllowed where a person who does not manage the group (any more) does it.
    """
    with transaction():
        groups.hold(group)
        row: Membership | None = Membership.get_or_none(Membership.person == person, Membership.group == group)
        if row is None or row.removed_at is None:
            return False
        may_manage(by, group, now, settings_of.load(), row.role, row.expires_at)
        Membership.update(removed_at=None).where(Membership.id == row.id).execute()
        _note(row, "member_back", by=by, now=now, role=row.role, **_until(row.expires_at))
    return True


def may_manage(
    by: Staff | Person | history.Actor,
    group: BillingGroup,
    now: datetime,
    settings: Settings,
    role: str = "",
    until: datetime | None = None,
) -> None:
    """Staff, and people who manage the group, change its access; nobody gives more than they have. Raises NotAllowed.

    `role` and `until`: what is given. Who has a pass that ends gives none that ends later: NotAllowed("beyond_pass").

    Asked inside the transaction that holds the group: who was put out a moment ago changes nothing.
    """
    actor = history.actor(by)
    if actor.kind != "person":
        return
    person: Person | None = Person.get_or_none(Person.id == actor.id)
    theirs = access.role_in(access.groups(person, now, settings), group) if person else None
    if theirs != Membership.MANAGE or RANK[role or theirs] > RANK[theirs]:
        raise NotAllowed
    own: Membership | None = Membership.get_or_none(Membership.person == person, Membership.group == group)
    ends = own.expires_at if own is not None and _is_alive(own, now) else None
    if role and ends is not None and (until is None or until > ends):
        raise NotAllowed("beyond_pass", until=ends)


def _leave_a_manager(person: Person, group: BillingGroup, now: datetime, settings: Settings) -> None:
    alive = Membership.expires_at.is_null() | (Membership.expires_at > now)
    others = Membership.select().where(
        Membership.group == group,
        Membership.person != person,
        Membership.role == Membership.MANAGE,
        Membership.removed_at.is_null(),
        alive,
    )
    if others.exists():
        return
    by_rule = access.by_rule(group, now, settings)
    if not any(role == Membership.MANAGE and other.id != person.id for other, role in by_rule):
        raise LastManager


def _is_self(by: Staff | Person | history.Actor, person: Person) -> bool:
    actor = history.actor(by)
    return actor.kind == "person" and actor.id == person.id


def _is_alive(row: Membership, now: datetime) -> bool:
    return row.removed_at is None and (row.expires_at is None or row.expires_at > now)


def _row(person: Person, group: BillingGroup) -> Membership:
    row: Membership = Membership.get(Membership.person == person, Membership.group == group)
    return row


def _note(row: Membership, event: str, *, by: Staff | Person | history.Actor, now: datetime, **details: str) -> None:
    history.record(row, event, by=by, now=now, **details)


def _until(until: datetime | None) -> dict[str, str]:
    return {} if until is None else {"until": until.isoformat()}


def _check(role: str) -> None:
    if role not in RANK:
        raise ValueError(f"no such role: {role}")


def _below(role: str) -> list[str]:
    return [lower for lower, rank in RANK.items() if rank < RANK[role]]
