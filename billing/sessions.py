"""Signed-in browsers. A session is a row; the cookie holds a random token, the row only its SHA-256.

Customers: ended after 12 idle hours and 30 days, or after 90 days where they stay signed in. Staff: 8 and 24 hours.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, ModelSelect

from billing import history, prepared
from database import transaction
from models import BillingGroup, Customer, Person, Session, Staff

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
STAFF = Limits(idle=timedelta(hours=8), absolute=timedelta(hours=24))


def new_token() -> str:
    """What a cookie holds: 256 random bits that mean nothing until a row has their hash."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def begin(
    who: Person | Staff, *, now: datetime, remembered: bool = False, agent: str = "", group: BillingGroup | None = None
) -> str:
    """Sign somebody in; the token for the cookie, always a new one. Staff are never remembered."""
    token = new_token()
    is_person = isinstance(who, Person)
    remembered = remembered and is_person
    limits = _limits(is_person, remembered)
    with transaction():
        session = Session.create(
            token_hash=_hash(token),
            person=who if is_person else None,
            staff=None if is_person else who,
            group=group,
            created_at=now,
            last_seen_at=now,
            expires_at=now + limits.absolute,
            remembered=remembered,
            agent=agent[:LONGEST_AGENT],
        )
        table = type(who)
        table.update(last_sign_in_at=now).where(table.id == who.id).execute()
        history.record(who, "signed_in", by=who, now=now, session=session.id)
    return token


def find(token: str, now: datetime) -> Session | None:
    """The live session of a cookie's token, with its person, staff and group. One query."""
    rows = prepared.found("live session", _live, _hash(token), Session.expires_at.db_value(now))
    session: Session | None = rows[0] if rows else None
    if session is None or session.last_seen_at + _limits(session.staff is None, session.remembered).idle <= now:
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


def seen(session: Session, now: datetime) -> None:
    """Note that a session is used: at most every five minutes, in a transaction of its own."""
    if now - session.last_seen_at >= SEEN_EVERY:
        with transaction():
            Session.update(last_seen_at=now).where(Session.id == session.id, Session.last_seen_at < now).execute()


def look_at(session: Session, group: BillingGroup) -> None:
    """Make a group the one looked at. Whether they may see it is the caller's question, asked before."""
    with transaction():
        Session.update(group=group).where(Session.id == session.id).execute()


def end(session: Session, *, now: datetime) -> None:
    """Sign out: the cookie opens nothing any more, wherever it was copied to."""
    with transaction():
        if Session.update(ended_at=now).where(Session.id == session.id, Session.ended_at.is_null()).execute():
            who = session.person or session.staff
            if who is not None:
                history.record(who, "signed_out", by=who, now=now, session=session.id)


def end_all(who: Person | Staff, *, now: datetime, but: Session | None = None) -> int:
    """End every session of somebody, this one perhaps excepted; how many ended."""
    theirs = Session.person == who if isinstance(who, Person) else Session.staff == who
    with transaction():
        return int(
            Session.update(ended_at=now)
            .where(theirs, Session.ended_at.is_null(), Session.id != (but.id if but else 0))
            .execute()
        )


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


def _limits(is_person: bool, remembered: bool) -> Limits:
    if not is_person:
        return STAFF
    return REMEMBERED if remembered else CUSTOMER


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
