"""Settings: the customer portal's switches, the business, one's own password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, Response, g
from wtforms import (
    BooleanField,
    Field,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import EqualTo, InputRequired, Length

import money
import theming
from billing import access, links, passwords, people, settings
from billing.errors import BadPassword, BadSetting, SignInRefused
from billing.passwords import LONGEST, SHORTEST
from blueprints import guards, respond
from blueprints.forms import DayField, Form, mark
from blueprints.guards import require_proof, require_staff
from blueprints.throttles import limited, signed_in

bp = Blueprint("admin_settings", __name__, url_prefix="/admin/settings")

# What is wrong with a value that cannot be saved, by the setting's name.
WRONG = {
    "business_name": mark("Enter a name of at most 120 characters."),
    "business_phone": mark("Enter at most 40 characters."),
    "business_email": mark("Enter an e-mail address such as name@example.com."),
    "business_address": mark("Enter at most 400 characters."),
    "business_vat_number": mark("Enter at most 40 characters."),
    "business_registration_number": mark("Enter at most 60 characters."),
    "timezone": mark("Choose a time zone from the list."),
    "currency": mark("Enter a currency code of three letters, such as EUR."),
    "language": mark("Choose a language from the list."),
    "go_live_on": mark("Enter a date such as 2026-12-01 or 1 Dec 2026."),
    "sign_in_by": mark("Choose how customers sign in."),
    "enrolment": mark("Choose who may sign in."),
    "lockout_ends_by": mark("Choose what ends a lock."),
    "remember_days": mark("Enter a number of days from 1 to 365."),
    "payment_form_minimum": mark("Enter an amount above nothing, such as 5.00."),
}


class SettingsForm(Form):
    """A page of settings: each field bears its setting's name and is held to that setting's own rule."""

    def validate(self, extra_validators: Any = None) -> bool:
        fine = bool(super().validate(extra_validators))
        for control in self.of_settings():
            if control.errors:
                continue
            try:
                settings.check(control.name, control.data)
            except BadSetting:
                control.errors = [WRONG[control.name]]
                fine = False
        return fine

    def of_settings(self) -> list[Field]:
        """Those that were sent: what is not on a form stays as it is, but a box that is not ticked is off."""
        known = [control for control in self if control.name in settings.FIELDS]
        return [control for control in known if control.raw_data or isinstance(control, BooleanField)]

    @property
    def changes(self) -> Mapping[str, Any]:
        return {control.name: control.data for control in self.of_settings()}


class MinimumField(StringField):  # type: ignore[misc]
    """An amount in the merchant's currency, typed as people write it; kept in minor units."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            try:
                self.data = money.parse(valuelist[0], g.settings.currency).minor
            except money.BadAmount:
                raise ValueError(WRONG["payment_form_minimum"]) from None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return money.as_decimal(self.data, g.settings.currency) if isinstance(self.data, int) else ""


class PortalForm(SettingsForm):
    portal_enabled = BooleanField()
    hide_future_invoices = BooleanField()
    allow_pay = BooleanField()
    portal_link_in_mails = BooleanField()
    sign_in_by = RadioField(
        choices=[
            SelectChoice(settings.BOTH, mark("A link or code by mail, or a password")),
            SelectChoice(settings.MAIL, mark("A link or code by mail; there are no passwords")),
            SelectChoice(settings.PASSWORD, mark("A password; links in mails only prove an address")),
        ],
        validate_choice=False,
    )
    enrolment = RadioField(
        choices=[
            SelectChoice(settings.LISTED, mark("Invited people, and whom a customer's access rules name")),
            SelectChoice(settings.OPEN, mark("They, and whoever proves the address that an invoice was sent to")),
            SelectChoice(settings.INVITED, mark("Invited people alone; access rules let nobody in")),
        ],
        validate_choice=False,
    )
    lockout_ends_by = RadioField(
        choices=[
            SelectChoice(settings.STAFF, mark("You unlock them")),
            SelectChoice(settings.TIMER, mark("30 minutes, or you before that")),
        ],
        validate_choice=False,
    )
    remember_days = StringField()
    allow_manage_emails = BooleanField()
    allow_guest_payment = BooleanField()
    allow_payment_form = BooleanField()
    payment_form_minimum = MinimumField()


class BusinessForm(SettingsForm):
    business_name = StringField(validators=[InputRequired(WRONG["business_name"])])
    business_phone = StringField()
    business_email = StringField()
    business_address = TextAreaField()
    business_vat_number = StringField()
    business_registration_number = StringField()
    timezone = SelectField(choices=sorted(available_timezones() - {"localtime"}), validate_choice=False)
    currency = StringField()
    language = SelectField(choices=theming.languages(), validate_choice=False)
    go_live_on = DayField()
    require_second_factor = BooleanField()

    def validate_business_email(self, control: Field) -> None:
        if control.data and control.data.strip():
            try:
                people.fold(control.data)
            except ValueError:
                raise ValidationError(WRONG["business_email"]) from None

    def validate_language(self, control: Field) -> None:
        if control.data not in theming.languages():
            raise ValidationError(WRONG["language"])

    def validate_go_live_on(self, control: Field) -> None:
        if control.process_errors:  # ours in place of the library's words
            control.errors = []
            raise ValidationError(WRONG["go_live_on"])


class PasswordForm(Form):
    TOO_SHORT = mark("Choose a password of 12 to 256 characters.")
    GUESSED_FIRST = mark("That one is guessed too easily. Choose another.")

    current = PasswordField(mark("The password you have now"), validators=[Length(max=LONGEST)])
    password = PasswordField(mark("New password"), validators=[Length(min=SHORTEST, max=LONGEST, message=TOO_SHORT)])
    again = PasswordField(
        mark("The same once more"), validators=[EqualTo("password", message=mark("The two are not the same."))]
    )


@bp.get("")
@require_staff
def index() -> Response:
    return respond.page(
        "admin/settings/index.html", current="settings", portal_on=g.settings.portal_enabled, email=g.staff.email
    )


@bp.get("/portal")
@require_staff
@require_proof
def edit_portal() -> Response:
    return _portal(PortalForm(formdata=None, data=vars(g.settings)))


@bp.post("/portal")
@require_staff
@require_proof
def update_portal() -> Response:
    """An unticked box is a switch that is off. Who gets in, and by what, is among them: hence the proof."""
    form = PortalForm()
    if not form.validate():
        return _portal(form, status=422)
    return _save(form, "admin_settings.edit_portal")


@bp.get("/business")
@require_staff
def edit_business() -> Response:
    return _business(BusinessForm(formdata=None, data=vars(g.settings)))


@bp.post("/business")
@require_staff
def update_business() -> Response:
    form = BusinessForm()
    if not form.validate():
        return _business(form, status=422)
    return _save(form, "admin_settings.edit_business")


@bp.get("/password")
@require_staff
@require_proof
def edit_password() -> Response:
    return _password(PasswordForm(formdata=None))


def _too_many() -> Response:
    form = PasswordForm(formdata=None)
    form.current.errors = [mark("Too many tries. Wait a few minutes, then try again.")]
    return _password(form, status=422)


@bp.post("/password")
@require_staff
@require_proof
@limited("staff password", (5, "minute"), (20, "hour"), key=signed_in, again=_too_many)
def update_password() -> Response:
    """One's own. Every other browser is signed out."""
    form = PasswordForm()
    fine = form.validate()
    if g.staff.password_hash:
        try:
            passwords.check_staff(
                g.staff.email, form.current.data or "", by=guards.actor(), now=g.now, settings=g.settings
            )
        except SignInRefused:
            form.current.errors = [mark("This is not the password you have now.")]
            fine = False
    if not fine:
        return _password(form, status=422)
    try:
        passwords.choose(g.staff, form.password.data, by=guards.actor(), now=g.now, keep=g.session)
    except BadPassword:
        form.password.errors = [PasswordForm.GUESSED_FIRST]
        return _password(form, status=422)
    guards.tell("good", theming.gettext("Saved. Every other browser of yours is signed out."))
    return respond.see_other("admin_settings.index")


def _save(form: SettingsForm, endpoint: str) -> Response:
    settings.save(form.changes, by=g.staff, now=g.now)
    guards.tell("good", theming.gettext("Saved."))
    return respond.see_other(endpoint)


def _portal(form: PortalForm, *, status: int = 200) -> Response:
    return _page(
        "portal",
        form,
        status,
        portal_url=links.portal(),
        snippets=_snippets(),
        left_out=access.left_out_by_invitation(g.now),
        currency=g.settings.currency,
    )


def _snippets() -> list[str]:
    """What leads here from the merchant's own site, ready to be copied."""
    ways = [(links.portal(), theming.gettext("See and pay your invoices"))]
    if g.settings.allow_payment_form:
        ways.append((links.payment_form(), theming.gettext("Pay an invoice")))
    return [f'<a href="{address}">{words}</a>' for address, words in ways]


def _business(form: BusinessForm, *, status: int = 200) -> Response:
    return _page("business", form, status)


def _password(form: PasswordForm, *, status: int = 200) -> Response:
    return _page("password", form, status, has_password=bool(g.staff.password_hash), email=g.staff.email)


def _page(name: str, form: Form, status: int, **context: Any) -> Response:
    return respond.page(
        f"admin/settings/{name}.html",
        status=status,
        invalid=status == 422,
        current="settings",
        place=name,
        form=form,
        **context,
    )
