"""What a passkey is called."""

from __future__ import annotations

from wtforms import StringField
from wtforms.validators import DataRequired, Length

from billing.passkeys import LONGEST_NAME
from blueprints.forms import Form, mark


class NameForm(Form):
    """A new one's; left empty it is called by browser and device."""

    name = StringField(
        mark("Its name"),
        validators=[Length(max=LONGEST_NAME, message=mark("Enter at most 80 characters."))],
        filters=[lambda text: (text or "").strip()],
    )


class RenameForm(NameForm):
    name = StringField(
        mark("Its name"),
        validators=[
            DataRequired(mark("Enter a name.")),
            Length(max=LONGEST_NAME, message=mark("Enter at most 80 characters.")),
        ],
        filters=[lambda text: (text or "").strip()],
    )
