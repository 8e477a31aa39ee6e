"""Coming back with what was mailed: a link does what it is for, a code signs in. Both once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from billing import access, history, invitations, links, passwords, people, sending
from billing import settings as settings_of
from billing.errors import LinkUnusable, Refusal, WrongCode
from billing.settings import Settings
from billing.sign_ins.asking import VISITOR, Asker
from database import insert_once, retried, transaction
from models import BillingGroup, Customer, Letter, Membership, Person, SignIn, Staff
from workers import queue

GUESSES = 5
CODE = "sign-in"


def peek(token: str) -> SignIn:
    """The row of a link, without using it up, whatever its state. Raises LinkUnusable where there is none."""
    id = links.read(links.SIGN_IN, token)
    row: SignIn | None = _rows().where(SignIn.id == id).first() if isinstance(id, int) else None
    if row is None:
        raise LinkUnusable
    return row


def person_of(row: SignIn) -> Person | None:
    """Whose link it is: by the address, where they were nobody yet when it was mailed."""
    if row.person is not None or row.email is None:
        return row.person
    found: Person | None = Person.get_or_none(Person.email == row.email)
    return found


def is_command(row: SignIn) -> bool:
    """Whether a command printed it: whoever may run one owns the machine, and is asked for nothing more."""
    return row.purpose == SignIn.SIGN_IN and row.email is None


def is_usable(row: SignIn, now: datetime, settings: Settings | None = None) -> bool:
    """Whether a link would still do what it is for. A lock closes all of them."""
    if row.replaced_at is not None or row.link_expires_at <= now or (row.used_at is not None and not row.reusable):
        return False
    settings = settings or settings_of.load()
    if row.staff is not None:
        return row.staff.removed_at is None and not access.is_locked(row.staff, now, settings)
    who = person_of(row) or Person(id=0, email=row.email or "")
    if row.purpose == SignIn.INVITE:  # asked in by name, whatever the rules say
        return not access.is_locked(who, now, settings)
    if row.purpose == SignIn.SIGN_IN and not settings.by_mail and not is_command(row):
        return False
    if row.purpose == SignIn.EMAIL and not settings.allow_manage_emails:
        return False
    if row.purpose != SignIn.EMAIL and row.email not in (None, who.email):
        return False  # mailed to an address that was theirs
    return access.may_sign_in(who, now, settings)


def wants_password(row: SignIn, settings: Settings) -> bool:
    """Whether a link leads to a password to choose."""
    return row.purpose in (SignIn.ENROL, SignIn.RESET) and settings.by_password


def use(token: str, *, now: datetime, by: history.Actor = VISITOR, settings: Settings | None = None) -> SignIn:
    """Sign in by a link, once; its `person` is made where the address is a new one.

    Raises LinkUnusable where it is used, replaced, too old, for something else, or where access was taken away.
    """
    settings = settings or settings_of.load()
    row = peek(token)
    if row.purpose != SignIn.SIGN_IN or not is_usable(row, now, settings):
        raise LinkUnusable
    if not _come(row, SignIn.link_expires_at > now, by=by, now=now, settings=settings):
        raise LinkUnusable
    return row


def use_code(
    name: str, code: str, *, now: datetime, by: history.Actor = VISITOR, settings: Settings | None = None
) -> SignIn:
    """Sign in by the newest code mailed to who is named. Raises WrongCode for whatever is not right, in one way.

    A guess is counted before it is looked at, so that guesses made at once cannot be more than five.
    """
    settings = settings or settings_of.load()
    digits = "".join(mark for mark in code if mark.isascii() and mark.isdigit())
    asker = Asker.named(name, now, settings)
    row: SignIn | None = (
        _rows()
        .where(
            SignIn.email == asker.email,
            SignIn.staff.is_null(),
            SignIn.purpose == SignIn.SIGN_IN,
            SignIn.code_expires_at > now,
            SignIn.replaced_at.is_null(),
        )
        .order_by(SignIn.id.desc())
        .first()
    )
    id = row.id if row else 0
    fits = links.code_fits(CODE, str(id), digits)
    with transaction():
        counted = (
            SignIn.update(guesses=SignIn.guesses + 1)
            .where(SignIn.id == id, SignIn.guesses < GUESSES, SignIn.used_at.is_null())
            .execute()
        )
        fine = row is not None and bool(counted) and fits and asker.welcome and settings.by_mail
        if not fine:
            history.note("sign_in", id, "code_refused", by=by, now=now)
    if row is None or not fine or not _come(row, SignIn.code_expires_at > now, by=by, now=now, settings=settings):
        raise WrongCode
    return row


def code_of(row: SignIn) -> str:
    """The six digits that go with a link, for the letter that carries both."""
    return links.code(CODE, str(row.id))


@retried
def confirm(
    token: str, password: str, *, by: history.Actor, now: datetime, settings: Settings, keep: Any = None
) -> Person:
    """Do what a link is for that does not only sign in: make the account, set the password, take up an invitation or
    another address. Who is behind it from now on.

    An address is changed only in a browser that its person is signed in with: `keep`, which goes on. Who reads the new
    address's mail would else bring somebody else's password to it. Raises LinkUnusable like `use`; BadPassword (see
    `passwords.choose`) where one is wanted, and nothing is used up.
    """
    row = peek(token)
    if row.purpose == SignIn.SIGN_IN or row.staff is not None or not is_usable(row, now, settings):
        raise LinkUnusable
    if row.purpose == SignIn.EMAIL:
        if keep is None or keep.person_id != row.person_id:
            raise LinkUnusable
        return _move(row, by=by, now=now, keep=keep)
    known = person_of(row)
    hashed = ""
    if wants_password(row, settings):
        hashed = passwords.hash_of(known or Person(email=row.email, name=row.name), password, settings=settings)
    letter: int | None = None
    with transaction():
        if not _spend(row, SignIn.link_expires_at > now, now=now):
            raise LinkUnusable
        if row.purpose == SignIn.INVITE:
            person = invitations.accept(row, by=by, now=now)
        else:
            person = _prove(row, by=by, now=now, settings=settings)
        if hashed:
            letter = passwords.put(person, hashed, by=person, now=now, tell=known is not None)
    if letter:
        queue.enqueue("workers.letters.send", letter, queue="letters")
    return person


def _move(row: SignIn, *, by: history.Actor, now: datetime, keep: Any) -> Person:
    person: Person = row.person
    with transaction():
        if not _spend(row, SignIn.link_expires_at > now, now=now):
            raise LinkUnusable
    try:
        people.change_email(person, row.email, by=history.Actor("person", person.id, by.address), now=now, but=keep)
    except (Refusal, ValueError):  # somebody else's since it was mailed
        raise LinkUnusable from None
    return person


@retried
def _come(row: SignIn, fresh: Any, *, by: history.Actor, now: datetime, settings: Settings) -> bool:
    with transaction():
        if not _spend(row, fresh, now=now):
            return False
        if row.staff is None and not is_command(row):
            row.person = _prove(row, by=by, now=now, settings=settings)
    return True


def _prove(row: SignIn, *, by: history.Actor, now: datetime, settings: Settings) -> Person:
    """The person of an address that somebody has just proved, made where there was none.

    Where enrolment is open they see what was sent to that address: its groups let them in, but for whom they put out.
    """
    is_new = people.person_by_email(row.email) is None
    person: Person = people.make_person(row.email, by=by, now=now, name=row.name)
    if settings.enrolment == settings_of.OPEN:
        theirs = BillingGroup.customer.in_(Customer.select(Customer.id).where(fn.LOWER(Customer.email) == row.email))
        if is_new:  # sending makes whom we know a member at once, and a look at every letter is dear
            theirs |= BillingGroup.id.in_(
                Letter.select(Letter.group).where(Letter.kind == sending.KIND, Letter.to == row.email)
            )
        for group in BillingGroup.select().where(theirs):
            id = insert_once(Membership, person=person, group=group, role=Membership.PAY, created_at=now)
            if id:
                history.note("membership", id, "member_made", by=person, now=now, role=Membership.PAY)
    return person


def _spend(row: SignIn, fresh: Any, *, now: datetime) -> bool:
    """Mark it used, if nobody was quicker; in the caller's transaction. A reusable one is never spent."""
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
