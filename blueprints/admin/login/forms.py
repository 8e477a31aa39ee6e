"""What staff type on the way in."""

from __future__ import annotations

from wtforms import PasswordField, StringField, ValidationError
from wtforms.validators import Length

from billing.sign_ins import LONGEST_PASSWORD
from blueprints.asking import AskForm
from blueprints.forms import mark


class StaffForm(AskForm):
    REFUSED = mark("The address or the password is not right. You can have a link sent instead.")

    password = PasswordField(mark("Password"), validators=[Length(max=LONGEST_PASSWORD, message=REFUSED)])
    by = StringField()

    @property
    def by_password(self) -> bool:
        """Which button was pressed; Enter presses the first."""
        return not self.asked.data and self.by.data != "link"

    def validate_password(self, control: PasswordField) -> None:
        if self.by_password and not control.data:
            raise ValidationError(mark("Enter your password, or have a link sent."))
