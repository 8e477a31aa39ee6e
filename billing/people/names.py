"""What people are called: their name, and the user id they may sign in with besides their e-mail."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from peewee import IntegrityError

from billing import history
from billing.errors import UserIdTaken
from billing.people.addresses import one_line
from database import retried, transaction
from models import Person, Staff

USER_ID = re.compile(r"[a-z0-9._-]{3,64}")


@retried
def rename(person: Person, name: str, *, by: Staff | Person | history.Actor, now: datetime) -> bool:
    """Call somebody by another name; an empty one: by their e-mail. Whether that changed anything."""
    name = one_line(name) or person.email
    with transaction():
        changed = Person.update(name=name).where(Person.id == person.id, Person.name != name).execute()
        if changed:
            history.record(person, "renamed", by=by, now=now)
            person.name = name
        return bool(changed)


def fold_user_id(text: str) -> str:
    """A user id as it is kept and compared: lower case, full-width letters as plain ones. It need not be a good one."""
    return unicodedata.normalize("NFKC", text).strip().lower()


@retried
def set_user_id(person: Person, text: str, *, by: Staff | Person | history.Actor, now: datetime) -> bool:
    """Choose the name somebody signs in with besides their e-mail; empty: the e-mail alone. Whether it is another one.

    3 to 64 letters (a-z), digits, dots, dashes, underscores; no @, so that it is nobody's e-mail. Raises UserIdTaken:
    `taken`, or `cannot_be`.
    """
    wanted = fold_user_id(text) or None
    if wanted is not None and not USER_ID.fullmatch(wanted):
        raise UserIdTaken("cannot_be")
    if wanted == person.user_id:
        return False
    try:
        with transaction():
            if wanted is not None and Person.select().where(Person.user_id == wanted, Person.id != person.id).exists():
                raise UserIdTaken("taken")
            Person.update(user_id=wanted).where(Person.id == person.id).execute()
            history.record(person, "user_id_changed" if wanted else "user_id_dropped", by=by, now=now)
    except IntegrityError:  # somebody else chose it at the same moment
        raise UserIdTaken("taken") from None
    person.user_id = wanted
    return True
