"""What staff type on the way in."""

from __future__ import annotations

from wtforms import HiddenField, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from billing.passwords import LONGEST
from billing.second_factors import LONGEST_TYPED
from blueprints.asking import AskForm
from blueprints.forms import Form, mark


class StaffForm(AskForm):
    REFUSED = mark("The address or the password is not right. You can have a link sent instead.")

    password = PasswordField(mark("Password"), validators=[Length(max=LONGEST, message=REFUSED)])
    by = StringField()

    @property
    def by_password(self) -> bool:
        """Which button was pressed; Enter presses the first."""
        return not self.asked.data and self.by.data != "link"

    def validate_password(self, control: PasswordField) -> None:
        if self.by_password and not control.data:
            raise ValidationError(mark("Enter your password, or have a link sent."))


class FactorForm(Form):
    REFUSED = mark("That code is not right, or was used already. Wait for the next one, or enter a recovery code.")

    code = StringField(
        mark("Code from your app, or a recovery code"),
        validators=[InputRequired(mark("Enter the code.")), Length(max=LONGEST_TYPED, message=REFUSED)],
    )
    next = HiddenField()
