"""Invitations: a letter whose link lets one address into one group, as far and as long as it says.

Whoever holds the link proves the address by it: it was mailed nowhere else. An invitation lives 14 days and works
once; the newest of an address about a group replaces the older ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import Expression, ModelSelect

from billing import dates, groups, history, letters, people, sign_ins
from billing import settings as settings_of
from billing.errors import BadRule
from database import retried, transaction
from models import BillingGroup, Person, SignIn, Staff
from workers import queue

LIFE = timedelta(days=14)
ONE_PRESS = timedelta(minutes=1)  # the same invitation once more within it is the same press of the button


@dataclass(frozen=True)
class InvitationView:
    """An invitation that nobody has taken up yet."""

    id: int
    email: str
    name: str
    role: str
    until: datetime | None  # the end of a pass
    sent_at: datetime
    ends_at: datetime  # when the link stops working


@retried
def invite(
    group: BillingGroup,
    email: str,
    role: str,
    *,
    name: str = "",
    until: datetime | None = None,
    by: Staff | Person | history.Actor,
    now: datetime,
) -> SignIn:
    """Mail somebody an invitation into a group, by staff or by who manages it. An earlier one stops working.

    Nothing else happens until they take it up. The same one asked for twice at once is mailed once. Raises ValueError
    where it cannot be an address, BadRule("contract_ended"), NotAllowed where a person does not manage the group.
    """
    folded = people.fold(email)
    if role not in people.RANK:
        raise ValueError(f"no such role: {role}")
    settings = settings_of.load()
    letter: int | None = None
    with transaction():
        if not groups.hold_open(group, dates.day(now, settings.timezone)):
            raise BadRule("contract_ended")
        people.may_manage(by, group, now, settings, role, until)
        last: SignIn | None = _open(group, now).where(SignIn.email == folded).order_by(SignIn.id.desc()).first()
        if last is not None and (last.role, last.member_until) == (role, until) and now - last.created_at < ONE_PRESS:
            return last
        row = sign_ins.make(
            SignIn.INVITE,
            email=folded,
            life=LIFE,
            name=people.one_line(name),
            group=group,
            role=role,
            member_until=until,
            now=now,
        )
        history.record(row, "invited", by=by, now=now, role=role)
        letter = letters.queue(
            "invitation",
            cause=f"invitation {row.id}",
            to=folded,
            person=people.person_by_email(folded),
            group=group,
            details={"sign_in": row.id},
            now=now,
        )
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")
    return row


def resend(row: SignIn, *, by: Staff | Person | history.Actor, now: datetime) -> SignIn | None:
    """Mail it once more, with a new link and 14 days from now; the old link stops working. None where it is over.

    Raises what `invite` raises.
    """
    if not _open(row.group, now).where(SignIn.id == row.id).exists():
        return None
    return invite(row.group, row.email, row.role, name=row.name, until=row.member_until, by=by, now=now)


@retried
def withdraw(row: SignIn, *, by: Staff | Person | history.Actor, now: datetime) -> bool:
    """Let an invitation open nothing any more; whether it was open. Raises NotAllowed as `invite` does."""
    with transaction():
        groups.hold(row.group)
        people.may_manage(by, row.group, now, settings_of.load())
        changed = (
            SignIn.update(replaced_at=now)
            .where(SignIn.id == row.id, SignIn.replaced_at.is_null(), SignIn.used_at.is_null())
            .execute()
        )
        if changed:
            history.record(row, "invitation_withdrawn", by=by, now=now)
        return bool(changed)


@retried
def accept(row: SignIn, *, by: Person | history.Actor, now: datetime) -> Person:
    """Make whoever holds the link a member as the invitation says. Who took it up is asked before, by spending it.

    They prove the address by it: it is a person's from now on. Somebody removed before comes back; a greater role that
    they have stays. A contract that ended since changes nothing: people keep reading.
    """
    with transaction():
        person = people.make_person(row.email, by=by, now=now, name=row.name)
        actor = history.actor(by)
        if actor.kind == "visitor":
            actor = history.Actor("person", person.id, actor.address)
        people.let_in(person, row.group, row.role, row.member_until, by=actor, now=now)
        history.record(row, "invitation_accepted", by=actor, now=now)
    return person


def open_of(group: BillingGroup, now: datetime) -> tuple[InvitationView, ...]:
    """The invitations of a group that wait to be taken up, the newest first. One query."""
    return tuple(
        InvitationView(
            id=row.id,
            email=row.email,
            name=row.name,
            role=row.role,
            until=row.member_until,
            sent_at=row.created_at,
            ends_at=row.link_expires_at,
        )
        for row in _open(group, now).order_by(SignIn.id.desc())
    )


def one(group: BillingGroup, id: int) -> SignIn | None:
    """An invitation into this group by its id, whatever became of it."""
    found: SignIn | None = SignIn.get_or_none(SignIn.id == id, _of(group)) if id < 2**31 else None
    return found


def _of(group: BillingGroup) -> Expression:
    return (SignIn.group == group) & (SignIn.purpose == SignIn.INVITE)


def _open(group: BillingGroup, now: datetime) -> ModelSelect:
    return SignIn.select().where(
        _of(group), SignIn.replaced_at.is_null(), SignIn.used_at.is_null(), SignIn.link_expires_at > now
    )
