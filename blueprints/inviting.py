"""Letting people into an account and saying how far they go: the forms that customers and staff share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import g
from wtforms import EmailField, Field, HiddenField, RadioField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from billing import dates, people
from blueprints.forms import DayField, Form, mark
from models import Membership

LONGEST_PASS = timedelta(days=3660)
NOT_AN_ADDRESS = mark("Enter an e-mail address such as name@example.com.")
TOO_LONG = mark("Enter a name of at most 120 characters.")
NO_ROLE = mark("Choose what they may do.")
NO_DAY = mark("Enter a day to come, such as 2026-12-31 or 31 Dec 2026.")
IN_ALREADY = mark("They may see this account already. Open their name in the list to change what they may do.")
CONTRACT_ENDED = mark("Nobody new can be let in: the contract of this account has ended.")
BEYOND_PASS = mark("Your own access ends. Enter a day that is not after it.")
LAST_MANAGER = mark("Nobody else manages this account. Let somebody else manage it first.")


class AddressField(EmailField):  # type: ignore[misc]
    """One e-mail address, kept folded."""

    def __init__(self, label: str = mark("E-mail"), **options: Any) -> None:
        super().__init__(
            label,
            filters=[lambda text: (text or "").strip()],
            validators=[InputRequired(NOT_AN_ADDRESS), Length(max=people.LONGEST_ADDRESS, message=NOT_AN_ADDRESS)],
            **options,
        )

    def post_validate(self, form: Form, validation_stopped: bool) -> None:
        if not validation_stopped:
            try:
                people.fold(self.data)
            except ValueError:
                raise ValidationError(NOT_AN_ADDRESS) from None


class CompanyForm(Form):
    """A button: `company` says whose account it was drawn for, which need not be the one looked at by now."""

    company = HiddenField()


class TermsForm(CompanyForm):
    """How far somebody may go, and until when. The words of the roles stand in the template."""

    role = RadioField(choices=list(people.RANK), validate_choice=False)
    until = DayField(label=mark("Until"))

    def validate_role(self, control: Field) -> None:
        if control.data not in people.RANK:
            raise ValidationError(NO_ROLE)

    def validate_until(self, control: Field) -> None:
        wrong = bool(control.process_errors)
        if wrong or (control.data is not None and not g.today <= control.data <= g.today + LONGEST_PASS):
            control.errors = []
            raise ValidationError(NO_DAY)

    @property
    def ends_at(self) -> datetime | None:
        """The last moment of the day they gave; None: for good."""
        return None if self.until.data is None else dates.end_of(self.until.data, g.timezone)


class InviteForm(TermsForm):
    """Whom to invite, and on which terms."""

    USUAL = Membership.PAY

    email = AddressField()
    name = StringField(mark("Name"), validators=[Length(max=people.LONGEST_NAME, message=TOO_LONG)])


def terms_of(role: str, until: datetime | None) -> dict[str, Any]:
    """What a form about somebody begins with."""
    return {"role": role, "until": None if until is None else dates.day(until, g.timezone)}
