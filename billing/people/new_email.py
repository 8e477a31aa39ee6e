"""The address somebody signs in with, changed: by staff at once, by themselves once the new one is confirmed."""

from __future__ import annotations

from datetime import datetime, timedelta

from peewee import IntegrityError

from billing import history, letters, sessions, sign_ins
from billing.errors import NotAllowed, Refusal
from billing.people.addresses import fold, mask
from billing.settings import Settings
from database import retried, transaction
from models import Letter, Person, Session, SignIn, Staff
from workers import queue

LIFE = timedelta(hours=24)  # of the link that confirms it
BACK_TO = "/account/sign-in"  # where the confirming link leads


class EmailTaken(Refusal):
    """Somebody else signs in with that address. Staff may know; others are told the same as where it is free."""

    code = "email_taken"


@retried
def change_email(
    person: Person,
    email: str,
    *,
    by: Staff | Person | history.Actor,
    now: datetime,
    but: Session | None = None,
) -> bool:
    """Let somebody sign in with another address from now on; whether it is another one. The old one is told by letter.

    They are signed out everywhere but in the session that acts (`but`), and no link mailed to them before opens
    anything. Raises ValueError where it cannot be an address, EmailTaken.
    """
    folded = fold(email)
    if folded == person.email:
        return False
    old = person.email
    try:
        with transaction():
            if Person.select().where(Person.email == folded).exists():
                raise EmailTaken
            known_by_it = {"name": folded} if person.name == old else {}
            if (
                not Person.update(email=folded, **known_by_it)
                .where(Person.id == person.id, Person.email == old)
                .execute()
            ):
                return False
            mailed = (SignIn.person == person.id) | (SignIn.email == old)
            SignIn.update(replaced_at=now).where(
                mailed, SignIn.used_at.is_null(), SignIn.replaced_at.is_null()
            ).execute()
            history.record(person, "email_changed", by=by, now=now)
            sessions.end_all(person, now=now, but=but, by=history.actor(by), because=sessions.ELSEWHERE)
            letter = letters.queue(
                "email_changed",
                cause=f"email_changed {person.id} {now.isoformat()}",
                to=old,
                person=person,
                details={"masked": mask(folded)},
                now=now,
            )
    except IntegrityError:  # somebody else took it at the same moment
        raise EmailTaken from None
    person.email = folded
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")
    return True


def ask_new_email(person: Person, email: str, *, by: Person | history.Actor, now: datetime, settings: Settings) -> None:
    """Mail a link to the new address. Once it is used, `change_email` makes it theirs; until then nothing changes.

    One that is somebody's already gets no mail, so that its link is nobody's, after the same work and in the same
    words. Raises ValueError where it cannot be an address, NotAllowed where the merchant keeps addresses to himself
    (`allow_manage_emails`).
    """
    if not settings.allow_manage_emails:
        raise NotAllowed
    folded = fold(email)
    letter: int | None = None
    with transaction():
        row = sign_ins.make(SignIn.EMAIL, email=folded, life=LIFE, person=person, next=BACK_TO, now=now)
        if Person.select().where(Person.email == folded).exists():
            Letter.update(not_before=now).where(Letter.id == 0).execute()  # as much as a letter takes
        else:
            letter = letters.queue(
                "email_confirm",
                cause=f"email_confirm {row.id}",
                to=folded,
                person=person,
                details={"sign_in": row.id},
                now=now,
            )
        history.record(person, "email_asked", by=by, now=now)
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")


def email_asked(person: Person, now: datetime) -> str:
    """The address they asked for and have not confirmed yet, whether or not a letter went there; "" for none."""
    row: SignIn | None = (
        SignIn.select()
        .where(
            SignIn.person == person.id,
            SignIn.purpose == SignIn.EMAIL,
            SignIn.used_at.is_null(),
            SignIn.replaced_at.is_null(),
            SignIn.link_expires_at > now,
        )
        .order_by(SignIn.id.desc())
        .first()
    )
    return row.email or "" if row is not None else ""
