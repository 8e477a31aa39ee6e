"""Proving who you are: links and codes by mail or printed by a command, and staff passwords.

A link lives 30 minutes and works once; looking at it uses nothing up. A code lives 15 minutes and dies at its fifth
wrong guess. The newest of a person replaces the older ones. Who may not sign in gets the same answer after the same
work, and no mail.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from peewee import JOIN

from billing import access, history, letters, links, people, sessions
from billing.errors import LinkUnusable, SignInRefused, WrongCode
from database import transaction
from models import Person, SignIn, Staff
from workers import queue

LINK_LIFE = timedelta(minutes=30)
CODE_LIFE = timedelta(minutes=15)
REUSABLE_LIFE = timedelta(days=3650)  # "until the demo stops": its next start replaces them
GUESSES = 5
FORGET_AFTER = timedelta(days=365)
SHORTEST_PASSWORD = 12  # characters; NIST SP 800-63B asks for 8 at least and no composition rules
LONGEST_PASSWORD = 256
CODE = "sign-in"

_hasher = PasswordHasher()  # Argon2id with the library's defaults (RFC 9106, low memory)
# Checked where there is no password to check, so that an unknown address costs the same 90 ms.
_nobody = _hasher.hash("nobody has this password")


def ask(email: str, next: str, *, now: datetime) -> None:
    """Mail a link and a code to an address that may sign in; nothing else happens for one that may not.

    Either way it costs one transaction and one nudge of the queue. The caller has asked whether the portal is on.
    """
    person = people.person_by_email(email)
    if person is not None and not access.may_sign_in(person, now):
        person = None
    _mail(person, next, now)


def ask_as_staff(email: str, next: str, *, now: datetime) -> None:
    """The same for the merchant's people."""
    _mail(people.staff_by_email(email), next, now)


def for_command(who: Person | Staff, *, now: datetime, next: str = "", reusable: bool = False) -> str:
    """A link to print: nothing is mailed. `reusable`: the demo's, any number of times until its next start."""
    with transaction():
        _replace(who, now, reusable=reusable)
        return links.sign_in(_make(who, next, now, life=REUSABLE_LIFE if reusable else LINK_LIFE, reusable=reusable).id)


def peek(token: str) -> SignIn:
    """The row of a link, without using it up, whatever its state. Raises LinkUnusable where there is none."""
    id = links.read(links.SIGN_IN, token)
    row: SignIn | None = _rows().where(SignIn.id == id).first() if isinstance(id, int) else None
    if row is None:
        raise LinkUnusable
    return row


def is_usable(row: SignIn, now: datetime) -> bool:
    """Whether a link would still sign somebody in."""
    fresh = row.replaced_at is None and row.link_expires_at > now and (row.reusable or row.used_at is None)
    return bool(fresh and (row.person is None or access.may_sign_in(row.person, now)))


def use(token: str, *, now: datetime) -> SignIn:
    """Sign in by a link, once. Raises LinkUnusable where it is used, replaced, too old, or access was taken away."""
    row = peek(token)
    if not is_usable(row, now) or not _spend(row, SignIn.link_expires_at > now, now=now):
        raise LinkUnusable
    return row


def use_code(email: str, code: str, *, now: datetime) -> SignIn:
    """Sign in by the newest code mailed to an address. Raises WrongCode for whatever is not right, in one way.

    A guess is counted before it is looked at, so that guesses made at once cannot be more than five.
    """
    digits = "".join(mark for mark in code if mark.isascii() and mark.isdigit())
    person = people.person_by_email(email)
    row: SignIn | None = (
        _rows()
        .where(
            SignIn.person == (person.id if person else 0), SignIn.code_expires_at > now, SignIn.replaced_at.is_null()
        )
        .order_by(SignIn.id.desc())
        .first()
    )
    id = row.id if row else 0
    with transaction():
        counted = (
            SignIn.update(guesses=SignIn.guesses + 1)
            .where(SignIn.id == id, SignIn.guesses < GUESSES, SignIn.used_at.is_null())
            .execute()
        )
    fits = links.code_fits(CODE, str(id), digits)
    if row is None or not counted or not fits or not person or not access.may_sign_in(person, now):
        raise WrongCode
    if not _spend(row, SignIn.code_expires_at > now, now=now):
        raise WrongCode
    return row


def code_of(row: SignIn) -> str:
    """The six digits that go with a link, for the letter that carries both."""
    return links.code(CODE, str(row.id))


def check_password(email: str, password: str, *, now: datetime) -> Staff:
    """The member of staff of an address and a password. Raises SignInRefused, in the same words and time for all."""
    password = password[:LONGEST_PASSWORD]
    staff = people.staff_by_email(email)
    hashed = staff.password_hash if staff else None
    fits = _fits(hashed or _nobody, password)
    if staff is None or hashed is None or not fits or staff.locked_at is not None:
        id = staff.id if staff else 0
        with transaction():
            Staff.update(failed_sign_ins=Staff.failed_sign_ins + 1).where(Staff.id == id).execute()
            history.note("staff", id, "sign_in_refused", by=history.Actor("visitor"), now=now)
        raise SignInRefused
    renewed = _hasher.hash(password) if _hasher.check_needs_rehash(hashed) else hashed
    with transaction():
        Staff.update(failed_sign_ins=0, password_hash=renewed).where(Staff.id == staff.id).execute()
        history.record(staff, "password_accepted", by=staff, now=now)
    return staff


def set_password(staff: Staff, password: str, *, by: Staff | history.Actor, now: datetime) -> None:
    """Choose a staff password. Raises ValueError where it is shorter than 12 or longer than 256 characters."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValueError("a password has 12 to 256 characters")
    hashed = _hasher.hash(password)
    with transaction():
        Staff.update(password_hash=hashed, failed_sign_ins=0, locked_at=None).where(Staff.id == staff.id).execute()
        history.record(staff, "password_set", by=by, now=now)


def end_reusable(*, now: datetime) -> None:
    """The demo's links work until it stops: the next start of anything on this database ends them."""
    with transaction():
        SignIn.update(replaced_at=now).where(SignIn.reusable == True, SignIn.replaced_at.is_null()).execute()  # noqa: E712


def sweep(now: datetime) -> None:
    """Forget links a year after they ran out: until then an old one is told that it is old, and offers a new one."""
    with transaction():
        SignIn.delete().where(SignIn.link_expires_at < now - FORGET_AFTER).execute()


def reset(staff: Staff, *, by: Staff | history.Actor, now: datetime) -> None:
    """The way back for who lost their password or is locked out: neither is left, and every browser is signed out."""
    with transaction():
        Staff.update(password_hash=None, failed_sign_ins=0, locked_at=None).where(Staff.id == staff.id).execute()
        sessions.end_all(staff, now=now)
        history.record(staff, "sign_in_reset", by=by, now=now)


def _mail(who: Person | Staff | None, next: str, now: datetime) -> None:
    letter: int | None = None
    with transaction():
        _replace(who, now, reusable=False)
        if who is not None:
            row = _make(who, next, now, life=LINK_LIFE, with_code=isinstance(who, Person))
            letter = letters.queue(
                "sign_in",
                cause=f"sign_in {row.id}",
                to=who.email,
                person=who if isinstance(who, Person) else None,
                staff=who if isinstance(who, Staff) else None,
                details={"sign_in": row.id},
                now=now,
            )
            history.record(row, "sign_in_asked", by=who, now=now)
        else:
            history.note("sign_in", 0, "sign_in_asked", by=history.Actor("visitor"), now=now)
    # 0 is nobody's: asked all the same, for the time it takes
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def _replace(who: Person | Staff | None, now: datetime, *, reusable: bool) -> None:
    theirs = SignIn.staff == who.id if isinstance(who, Staff) else SignIn.person == (who.id if who else 0)
    SignIn.update(replaced_at=now).where(theirs, SignIn.replaced_at.is_null(), SignIn.reusable == reusable).execute()


def _make(
    who: Person | Staff, next: str, now: datetime, *, life: timedelta, with_code: bool = False, reusable: bool = False
) -> SignIn:
    row: SignIn = SignIn.create(
        person=who if isinstance(who, Person) else None,
        staff=who if isinstance(who, Staff) else None,
        next=next,
        created_at=now,
        link_expires_at=now + life,
        code_expires_at=now + CODE_LIFE if with_code else None,
        reusable=reusable,
    )
    return row


def _spend(row: SignIn, fresh: Any, *, now: datetime) -> bool:
    """Mark it used, if nobody was quicker. A reusable one is never spent."""
    with transaction():
        return bool(
            SignIn.update(used_at=now)
            .where(
                SignIn.id == row.id,
                fresh,
                SignIn.replaced_at.is_null(),
                SignIn.used_at.is_null() | (SignIn.reusable == True),  # noqa: E712
            )
            .execute()
        )


def _rows() -> Any:
    return (
        SignIn.select(SignIn, Person, Staff).join(Person, JOIN.LEFT_OUTER).switch(SignIn).join(Staff, JOIN.LEFT_OUTER)
    )


def _fits(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
