"""Asking for a sign-in link: the address, typed or carried on by a page of ours. Customers and staff ask alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from wtforms import EmailField, HiddenField, ValidationError

from billing import links, people
from billing.errors import LinkUnusable
from blueprints.forms import Form, mark
from models import Person, Staff

NOT_AN_ADDRESS = mark("Enter an e-mail address such as name@example.com.")


def carry(who: str | Person | Staff, next: str) -> str:
    """What a page of ours carries on: an address as it was typed, or whom a link of ours names, and the way back.

    A link's person goes by id: what is signed can be read, and a link may have been forwarded.
    """
    if isinstance(who, str):
        return links.sign(links.ASKED, [who, next])
    return links.sign(links.ASKED, [["staff" if isinstance(who, Staff) else "person", who.id], next])


def read_asked(asked: str | None) -> tuple[str, str]:
    """The address and the way back that a page of ours carries on; empty where it is none of ours."""
    try:
        who, next = links.read(links.ASKED, asked or "")
    except (LinkUnusable, TypeError, ValueError):
        return "", ""
    if isinstance(who, str):
        return who, str(next)
    table, id = who
    known: Person | Staff | None = (Staff if table == "staff" else Person).get_or_none(id=id)
    return (known.email, str(next)) if known is not None else ("", "")


def asked_of(typed: Mapping[str, str]) -> str:
    """Whose mailbox a request is about, as a throttle's key: one key however it is written, and no address in Redis."""
    email = read_asked(typed.get("asked"))[0] or typed.get("email", "")
    try:
        email = people.fold(email)
    except ValueError:
        email = email.strip().lower()
    return hashlib.sha256(email.encode()).hexdigest()[:32]


class AskForm(Form):
    """An e-mail address, typed; or the one a page of ours already knows ("Send it again")."""

    email = EmailField(mark("Your e-mail address"), filters=[lambda text: (text or "").strip()])
    next = HiddenField()
    asked = HiddenField()
    address = ""
    known = False  # whether a page of ours carried it here

    @property
    def carried(self) -> str:
        """What the next page carries on: the same as this one did, else what was typed."""
        return (self.asked.data or "") if self.known else carry(self.address, self.next.data or "")

    def validate(self, extra_validators: Any = None) -> bool:
        known, next = read_asked(self.asked.data)
        if known:
            self.known = True
            self.address, self.next.data = known, next
            return True
        return bool(super().validate(extra_validators))

    def validate_email(self, control: EmailField) -> None:
        try:
            self.address = people.fold(control.data or "")
        except ValueError:
            raise ValidationError(NOT_AN_ADDRESS) from None
