"""Proving again who one is, in a browser that is signed in: before what protects an account is changed.

Wrong passwords count towards the lock as anywhere; codes have their five guesses. Who proves it signs in nowhere anew.
"""

from __future__ import annotations

from datetime import datetime

from billing import history, passwords, sessions, sign_ins
from billing.errors import SignInRefused, WrongCode
from billing.settings import Settings
from models import Person, Session, Staff


def by_password(
    session: Session, password: str, *, by: history.Actor, now: datetime, settings: Settings
) -> Person | Staff:
    """Take the password of whose session it is. Raises SignInRefused."""
    who: Person | Staff
    if session.staff is not None:
        who = passwords.check_staff(session.staff.email, password, by=by, now=now, settings=settings)
    else:
        who = passwords.check(session.person.email, password, by=by, now=now, settings=settings).person
    if who != (session.staff or session.person):
        raise SignInRefused
    sessions.prove(session, by=by, now=now, way="password")
    return who


def by_code(session: Session, code: str, *, by: history.Actor, now: datetime, settings: Settings) -> Person:
    """Take the newest code that was mailed to the person of a session. Raises WrongCode."""
    row = sign_ins.use_code(session.person.email, code, now=now, by=by, settings=settings)
    if row.person != session.person:
        raise WrongCode
    sessions.prove(session, by=by, now=now, way="code")
    return session.person
