"""What becomes of links in the end, and of a member of staff who is locked out."""

from __future__ import annotations

from datetime import datetime, timedelta

from peewee import fn

from billing import history, second_factors, sessions
from database import transaction
from models import Person, SignIn, Staff
from workers import queue

FORGET_AFTER = timedelta(days=365)
FORGET_STRANGERS_AFTER = timedelta(days=30)


def end_reusable(*, now: datetime) -> None:
    """The demo's links work until it stops: the next start of anything on this database ends them."""
    with transaction():
        SignIn.update(replaced_at=now).where(SignIn.reusable == True, SignIn.replaced_at.is_null()).execute()  # noqa: E712


def sweep(now: datetime) -> None:
    """Forget links a year after they ran out: until then an old one is told that it is old, and offers a new one.

    The addresses of those who never became a person go after a month. The newest row stays, empty: SQLite would give
    its number to the next one, whom the old link would then let in.
    """
    strangers = SignIn.person.is_null() & SignIn.staff.is_null() & SignIn.email.not_in(Person.select(Person.email))
    old = SignIn.link_expires_at < now - FORGET_AFTER
    old |= strangers & (SignIn.link_expires_at < now - FORGET_STRANGERS_AFTER)
    with transaction():
        newest = SignIn.select(fn.MAX(SignIn.id)).scalar() or 0
        SignIn.delete().where(old, SignIn.id < newest).execute()
        SignIn.update(email="", name="", replaced_at=now).where(old, SignIn.id == newest).execute()


def reset(staff: Staff, *, by: Staff | history.Actor, now: datetime) -> None:
    """The way back for who lost their password or second factor, or is locked out: nothing of it is left.

    Every browser of theirs is signed out.
    """
    with transaction():
        Staff.update(password_hash=None, failed_sign_ins=0, locked_at=None).where(Staff.id == staff.id).execute()
        letter = second_factors.forget(staff, by=by, now=now)
        sessions.end_all(staff, now=now, by=history.actor(by), because=sessions.RESET)
        history.record(staff, "sign_in_reset", by=by, now=now)
    if letter:
        queue.enqueue("workers.letters.send", letter, queue="letters")
