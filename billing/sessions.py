"""Signed-in browsers. A session is a row; the cookie holds a random token, the row only its SHA-256.

Customers: ended after 12 idle hours and 30 days, after 90 days (a setting) where they stay signed in, after 30 idle
minutes and 2 hours on a device that is not theirs. Staff: 8 and 24 hours. Whoever still owes a second factor or a new
password: 15 minutes. A preview: 30.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, ModelSelect

from billing import devices, history, prepared
from database import transaction
from models import BillingGroup, Customer, Person, Session, SignIn, Staff
from records import SessionView

TOKEN_BYTES = 32
SEEN_EVERY = timedelta(minutes=5)
LONGEST_AGENT = 200
MOST_NOTICES = 5
FORGET_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class Limits:
    """How long a session lasts: without being used, and at all."""

    idle: timedelta
    absolute: timedelta


CUSTOMER = Limits(idle=timedelta(hours=12), absolute=timedelta(days=30))
REMEMBERED = Limits(idle=timedelta(days=90), absolute=timedelta(days=90))
PASSING = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=2))
STAFF = Limits(idle=timedelta(hours=8), absolute=timedelta(hours=24))
UNFINISHED = Limits(idle=timedelta(minutes=15), absolute=timedelta(minutes=15))
PREVIEW = Limits(idle=timedelta(minutes=30), absolute=timedelta(minutes=30))
PROOF_TO_LOOK = timedelta(minutes=15)  # how old a proof may be to open a page that changes what protects an account
PROOF_TO_DO = timedelta(minutes=30)  # and to send its form: nobody loses what they typed in between

# Why a session ended, where its own person did not sign out.
LOCKED, RESET, REMOVED, ELSEWHERE, STAFF_ENDED = "locked", "reset", "removed", "elsewhere", "staff"


def new_token() -> str:
    """What a cookie holds: 256 random bits that mean nothing until a row has their hash."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def begin(
    who: Person | Staff,
    *,
    now: datetime,
    remembered: bool = False,
    agent: str = "",
    group: BillingGroup | None = None,
    way: str = "",
    address: str = "",
    passing: bool = False,
    stage: str = Session.FULL,
    remember_days: int = 90,
) -> str:
    """Sign somebody in; the token for the cookie, always a new one. Staff are never remembered.

    `way`: how they proved who they are. `passing`: the device is not theirs. `stage`: what they still owe.
    """
    token = new_token()
    is_person = isinstance(who, Person)
    remembered = remembered and is_person and not passing
    session = Session(
        token_hash=_hash(token),
        person=who if is_person else None,
        staff=None if is_person else who,
        group=group,
        created_at=now,
        last_seen_at=now,
        remembered=remembered,
        passing=passing and is_person,
        agent=agent[:LONGEST_AGENT],
        stage=stage,
        way=way,
        address=address,
        proved_at=now,
    )
    session.expires_at = now + (
        timedelta(days=remember_days) if remembered and not stage else _limits(session).absolute
    )
    with transaction():
        session.save(force_insert=True)
        table = type(who)
        if not stage:
            table.update(last_sign_in_at=now).where(table.id == who.id).execute()
        by = history.Actor("person" if is_person else "staff", who.id, address)
        history.record(who, "signed_in" if not stage else "signed_in_half", by=by, now=now, session=session.id, way=way)
    return token


def begin_preview(staff: Staff, group: BillingGroup, *, now: datetime, agent: str = "", address: str = "") -> str:
    """Let staff look at a group's pages as its customers see them, for half an hour; the token for their cookie."""
    token = new_token()
    with transaction():
        session = Session.create(
            token_hash=_hash(token),
            staff=staff,
            group=group,
            created_at=now,
            last_seen_at=now,
            expires_at=now + PREVIEW.absolute,
            agent=agent[:LONGEST_AGENT],
            address=address,
            preview=True,
        )
        by = history.Actor("staff", staff.id, address)
        history.record(group, "previewed", by=by, now=now, session=session.id)
    return token


def find(token: str, now: datetime) -> Session | None:
    """The live session of a cookie's token, with its person, staff and group. One query."""
    rows = prepared.found("live session", _live, _hash(token), Session.expires_at.db_value(now))
    session: Session | None = rows[0] if rows else None
    if session is None or (not session.remembered and session.last_seen_at + _limits(session).idle <= now):
        return None
    if session.staff is not None and session.staff.removed_at is not None:
        return None
    return session


def _live(token_hash: Any, now: Any) -> ModelSelect:
    return (
        Session.select(Session, Person, Staff, BillingGroup, Customer)
        .join(Person, JOIN.LEFT_OUTER)
        .switch(Session)
        .join(Staff, JOIN.LEFT_OUTER)
        .switch(Session)
        .join(BillingGroup, JOIN.LEFT_OUTER)
        .join(Customer, JOIN.LEFT_OUTER)
        .where(Session.token_hash == token_hash, Session.ended_at.is_null(), Session.expires_at > now)
    )


def is_proved(session: Session, within: timedelta, now: datetime) -> bool:
    """Whether somebody proved who they are in this browser not longer ago."""
    return session.proved_at is not None and now - session.proved_at < within


def prove(session: Session, *, by: history.Actor, now: datetime, way: str) -> None:
    """They proved again who they are."""
    with transaction():
        Session.update(proved_at=now).where(Session.id == session.id).execute()
        who = session.person or session.staff
        if who is not None:
            history.record(who, "proved_again", by=by, now=now, session=session.id, way=way)


def live(who: Person | Staff, now: datetime) -> list[Session]:
    """The browsers somebody is signed in with, the newest first."""
    theirs = Session.person == who if isinstance(who, Person) else Session.staff == who
    rows = (
        Session.select()
        .where(theirs, Session.ended_at.is_null(), Session.expires_at > now, Session.preview == False)  # noqa: E712
        .order_by(Session.last_seen_at.desc(), Session.id.desc())
    )
    return [row for row in rows if row.remembered or row.last_seen_at + _limits(row).idle > now]


def one(who: Person | Staff, id: int, now: datetime) -> Session | None:
    """A browser somebody is signed in with; anybody else's is not there."""
    return next((session for session in live(who, now) if session.id == id), None)


def shown(who: Person | Staff, now: datetime, *, this: Session | None) -> list[SessionView]:
    """The same browsers to look at: the one that asks first."""
    views = [
        SessionView(
            id=row.id,
            browser=devices.browser(row.agent),
            device=devices.kind(row.agent),
            since=row.created_at,
            seen_at=row.last_seen_at,
            address=row.address,
            is_this=this is not None and row.id == this.id,
        )
        for row in live(who, now)
    ]
    return sorted(views, key=lambda view: not view.is_this)


def seen(session: Session, now: datetime) -> None:
    """Note that a session is used: at most every five minutes, in a transaction of its own."""
    if now - session.last_seen_at >= SEEN_EVERY:
        with transaction():
            Session.update(last_seen_at=now).where(Session.id == session.id, Session.last_seen_at < now).execute()


def look_at(session: Session, group: BillingGroup) -> None:
    """Make a group the one looked at. Whether they may see it is the caller's question, asked before."""
    with transaction():
        Session.update(group=group).where(Session.id == session.id).execute()


def end(session: Session, *, now: datetime, by: history.Actor | None = None, because: str | None = None) -> bool:
    """Sign out: the cookie opens nothing any more, wherever it was copied to. Whether it was live."""
    with transaction():
        ended = (
            Session.update(ended_at=now, ended_because=because)
            .where(Session.id == session.id, Session.ended_at.is_null())
            .execute()
        )
        who = session.person or session.staff
        if ended and who is not None:
            event = "preview_ended" if session.preview else "signed_out" if because is None else "session_ended"
            history.record(who, event, by=by or history.actor(who), now=now, session=session.id)
        if ended and session.staff_id is not None and not session.preview:  # a look goes with who looks
            Session.update(ended_at=now, ended_because=ELSEWHERE).where(
                Session.staff == session.staff_id,
                Session.preview == True,  # noqa: E712
                Session.ended_at.is_null(),
            ).execute()
        return bool(ended)


def end_all(
    who: Person | Staff,
    *,
    now: datetime,
    but: Session | None = None,
    by: history.Actor | None = None,
    because: str = ELSEWHERE,
) -> int:
    """End every session of somebody, previews too, this one perhaps excepted; how many ended.

    A change of address that one of them asked for is off: a thief's would outlive the cookie it was asked with.
    """
    theirs = Session.person == who if isinstance(who, Person) else Session.staff == who
    with transaction():
        SignIn.update(replaced_at=now).where(
            SignIn.person == (who.id if isinstance(who, Person) else 0),
            SignIn.purpose == SignIn.EMAIL,
            SignIn.used_at.is_null(),
            SignIn.replaced_at.is_null(),
        ).execute()
        ended = (
            Session.update(ended_at=now, ended_because=because)
            .where(theirs, Session.ended_at.is_null(), Session.id != (but.id if but else 0))
            .execute()
        )
        if ended:
            history.record(who, "sessions_ended", by=by or history.actor(who), now=now, count=ended, because=because)
        return int(ended)


def sweep(now: datetime) -> None:
    """Forget sessions that ended or ran out a month ago; history keeps who came and went."""
    with transaction():
        over = (Session.ended_at < now - FORGET_AFTER) | (Session.expires_at < now - FORGET_AFTER)
        Session.delete().where(over).execute()


def tell(session: Session, tone: str, text: str) -> None:
    """Keep a sentence for the next page: tone is good, wait, warn or bad."""
    with transaction():
        kept: list[Any] = Session.get_by_id(session.id).notices
        Session.update(notices=[*kept, [tone, text]][-MOST_NOTICES:]).where(Session.id == session.id).execute()


def told(session: Session) -> list[tuple[str, str]]:
    """The sentences kept for this page, each given out once."""
    if not session.notices:
        return []
    kept, session.notices = session.notices, []
    with transaction():
        Session.update(notices=[]).where(Session.id == session.id).execute()
    return [(tone, text) for tone, text in kept]


def _limits(session: Session) -> Limits:
    if session.preview:
        return PREVIEW
    if session.stage:
        return UNFINISHED
    if session.staff_id is not None:
        return STAFF
    if session.passing:
        return PASSING
    return REMEMBERED if session.remembered else CUSTOMER


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
