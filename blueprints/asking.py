"""Asking for a sign-in link: the address, typed or carried on by a page of ours. Customers and staff ask alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from wtforms import EmailField, HiddenField, ValidationError

from billing import links, people
from billing.errors import LinkUnusable
from blueprints.forms import Form, mark

NOT_AN_ADDRESS = mark("Enter an e-mail address such as name@example.com.")


def read_asked(asked: str | None) -> tuple[str, str]:
    """The address and the way back that a page of ours carries on; empty where it is none of ours."""
    try:
        email, next = links.read(links.ASKED, asked or "")
    except (LinkUnusable, TypeError, ValueError):
        return "", ""
    return str(email), str(next)


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

    def validate(self, extra_validators: Any = None) -> bool:
        known, next = read_asked(self.asked.data)
        if known:
            self.address, self.next.data = known, next
            return True
        return bool(super().validate(extra_validators))

    def validate_email(self, control: EmailField) -> None:
        try:
            self.address = people.fold(control.data or "")
        except ValueError:
            raise ValidationError(NOT_AN_ADDRESS) from None
