"""Proving again who one is: the forms that customers and staff share."""

from __future__ import annotations

from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from billing.passwords import LONGEST
from blueprints.forms import Form, mark

TOO_MANY = mark("Too many tries. Wait a few minutes, then try again.")


class ProofForm(Form):
    """A password. Wrong and locked out read the same."""

    REFUSED = mark("That is not right, or you cannot sign in just now.")

    password = PasswordField(
        mark("Your password"),
        validators=[InputRequired(mark("Enter your password.")), Length(max=LONGEST, message=REFUSED)],
    )


class CodeForm(Form):
    WRONG = mark("That code is not right, or too old. Have a new one mailed.")

    code = StringField(
        mark("The 6-digit code from the mail"),
        validators=[InputRequired(mark("Enter the 6 digits from the mail.")), Length(max=40, message=WRONG)],
    )
