"""Passwords, of customers and of staff: checked, chosen, mailed for one sign-in, and locked after ten wrong ones.

Kept as Argon2id. Whoever is refused hears one thing, after the same work: no such name, a wrong password, none chosen
yet, a temporary one too old, somebody locked out, nobody of whom any group wants to know.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from peewee import Case, fn

from billing import access, history, letters, links, people, sessions, weak_passwords
from billing import settings as settings_of
from billing.errors import BadPassword, NotAllowed, SignInRefused
from billing.settings import Settings
from database import retried, transaction
from models import Letter, Passkey, Person, Session, SignIn, Staff
from workers import queue

LOCK_AFTER = 10  # wrong ones in a row
TEMPORARY_LIFE = timedelta(hours=24)
SHORTEST = 12  # characters; NIST SP 800-63B asks for 8 at least and no composition rules
LONGEST = 256
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # of a temporary one: nothing that reads as something else
GROUPS, GROUP = 4, 4  # 79 bits
TEMPORARY = "temporary_password"
# Why nobody came in, for the merchant's people to read; who was refused reads one thing.
WRONG, CODE, OVER = "wrong_password", "wrong_code", "password_over"
NO_PLACE, UNKNOWN = "no_place", "unknown_name"

_hasher = PasswordHasher()  # Argon2id with the library's defaults (RFC 9106, low memory)
# Checked where there is no password to check, so that an unknown name costs the same.
_nobody = _hasher.hash(secrets.token_hex())


@dataclass(frozen=True)
class Checked:
    """Whose password it was. A temporary one is spent: it leaves them at "choose a password"."""

    person: Person
    temporary: bool


# --- Checking ---------------------------------------------------------------------------------------------------------


def check(name: str, password: str, *, by: history.Actor, now: datetime, settings: Settings) -> Checked:
    """The person of an e-mail address or user id, and a password. Raises SignInRefused, alike for whatever is wrong."""
    if not settings.by_password:
        raise SignInRefused
    person = named(name)
    fits = _fits(person, password)
    places = access.groups(person or Person(id=0, email=""), now, settings)  # asked for nobody too: for the time
    welcome = bool(places) or settings.enrolment == settings_of.OPEN
    temporary = person is not None and person.password_temporary_until is not None
    why = NO_PLACE if fits and not welcome else ""
    if not _take(Person, person, password, fits and welcome, by=by, now=now, settings=settings, why=why) or not person:
        raise SignInRefused
    return Checked(person, temporary)


def check_staff(email: str, password: str, *, by: history.Actor, now: datetime, settings: Settings) -> Staff:
    """The member of staff of an address and a password. Raises SignInRefused, alike for whatever is wrong."""
    staff = people.staff_by_email(email)
    fits = _fits(staff, password)
    welcome = staff is not None and staff.removed_at is None
    why = NO_PLACE if fits and not welcome else ""
    if not _take(Staff, staff, password, fits and welcome, by=by, now=now, settings=settings, why=why) or not staff:
        raise SignInRefused
    return staff


def named(name: str) -> Person | None:
    """The person of an e-mail address, or of a user id: which holds no @. One query."""
    if "@" in name:
        return people.person_by_email(name)
    found: Person | None = Person.get_or_none(Person.user_id == people.fold_user_id(name))
    return found


def failed(who: Person | Staff, *, by: history.Actor, now: datetime) -> None:
    """Count a wrong password, or code of a second factor. The tenth in a row locks."""
    settings = settings_of.load()
    with transaction():
        letter = _count(type(who), who, by=by, now=now, settings=settings, because=CODE)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def _take(
    table: Any,
    who: Person | Staff | None,
    password: str,
    fits: bool,
    *,
    by: history.Actor,
    now: datetime,
    settings: Settings,
    why: str = "",
) -> bool:
    """Take a password that fits, unless they are locked, or another press was quicker with one that is good once.

    Whoever is refused is refused by the same statements in one transaction: nobody, somebody, somebody locked out who
    knows the password. It counts in the order of the commits: guesses made at once are no more than ten. `why` one that
    does not fit was refused, where it was not the password.
    """
    same = table.id == (who.id if who is not None and fits else 0)
    if who is not None:
        same &= table.password_hash == who.password_hash
    still = table.locked_at.is_null() | _run_out(table, now, settings)
    changes: dict[str, Any] = {"failed_sign_ins": 0 if table is Person else _after_first_factor(), "locked_at": None}
    if isinstance(who, Person) and who.password_temporary_until is not None:
        # Its hash stays: it must not be chosen. Long over, so that a clock set back brings it not to life again.
        changes["password_temporary_until"] = now - TEMPORARY_LIFE
        still &= Person.password_temporary_until > now
    letter: int | None = None
    with transaction():
        taken = bool(table.update(changes).where(same, still).execute())
        if who is not None and taken:
            proved = history.Actor("person" if table is Person else "staff", who.id, by.address)
            history.record(who, "password_accepted", by=proved, now=now)
        else:
            because = why or (OVER if fits else WRONG)
            letter = _count(table, who, by=by, now=now, settings=settings, because=because)
    if who is None or not taken:
        # 0 is nobody's: asked all the same, for the time it takes
        queue.enqueue("workers.letters.send", letter or 0, queue="letters")
    elif _hasher.check_needs_rehash(who.password_hash):
        table.update(password_hash=_hasher.hash(_normal(password))).where(same).execute()
    return taken


def _after_first_factor() -> Any:
    """How many wrong ones count on: all of them where a second factor is owed still, unless a timer has ended a lock.

    Else whoever knows the password guesses codes for ever.
    """
    has_passkey = fn.EXISTS(Passkey.select(Passkey.id).where(Passkey.staff == Staff.id))
    owes = Staff.totp_secret.is_null(False) | has_passkey
    return Case(None, [(Staff.locked_at.is_null() & owes, Staff.failed_sign_ins)], 0)


def _count(
    table: Any, who: Person | Staff | None, *, by: history.Actor, now: datetime, settings: Settings, because: str
) -> int | None:
    """Count a wrong one and lock at the tenth, in the caller's transaction; the letter to send after it.

    The same statements for nobody as for somebody, for the time they take.
    """
    theirs = table.id == (who.id if who else 0)
    open_ = table.locked_at.is_null()
    table.update(failed_sign_ins=0, locked_at=None).where(theirs, _run_out(table, now, settings)).execute()
    table.update(failed_sign_ins=table.failed_sign_ins + 1).where(theirs, open_).execute()
    locks = table.update(locked_at=now).where(theirs, open_, table.failed_sign_ins >= LOCK_AFTER).execute()
    if who is None:
        because = UNKNOWN
    elif access.is_locked(who, now, settings):  # before this one: what was read says it
        because = sessions.LOCKED
    kind, id = table._meta.table_name, who.id if who else 0
    if locks:
        history.note(kind, id, "locked", by=by, now=now)
    else:
        history.note(kind, id, "sign_in_refused", by=by, now=now, because=because)
    if who is not None and locks:
        sessions.end_all(who, now=now, by=by, because=sessions.LOCKED)
        return _tell(who, "locked", now)
    SignIn.update(replaced_at=now).where(SignIn.id == 0).execute()
    Session.update(ended_at=now).where(Session.id == 0).execute()
    Letter.update(not_before=now).where(Letter.id == 0).execute()
    return None


def _run_out(table: Any, now: datetime, settings: Settings) -> Any:
    """Whose lock a timer has ended: they begin to count anew."""
    timed = settings.lockout_ends_by == settings_of.TIMER
    return (table.locked_at <= now - access.LOCK_LASTS) & (table.id > 0 if timed else table.id == 0)


def _fits(who: Person | Staff | None, password: str) -> bool:
    """Whether it is theirs. One Argon2 check, whoever and whatever it is."""
    known = who is not None and who.password_hash is not None and len(password) <= LONGEST
    try:
        fits = _hasher.verify(who.password_hash if who is not None and known else _nobody, _normal(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return known and fits


def _normal(password: str) -> str:
    """One form for what keyboards write in several (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


# --- Choosing ---------------------------------------------------------------------------------------------------------


@retried
def choose(
    who: Person | Staff,
    password: str,
    *,
    by: Person | Staff | history.Actor,
    now: datetime,
    keep: Session | None = None,
) -> None:
    """Give somebody the password they want. Every session but `keep` ends, and they are told by mail.

    Raises BadPassword: too_short, too_long, too_common, too_close, same_as_temporary.
    """
    hashed = hash_of(who, password, settings=settings_of.load())
    with transaction():
        letter = put(who, hashed, by=by, now=now, keep=keep)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def hash_of(who: Person | Staff, password: str, *, settings: Settings) -> str:
    """What is kept of a password that somebody (not yet in the books perhaps) wants. Raises BadPassword like `choose`.

    Costs as much as a check, so it comes before the transaction.
    """
    password = _normal(password)
    if len(password) < SHORTEST:
        raise BadPassword("too_short")
    if len(password) > LONGEST:
        raise BadPassword("too_long")
    own = [who.email, who.email.partition("@")[0], who.name or "", settings.business_name]
    if isinstance(who, Person):
        own.append(who.user_id or "")
        if who.password_temporary_until is not None and _fits(who, password):
            raise BadPassword("same_as_temporary")
    if why := weak_passwords.reason(password, own):
        raise BadPassword(why)
    return _hasher.hash(password)


def put(
    who: Person | Staff,
    hashed: str,
    *,
    by: Person | Staff | history.Actor,
    now: datetime,
    keep: Session | None = None,
    tell: bool = True,
) -> int | None:
    """Make it theirs, in the caller's transaction; the letter to send after it.

    It ends no lock. Links that would let somebody choose another one open nothing any more.
    """
    changes: dict[str, Any] = {"password_hash": hashed, "failed_sign_ins": 0}
    if isinstance(who, Person):
        changes |= {"password_temporary_until": None, "password_changed_at": now}
    table: Any = type(who)
    table.update(changes).where(table.id == who.id).execute()
    if isinstance(who, Person):
        SignIn.update(replaced_at=now).where(
            (SignIn.person == who.id) | (SignIn.email == who.email),
            SignIn.purpose.in_((SignIn.ENROL, SignIn.RESET)),
            SignIn.used_at.is_null(),
            SignIn.replaced_at.is_null(),
        ).execute()
    sessions.end_all(who, now=now, but=keep, by=history.actor(by), because=sessions.RESET)
    history.record(who, "password_set", by=by, now=now)
    return _tell(who, "password_changed", now) if tell else None


# --- What the merchant does -------------------------------------------------------------------------------------------


@retried
def mail_temporary(person: Person, *, by: Staff | history.Actor, now: datetime) -> None:
    """Mail a password that is good for one sign-in within 24 hours, in place of the one there is. It ends a lock.

    Nobody at the merchant's sees it: the outbox holds a number from which the letter makes it, the row its hash.
    Every session of theirs ends. Raises NotAllowed where customers sign in without passwords.
    """
    if not settings_of.load().by_password:
        raise NotAllowed
    nonce = secrets.token_hex(16)
    hashed = _hasher.hash(temporary_of(nonce))
    with transaction():
        Person.update(
            password_hash=hashed, password_temporary_until=now + TEMPORARY_LIFE, failed_sign_ins=0, locked_at=None
        ).where(Person.id == person.id).execute()
        Letter.update(state=Letter.DROPPED).where(
            Letter.person == person.id, Letter.kind == TEMPORARY, Letter.state == Letter.QUEUED
        ).execute()
        sessions.end_all(person, now=now, by=history.actor(by), because=sessions.RESET)
        letter = letters.queue(
            TEMPORARY,
            cause=f"{TEMPORARY} {person.id} {nonce}",
            to=person.email,
            person=person,
            details={"nonce": nonce},
            now=now,
        )
        history.record(person, "temporary_password_mailed", by=by, now=now)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def temporary_of(nonce: str) -> str:
    """The temporary password of a nonce: what its letter shows. Only who has our key can make it."""
    number = int(links.digest(TEMPORARY, nonce), 16)
    marks = ""
    for _ in range(GROUPS * GROUP):
        number, at = divmod(number, len(ALPHABET))
        marks += ALPHABET[at]
    return "-".join(marks[at : at + GROUP] for at in range(0, len(marks), GROUP))


def still_good(person: Person, nonce: str, *, now: datetime) -> str:
    """The temporary password of a nonce as long as it would sign its person in, else "". One Argon2 check."""
    password = temporary_of(nonce)
    until = person.password_temporary_until
    return password if until is not None and until > now and _fits(person, password) else ""


def unlock(who: Person | Staff, *, by: Staff | history.Actor, now: datetime) -> bool:
    """Let somebody in again after too many wrong passwords. False where they were not locked out."""
    table: Any = type(who)
    with transaction():
        changed = (
            table.update(locked_at=None, failed_sign_ins=0)
            .where(table.id == who.id, table.locked_at.is_null(False))
            .execute()
        )
        if changed:
            history.record(who, "unlocked", by=by, now=now)
    return bool(changed)


def _tell(who: Person | Staff, kind: str, now: datetime) -> int | None:
    is_person = isinstance(who, Person)
    return letters.queue(
        kind,
        cause=f"{kind} {'person' if is_person else 'staff'} {who.id} {now.isoformat()}",
        to=who.email,
        person=who if is_person else None,
        staff=None if is_person else who,
        now=now,
    )
