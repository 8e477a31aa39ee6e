"""Payments as the merchant sees them: every try, what the provider said, the ledger, and what staff may say and do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request
from wtforms import HiddenField, TextAreaField
from wtforms.validators import AnyOf, InputRequired, Length

import theming
from billing import customers, dossiers, groups, payments, refunds, suspense
from billing.payments import listing
from blueprints import guards, paging, respond
from blueprints.forms import Form, mark
from blueprints.guards import require_staff
from documents import cache, pdf
from models import Payment, Refund
from records import PartyView

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
        receipt, g.merchant, language=g.language, words=theming.gettext, addressee=_addressee(payment)
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
    payments.decide(payment, form.taken.data == "yes", evidence=form.evidence.data, by=guards.actor(), now=g.now)
    guards.tell("good", theming.gettext("Written down and booked."))
    return respond.see_other("admin_payments.show", reference=payment.public_id)


# --- Money that fits no invoice ---------------------------------------------------------------------------------------


@bp.get("/<reference>/match")
@require_staff
def new_match(reference: str) -> Response:
    """Whose money is it? What the payer's words point at, and a search."""
    payment, q = _find(reference), paging.searched()
    if not suspense.waits(payment):
        return respond.refused(409, _not_waiting(payment))
    return respond.page(
        "admin/payments/match.html",
        {"candidates": "admin/payments/_candidates.html"},
        current="payments",
        payment=payments.view(payment, now=g.now, settings=g.settings),
        dossier=dossiers.of_payment(payment),
        q=q,
        candidates=suspense.found(payment, q) if q else suspense.suggested(payment),
    )


@bp.post("/<reference>/match")
@require_staff
def create_match(reference: str) -> Response:
    payment = _find(reference)
    address, account = request.form.get("invoice", ""), request.form.get("account", "")
    if bool(address) == bool(account):
        abort(400)
    if not suspense.waits(payment):  # another tab was quicker
        return respond.refused(409, _not_waiting(payment))
    to: dict[str, Any] = (
        {"invoice": suspense.open_invoice(payment, paging.seen(address))}
        if address
        else {"group": suspense.account(payment, paging.seen(account))}
    )
    if None in to.values():
        return respond.refused(409, theming.gettext("This invoice is not open any more."))
    try:
        payment = suspense.match(payment, by=guards.actor(), now=g.now, **to)
    except suspense.NotMatched as refusal:
        if refusal.code == "nothing_free":
            return respond.refused(409, theming.gettext("Another payment is paying this invoice already."))
        return respond.refused(409, _not_waiting(_find(reference)))
    shown = payments.view(payment, now=g.now, settings=g.settings)
    guards.tell("good", theming.gettext("Matched. It is a payment of %(name)s now.") % {"name": shown.customer})
    return respond.see_other("admin_payments.show", reference=payment.public_id)


# --- Sending it back --------------------------------------------------------------------------------------------------


@bp.get("/<reference>/refund")
@require_staff
def new_refund(reference: str) -> Response:
    """What follows from sending it back, before it is done."""
    payment = _find(reference)
    if not suspense.waits(payment):
        return respond.refused(409, _not_waiting(payment))
    return respond.page(
        "admin/payments/refund.html",
        current="payments",
        payment=payments.view(payment, now=g.now, settings=g.settings),
        dossier=dossiers.of_payment(payment),
    )


@bp.post("/<reference>/refund")
@require_staff
def create_refund(reference: str) -> Response:
    """The same form sent again finds the refund that it made the first time."""
    payment = _find(reference)
    try:
        refunds.request(payment, payment.suspense, by=guards.actor(), now=g.now)
    except refunds.NotRefundable as refusal:
        payment = _find(reference)
        if refusal.code != "gone":
            return respond.refused(409, theming.gettext("It cannot be sent back from here."))
        if payment.group_id or not refunds.of(payment):
            return respond.refused(409, _not_waiting(payment))
    else:
        guards.tell("good", theming.gettext("It is being sent back."))
    return respond.see_other("admin_payments.show", reference=payment.public_id)


@bp.get("/<reference>/refunds/<name>/decision")
@require_staff
def new_refund_decision(reference: str, name: str) -> Response:
    """ "It went back" or "it did not": what follows from it, before it is said."""
    payment, sent = _find(reference), request.args.get("taken")
    if sent not in ("yes", "no"):
        abort(404)
    return _refund_decision(payment, _find_refund(payment, name), DecisionForm(formdata=None, taken=sent))


@bp.post("/<reference>/refunds/<name>/decision")
@require_staff
def create_refund_decision(reference: str, name: str) -> Response:
    payment, form = _find(reference), DecisionForm()
    refund, valid = _find_refund(payment, name), form.validate()
    if form.taken.errors:
        abort(400)
    if not valid or not _may_decide_refund(payment, refund):
        return _refund_decision(payment, refund, form, status=422)
    refunds.decide(refund, form.taken.data == "yes", evidence=form.evidence.data, by=guards.actor(), now=g.now)
    guards.tell("good", theming.gettext("Written down and booked."))
    return respond.see_other("admin_payments.show", reference=payment.public_id)


def _find_refund(payment: Payment, name: str) -> Refund:
    refund = refunds.one(payment, name) if name.isprintable() else None
    if refund is None:
        abort(404)
    return refund


def _may_decide_refund(payment: Payment, refund: Refund) -> bool:
    return any(view.wants_decision for view in refunds.of(payment) if view.reference == refund.public_id)


def _refund_decision(payment: Payment, refund: Refund, form: DecisionForm, *, status: int = 200) -> Response:
    if not _may_decide_refund(payment, refund):
        return respond.refused(409, theming.gettext("This refund is not unknown any more."))
    context: dict[str, Any] = {
        "current": "payments",
        "payment": payments.view(payment, now=g.now, settings=g.settings),
        "refund": next(view for view in refunds.of(payment) if view.reference == refund.public_id),
        "form": form,
    }
    partial, page = "admin/payments/_refund_decision.html", "admin/payments/refund_decision.html"
    if status == 422:
        return respond.invalid(partial, page=page, **context)
    return respond.page(page, partial, **context)


def _not_waiting(payment: Payment) -> str:
    """Why there is nothing to match or to send back (any more)."""
    if payment.group_id:
        return theming.gettext("This payment is matched already, to %(name)s.") % {"name": payment.group.name}
    if refunds.of(payment):
        return theming.gettext("This money is being sent back, or was.")
    return theming.gettext("Nothing of this payment waits to be matched.")


def _addressee(payment: Payment) -> PartyView:
    if payment.group_id:
        return groups.addressee(payment.group)
    return PartyView(name=payment.guest_name, email=payment.guest_email or "")


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
