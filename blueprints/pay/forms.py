"""What somebody without an account types to pay."""

from __future__ import annotations

import re
from typing import Any

from flask import g
from wtforms import BooleanField, EmailField, Field, HiddenField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from billing import people
from billing.payments import guests
from blueprints.asking import NOT_AN_ADDRESS
from blueprints.forms import Form, mark
from money import BadAmount, Money, parse

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
LONGEST_NAME, LONGEST_REFERENCE, LONGEST_AMOUNT = 120, 100, 40  # characters


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


class PayerForm(Form):
    """Who pays. The press's token comes with it."""

    email = EmailField(mark("Your e-mail address"), filters=[lambda text: (text or "").strip()])
    name = StringField(
        mark("Your name (optional)"),
        filters=[_one_line],
        validators=[Length(max=LONGEST_NAME, message=mark("Use at most 120 characters."))],
    )
    enrol = BooleanField(mark("Make me an account too"))
    token = HiddenField()
    address = ""

    @property
    def guest(self) -> guests.Guest:
        return guests.Guest(name=self.name.data, email=self.address, enrols=bool(self.enrol.data))

    @property
    def has_token(self) -> bool:
        return TOKEN.fullmatch(self.token.data or "") is not None

    def validate_email(self, control: EmailField) -> None:
        try:
            self.address = people.fold(control.data or "")
        except ValueError:
            raise ValidationError(NOT_AN_ADDRESS) from None

    def validate_name(self, control: StringField) -> None:
        _printable(control)


class GuestForm(PayerForm):
    """For the one invoice of a link: what its page showed is the amount."""

    amount = HiddenField()


class PaymentForm(PayerForm):
    """The payment form: a sum in the merchant's currency, and what it is for."""

    TOO_LITTLE, TOO_MUCH = mark("That is less than can be paid here."), mark("That is more than can be paid here.")

    reference = StringField(
        mark("Reference"),
        filters=[_one_line],
        validators=[
            DataRequired(mark("Enter what you pay for, such as the invoice's number.")),
            Length(max=LONGEST_REFERENCE, message=mark("Use at most 100 characters.")),
        ],
    )
    amount = StringField(
        mark("Amount"),
        filters=[lambda text: (text or "").strip()],
        validators=[DataRequired(mark("Enter the amount, such as 120.50."))],
    )
    name = StringField(
        mark("Your name"),
        filters=[_one_line],
        validators=[
            DataRequired(mark("Enter your name.")),
            Length(max=LONGEST_NAME, message=mark("Use at most 120 characters.")),
        ],
    )
    again = HiddenField()
    sum = Money(0, "EUR")

    def validate_amount(self, control: StringField) -> None:
        wrong: Any = ValidationError(mark("Enter the amount in figures, such as 120.50."))
        if len(control.data) > LONGEST_AMOUNT:
            raise wrong
        try:
            self.sum = parse(control.data, g.settings.currency)
        except BadAmount:
            raise wrong from None
        if self.sum < guests.form_minimum(g.settings):
            raise ValidationError(self.TOO_LITTLE)

    def validate_reference(self, control: StringField) -> None:
        _printable(control)


def _printable(control: Field) -> None:
    if not (control.data or "").isprintable():
        raise ValidationError(mark("Use letters, figures and signs only."))
