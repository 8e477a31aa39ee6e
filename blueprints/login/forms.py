"""What customers type on the way in."""

from __future__ import annotations

from wtforms import BooleanField, HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from billing.errors import BadPassword
from billing.people import LONGEST_NAME
from blueprints.asking import PASSING, STAY, AskForm, read_asked
from blueprints.forms import Form, mark


class StayForm(Form):
    """How long a browser stays signed in."""

    remember = BooleanField(STAY)
    passing = BooleanField(PASSING)


class CodeForm(StayForm):
    WRONG = mark("That code is not right, or too old. Look in the newest mail, or have it sent again.")

    code = StringField(
        mark("6-digit code"),
        validators=[InputRequired(mark("Enter the 6-digit code from the mail.")), Length(max=40, message=WRONG)],
    )
    asked = HiddenField()

    @property
    def email(self) -> str:
        return read_asked(self.asked.data)[0]


class ChooseForm(StayForm):
    """A password to choose. What is wrong with it the rules say."""

    WRONG = {
        "too_short": mark("Choose a password of at least 12 characters."),
        "too_long": mark("Choose a password of at most 256 characters."),
        "too_common": mark("That one is guessed too easily. Choose another, such as a few words in a row."),
        "too_close": mark("That one holds little more than your name or address, or ours. Choose another."),
        "same_as_temporary": mark("That is the temporary password. Choose one of your own."),
    }

    password = PasswordField(mark("New password"))
    next = HiddenField()

    def refuse(self, refusal: BadPassword) -> None:
        self.password.errors = [self.WRONG[refusal.code]]


class AccountForm(AskForm):
    """Who wants an account, or access to a company's."""

    name = StringField(
        mark("Your name"),
        filters=[lambda text: (text or "").strip()],
        validators=[
            InputRequired(mark("Enter your name.")),
            Length(max=LONGEST_NAME, message=mark("Enter a name of at most 120 characters.")),
        ],
    )
    invoice = HiddenField()


class InvoiceForm(Form):
    """Somebody without a company says which invoice brought them here."""

    number = StringField(
        mark("Number of an invoice of yours"),
        filters=[lambda text: (text or "").strip()],
        validators=[
            InputRequired(mark("Enter the number of an invoice that you have.")),
            Length(max=200, message=mark("Enter the number of an invoice that you have.")),
        ],
    )
