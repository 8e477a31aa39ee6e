"""Payments as the merchant sees them: every try, what the provider said, the ledger, and what staff may say."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request
from wtforms import HiddenField, TextAreaField
from wtforms.validators import AnyOf, InputRequired, Length

import theming
from billing import customers, dossiers, groups, history, payments
from billing.payments import listing
from blueprints import guards, paging, respond
from blueprints.forms import Form, mark
from blueprints.guards import require_staff
from documents import cache, pdf
from models import Payment

bp = Blueprint("admin_payments", __name__, url_prefix="/admin/payments")

SAY_WHAT_YOU_SAW = mark("Say what you saw: where you looked, and its number there.")


class DecisionForm(Form):
    taken = HiddenField(validators=[AnyOf(("yes", "no"))])
    evidence = TextAreaField(
        mark("What you saw"),
        filters=[lambda text: paging.seen(" ".join((text or "").split()))],
        validators=[
            InputRequired(SAY_WHAT_YOU_SAW),
            Length(min=8, max=1000, message=mark("Say it in 8 to 1000 characters.")),
        ],
    )


@bp.get("")
@require_staff
def index() -> Response:
    which, q = paging.shown(listing.FILTERS, listing.ALL), paging.searched()
    customer = customers.one(request.args["customer"]) if request.args.get("customer") else None
    query = listing.everything(which, customers.group_ids(customer) if customer else None)
    found = payments.page(query, q=q, now=g.now, settings=g.settings, **paging.keys())
    kept: dict[str, Any] = {"show": which, "q": q or None, "customer": customer.public_id if customer else None}
    return respond.page(
        "admin/payments/index.html",
        {"payments": "admin/payments/_list.html"},
        current="payments",
        show=which,
        q=q,
        customer_id=customer.public_id if customer else "",
        customer_name=customer.name if customer else "",
        payments=found.rows,
        **paging.neighbours("admin_payments.index", found.older, found.newer, **kept),
    )


@bp.get("/<reference>")
@require_staff
def show(reference: str) -> Response:
    payment = _find(reference)
    return respond.page(
        "admin/payments/show.html",
        current="payments",
        payment=payments.view(payment, now=g.now, settings=g.settings),
        dossier=dossiers.of_payment(payment),
    )


@bp.get("/<reference>.pdf")
@require_staff
def show_pdf(reference: str) -> Response:
    """The receipt, as the customer gets it."""
    payment = _find(reference)
    receipt = payments.receipt_of(payment, now=g.now, settings=g.settings)
    if receipt is None:
        abort(404)
    sheet = pdf.receipt_sheet(
        receipt, g.merchant, language=g.language, words=theming.gettext, addressee=groups.addressee(payment.group)
    )
    content = cache.fetch(current_app.extensions["environ"].home, sheet)
    answer = respond.file(content, f"receipt-{receipt.reference}.pdf", "application/pdf")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<reference>/lookups")
@require_staff
def look_up(reference: str) -> Response:
    """Ask the provider again now; pressed again within seconds, it is asked once."""
    payment = _find(reference)
    payments.look_up_later(payment, now=g.now)
    guards.tell("", theming.gettext("We are asking. Look again in a moment."))
    return respond.see_other("admin_payments.show", reference=payment.public_id)


@bp.get("/<reference>/decision")
@require_staff
def new_decision(reference: str) -> Response:
    """ "It was taken" or "it was not": what follows from it, before it is said."""
    payment, taken = _find(reference), request.args.get("taken")
    if taken not in ("yes", "no"):
        abort(404)
    return _decision(payment, DecisionForm(formdata=None, taken=taken))


@bp.post("/<reference>/decision")
@require_staff
def create_decision(reference: str) -> Response:
    payment, form = _find(reference), DecisionForm()
    valid = form.validate()
    if form.taken.errors:
        abort(400)
    if not _may_be_decided(payment):
        return respond.refused(409, theming.gettext("This payment is not unknown any more."))
    if not valid:
        return _decision(payment, form, status=422)
    payments.decide(
        payment, form.taken.data == "yes", evidence=form.evidence.data, by=history.actor(g.staff), now=g.now
    )
    guards.tell("good", theming.gettext("Written down and booked."))
    return respond.see_other("admin_payments.show", reference=payment.public_id)


def _find(reference: str) -> Payment:
    payment = listing.one(reference)
    if payment is None:
        abort(404)
    return payment


def _may_be_decided(payment: Payment) -> bool:
    return payment.state == Payment.UNKNOWN and dossiers.of_payment(payment).wants_decision


def _decision(payment: Payment, form: DecisionForm, *, status: int = 200) -> Response:
    if not _may_be_decided(payment):
        return respond.refused(409, theming.gettext("This payment is not unknown any more."))
    context: dict[str, Any] = {
        "current": "payments",
        "payment": payments.view(payment, now=g.now, settings=g.settings),
        "form": form,
    }
    if status == 422:
        return respond.invalid("admin/payments/_decision.html", page="admin/payments/decision.html", **context)
    return respond.page("admin/payments/decision.html", "admin/payments/_decision.html", **context)
