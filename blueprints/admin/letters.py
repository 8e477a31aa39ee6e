"""Letters: an invoice is sent by staff, and a letter that failed is sent again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g
from wtforms import BooleanField, EmailField, IntegerField, StringField
from wtforms.validators import InputRequired, Length, Optional

import theming
from billing import access, invoices, letters, sending
from billing.sending import NotSendable, SentBefore
from blueprints import guards, respond
from blueprints.forms import Form, mark
from blueprints.guards import require_staff
from models import Invoice, Letter, Person

bp = Blueprint("admin_letters", __name__, url_prefix="/admin")

NOT_AN_ADDRESS = mark("Enter an e-mail address such as name@example.com.")
MOST_LETTERS = 2**31 - 1


class SendForm(Form):
    email = EmailField(
        mark("E-mail"),
        filters=[lambda text: (text or "").strip()],
        validators=[InputRequired(NOT_AN_ADDRESS), Length(max=254, message=NOT_AN_ADDRESS)],
    )
    name = StringField(
        mark("Name"), validators=[Length(max=120, message=mark("Enter a name of at most 120 characters."))]
    )
    nth = IntegerField(validators=[Optional()])
    again = BooleanField()


@bp.get("/invoices/<number>/letters/new")
@require_staff
def new(number: str) -> Response:
    invoice = _find(number)
    form = SendForm(formdata=None, email=sending.suggested(invoice), nth=sending.count(invoice))
    return _page(invoice, form)


@bp.post("/invoices/<number>/letters")
@require_staff
def create(number: str) -> Response:
    """Send it. The same form sent twice sends one letter; the same addressee a second time is asked about first."""
    invoice, form = _find(number), SendForm()
    if not form.validate():
        return _page(invoice, form, status=422)
    nth = form.nth.data if form.nth.data is not None and 0 <= form.nth.data <= MOST_LETTERS else None
    try:
        sent = sending.send(
            invoice,
            form.email.data,
            form.name.data or "",
            nth=nth,
            again=form.again.data,
            by=g.staff,
            settings=g.settings,
            now=g.now,
            today=g.today,
        )
    except SentBefore as refusal:
        return respond.page(
            "admin/letters/again.html",
            "admin/letters/_again.html",
            status=409,
            current="invoices",
            invoice=_shown(invoice),
            form=form,
            sent_at=refusal.values["letter"].created_at,
        )
    except NotSendable as refusal:
        if refusal.code == "bad_email":
            form.email.errors = [NOT_AN_ADDRESS]
        return _page(invoice, form, status=422)
    guards.tell(*_sent(sent.person, invoice))
    return respond.see_other("admin_invoices.show", number=number)


@bp.post("/letters/<int:id>/resends")
@require_staff
def resend(id: int) -> Response:
    """A failed letter, once more; pressed twice it is sent once."""
    letter = Letter.get_or_none(Letter.id == id) if id < 2**31 else None
    if letter is None:
        abort(404)
    if letters.resend(letter, now=g.now):
        guards.tell("good", theming.gettext("The letter is on its way again."))
    if letter.invoice_id:
        return respond.see_other("admin_invoices.show", number=letter.invoice.address)
    if letter.payment_id:
        return respond.see_other("admin_payments.show", reference=letter.payment.public_id)
    return respond.see_other("admin_health.show")


def _find(number: str) -> Invoice:
    invoice = invoices.everything(today=g.today).one(number) if number.isprintable() else None
    if invoice is None:
        abort(404)
    return invoice


def _sent(person: Person, invoice: Invoice) -> tuple[str, str]:
    """What to say of a letter that is on its way: whether its reader can sign in for that account."""
    email = person.email
    if not g.settings.portal_enabled:
        return "warn", theming.gettext("On its way to %(email)s. The portal is off: nobody can sign in.", email=email)
    if access.role_in(access.groups(person, g.now, g.settings), invoice.group_id) is None:
        return "warn", theming.gettext(
            "On its way to %(email)s, who was removed from this account and does not see it until they are put back.",
            email=email,
        )
    if access.is_locked(person, g.now, g.settings):
        return "warn", theming.gettext(
            "On its way to %(email)s, who is locked out and cannot sign in until unlocked.", email=email
        )
    return "good", theming.gettext("On its way to %(email)s, who may now sign in and pay.", email=email)


def _page(invoice: Invoice, form: SendForm, *, status: int = 200) -> Response:
    hindrance = sending.hindrance(invoice, settings=g.settings, today=g.today)
    context: dict[str, Any] = {
        "current": "invoices",
        "invoice": _shown(invoice),
        "form": form,
        "hindrance": hindrance,
        "portal_on": g.settings.portal_enabled,
        "sent_before": sending.count(invoice),
    }
    if status == 422:
        return respond.invalid("admin/letters/_form.html", page="admin/letters/new.html", **context)
    return respond.page("admin/letters/new.html", "admin/letters/_form.html", **context)


def _shown(invoice: Invoice) -> object:
    return invoices.everything(today=g.today).rows_of([invoice])[0]
