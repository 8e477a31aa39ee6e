"""How a customer signs in: what they choose themselves."""

from __future__ import annotations

from wtforms import EmailField, PasswordField, StringField, ValidationError
from wtforms.validators import EqualTo, Length

from billing import people
from billing.passwords import LONGEST, SHORTEST
from blueprints.forms import Form, mark


class PasswordForm(Form):
    LENGTH = mark("Choose a password of 12 to 256 characters.")
    WRONG = {
        "too_short": LENGTH,
        "too_long": LENGTH,
        "too_common": mark("That password is guessed too easily. Choose another."),
        "too_close": mark("Do not make it of your name, your address or ours. Choose another."),
        "same_as_temporary": mark("That is the one we mailed you. Choose another."),
    }

    password = PasswordField(mark("New password"), validators=[Length(min=SHORTEST, max=LONGEST, message=LENGTH)])
    again = PasswordField(
        mark("The same once more"), validators=[EqualTo("password", message=mark("The two are not the same."))]
    )


class UserIdForm(Form):
    WRONG = {
        "cannot_be": mark("Enter 3 to 64 letters from a to z, digits, dots, dashes or underscores."),
        "taken": mark("That user id cannot be had. Choose another."),
    }

    user_id = StringField(mark("User id"), filters=[lambda text: (text or "").strip()])


class EmailForm(Form):
    NOT_AN_ADDRESS = mark("Enter an e-mail address such as name@example.com.")

    email = EmailField(mark("New e-mail address"), filters=[lambda text: (text or "").strip()])

    def validate_email(self, control: EmailField) -> None:
        try:
            people.fold(control.data or "")
        except ValueError:
            raise ValidationError(self.NOT_AN_ADDRESS) from None
