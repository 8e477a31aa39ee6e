"""Saying who one is: an address or user id, typed or carried on by a page of ours. Customers and staff ask alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flask import g
from wtforms import BooleanField, EmailField, HiddenField, PasswordField, StringField, ValidationError
from wtforms.validators import Length

from billing import links, people
from billing.errors import LinkUnusable
from billing.passwords import LONGEST
from blueprints.forms import Form, mark
from models import Person, SignIn, Staff

NOT_AN_ADDRESS = mark("Enter an e-mail address such as name@example.com.")
STAY = mark("Stay signed in on this phone")
PASSING = mark("This is not my device")
LONGEST_USER_ID = 64
NAMED: dict[str, type[Person] | type[Staff] | type[SignIn]] = {"person": Person, "staff": Staff, "link": SignIn}


def carry(who: str | Person | Staff | SignIn, next: str) -> str:
    """What a page of ours carries on: an address as it was typed, or whom a link of ours names, and the way back.

    Whom a link names goes by id: what is signed can be read, and a link may have been forwarded.
    """
    if isinstance(who, str):
        return links.sign(links.ASKED, [who, next])
    kind = "staff" if isinstance(who, Staff) else "person" if isinstance(who, Person) else "link"
    return links.sign(links.ASKED, [[kind, who.id], next])


def read_asked(asked: str | None) -> tuple[str, str]:
    """The address and the way back that a page of ours carries on; empty where it is none of ours."""
    try:
        who, next = links.read(links.ASKED, asked or "")
    except (LinkUnusable, TypeError, ValueError):
        return "", ""
    if isinstance(who, str):
        return who, str(next)
    kind, id = who
    known: Person | Staff | SignIn | None = NAMED[kind].get_or_none(id=id)
    return (known.email, str(next)) if known is not None and known.email else ("", "")


def asked_of(typed: Mapping[str, str]) -> str:
    """Whose mailbox a request is about, as a throttle's key: one key however it is written, and no address in Redis."""
    email = read_asked(typed.get("asked"))[0] or typed.get("email", "")
    try:
        email = people.fold(email)
    except ValueError:
        email = people.fold_user_id(email)
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


class SignInForm(AskForm):
    """The customers' own: they have user ids, and passwords where the merchant wants them."""

    NEITHER = mark("Enter an e-mail address such as name@example.com, or your user id.")
    NO_PASSWORD = mark("Enter your password.")
    NO_PASSWORD_YET = mark("Enter your password, or have a link sent.")
    REFUSED = mark("That is not right. Check the e-mail address or user id, and the password.")

    email = StringField(mark("E-mail address or user id"), filters=[lambda text: (text or "").strip()])
    password = PasswordField(mark("Password"), validators=[Length(max=LONGEST, message=REFUSED)])
    remember = BooleanField(STAY)
    passing = BooleanField(PASSING)
    invoice = HiddenField()  # the link in an invoice's mail that led here

    @property
    def by_mail(self) -> bool:
        return bool(g.settings.by_mail)

    @property
    def by_password(self) -> bool:
        return bool(g.settings.by_password)

    def validate_email(self, control: StringField) -> None:
        typed = control.data or ""
        if "@" in typed:
            try:
                self.address = people.fold(typed)
            except ValueError:
                raise ValidationError(self.NEITHER) from None
        else:
            self.address = people.fold_user_id(typed)
            if not self.address or len(self.address) > LONGEST_USER_ID or len(self.address.split()) > 1:
                raise ValidationError(self.NEITHER)
