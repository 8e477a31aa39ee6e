"""What customers type on the way in."""

from __future__ import annotations

from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import InputRequired, Length

from blueprints.asking import read_asked
from blueprints.forms import Form, mark


class CodeForm(Form):
    WRONG = mark("That code is not right, or too old. Look in the newest mail, or have it sent again.")

    code = StringField(
        mark("6-digit code"),
        validators=[InputRequired(mark("Enter the 6-digit code from the mail.")), Length(max=40, message=WRONG)],
    )
    remember = BooleanField(mark("Stay signed in on this phone"))
    asked = HiddenField()

    @property
    def email(self) -> str:
        return read_asked(self.asked.data)[0]


class UseForm(Form):
    remember = BooleanField(mark("Stay signed in on this phone"))
