"""Asking for a link: to sign in, to get an account, to choose another password. Nobody learns who is known here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing import access, history, letters, links, passwords, people
from billing import settings as settings_of
from billing.settings import Settings
from database import transaction
from models import BillingGroup, Letter, Person, SignIn, Staff
from workers import queue

LIVES = {
    SignIn.SIGN_IN: timedelta(minutes=30),
    SignIn.ENROL: timedelta(hours=24),
    SignIn.RESET: timedelta(minutes=60),
    SignIn.INVITE: timedelta(days=14),
    SignIn.EMAIL: timedelta(hours=24),
}
CODE_LIFE = timedelta(minutes=15)
REUSABLE_LIFE = timedelta(days=3650)  # "until the demo stops": its next start replaces them
VISITOR = history.Actor("visitor")


@dataclass(frozen=True)
class Asker:
    """Who asks for a mail: a person, an address that is nobody's yet, or nobody at all (`email` is empty)."""

    person: Person | None
    email: str  # folded
    welcome: bool  # whether they may sign in

    @classmethod
    def named(cls, name: str | Person, now: datetime, settings: Settings) -> Asker:
        """Of an e-mail address or user id. The same queries whoever it is."""
        person = passwords.named(name) if isinstance(name, str) else name
        email = person.email if person is not None else _folded(str(name))
        who = person or Person(id=0, email=email)
        places = access.groups(who, now, settings)
        welcome = bool(email and (places or settings.enrolment == settings_of.OPEN))
        return cls(person, email, welcome and not access.is_locked(who, now, settings))


def ask(name: str, next: str, *, now: datetime, by: history.Actor = VISITOR, settings: Settings | None = None) -> None:
    """Mail a link and a code to who may sign in, by e-mail address or user id; nothing else happens for who may not.

    Where customers sign in by password alone, that is everybody. The caller has asked whether the portal is on.
    """
    settings = settings or settings_of.load()
    asker = Asker.named(name, now, settings)
    _mail(asker, SignIn.SIGN_IN, asker.welcome and settings.by_mail, next=next, by=by, now=now)


def ask_account(name: str, email: str, next: str, *, by: history.Actor, now: datetime, settings: Settings) -> None:
    """Mail a link that makes an account, to an address that may have one; who has one gets the way back into it.

    May have one: whom a group's rules let in; where enrolment is open, everybody. Nobody else gets a mail, after the
    same work. `name` is what they want to be called.
    """
    asker = Asker.named(email, now, settings)
    if asker.person is None:
        purpose = SignIn.ENROL
    else:
        purpose = SignIn.RESET if settings.by_password else SignIn.SIGN_IN
    _mail(asker, purpose, asker.welcome, next=next, name=people.one_line(name), by=by, now=now)


def ask_reset(
    who: str | Person,
    *,
    by: Person | Staff | history.Actor,
    now: datetime,
    settings: Settings,
    next: str = "",
) -> bool:
    """Mail a link that lets a person choose a new password, whether they asked or the merchant did.

    True where a mail goes out, which visitors must not learn: not to who is locked out or may not sign in, nor where
    there are no passwords.
    """
    asker = Asker.named(who, now, settings)
    mailed = asker.welcome and asker.person is not None and settings.by_password
    _mail(asker, SignIn.RESET, mailed, next=next, by=by, now=now)
    return mailed


def ask_as_staff(email: str, next: str, *, now: datetime, by: history.Actor = VISITOR) -> None:
    """Mail a link to one of the merchant's people; there is no code for them."""
    staff = people.staff_by_email(email)
    settings = settings_of.load()
    if staff is not None and (staff.removed_at is not None or access.is_locked(staff, now, settings)):
        staff = None
    letter: int | None = None
    with transaction():
        _replace(SignIn.staff == (staff.id if staff else 0), SignIn.SIGN_IN, now)
        row: SignIn | None = None
        if staff is not None:
            row = _create(SignIn.SIGN_IN, staff=staff, email=staff.email, next=next, now=now)
            details, cause = {"sign_in": row.id}, f"sign_in {row.id}"
            letter = letters.queue("sign_in", cause=cause, to=staff.email, staff=staff, details=details, now=now)
        else:
            _as_long_as_a_letter(now)
        history.note("sign_in", row.id if row else 0, "sign_in_asked", by=by, now=now)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def for_command(who: Person | Staff, *, now: datetime, next: str = "", reusable: bool = False) -> str:
    """A link to print: nothing is mailed. `reusable`: the demo's, any number of times until its next start."""
    is_person = isinstance(who, Person)
    with transaction():
        _replace((SignIn.person if is_person else SignIn.staff) == who.id, SignIn.SIGN_IN, now, reusable=reusable)
        row = _create(
            SignIn.SIGN_IN,
            person=who if is_person else None,
            staff=None if is_person else who,
            next=next,
            life=REUSABLE_LIFE if reusable else None,
            reusable=reusable,
            now=now,
        )
    return links.sign_in(row.id)


def make(
    purpose: str,
    *,
    email: str,
    now: datetime,
    person: Person | None = None,
    next: str = "",
    name: str = "",
    group: BillingGroup | None = None,
    role: str | None = None,
    member_until: datetime | None = None,
    life: timedelta | None = None,
) -> SignIn:
    """A link that somebody else's letter carries (an invitation, a change of address), in the caller's transaction.

    `email` is folded. It replaces the older one: of the address and group, or of the person who changes theirs.
    """
    theirs = (SignIn.person == person.id) if purpose == SignIn.EMAIL and person else (SignIn.email == email)
    _replace(theirs & (SignIn.group.is_null() if group is None else SignIn.group == group.id), purpose, now)
    values = {"person": person, "group": group, "role": role, "member_until": member_until}
    return _create(purpose, email=email, next=next, name=name, life=life, now=now, **values)


def _mail(
    asker: Asker,
    purpose: str,
    mailed: bool,
    *,
    next: str,
    by: Person | Staff | history.Actor,
    now: datetime,
    name: str = "",
) -> None:
    """Mail a link of some purpose (its letter is called the same), or do what takes as long."""
    letter: int | None = None
    with transaction():
        theirs = (SignIn.email == asker.email) | (SignIn.person == (asker.person.id if asker.person else 0))
        _replace(theirs if mailed else SignIn.id == 0, purpose, now)
        row: SignIn | None = None
        if mailed:
            row = _create(purpose, person=asker.person, email=asker.email, next=next, name=name, now=now)
            letter = letters.queue(
                purpose,
                cause=f"{purpose} {row.id}",
                to=asker.email,
                person=asker.person,
                details={"sign_in": row.id},
                now=now,
            )
        else:
            _as_long_as_a_letter(now)
        history.note("sign_in", row.id if row else 0, "sign_in_asked", by=by, now=now, purpose=purpose)
    # 0 is nobody's: asked all the same, for the time it takes
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def _replace(theirs: Any, purpose: str, now: datetime, *, reusable: bool = False) -> None:
    SignIn.update(replaced_at=now).where(
        theirs, SignIn.purpose == purpose, SignIn.replaced_at.is_null(), SignIn.reusable == reusable
    ).execute()


def _create(purpose: str, *, now: datetime, life: timedelta | None = None, **values: Any) -> SignIn:
    with_code = purpose == SignIn.SIGN_IN and values.get("email") is not None and values.get("staff") is None
    row: SignIn = SignIn.create(
        purpose=purpose,
        created_at=now,
        link_expires_at=now + (life or LIVES[purpose]),
        code_expires_at=now + CODE_LIFE if with_code else None,
        **values,
    )
    return row


def _as_long_as_a_letter(now: datetime) -> None:
    """Two statements that change nothing, where a link and a letter are written for somebody else."""
    SignIn.update(replaced_at=now).where(SignIn.id == 0).execute()
    Letter.update(not_before=now).where(Letter.id == 0).execute()


def _folded(email: str) -> str:
    try:
        return people.fold(email)
    except ValueError:
        return ""
