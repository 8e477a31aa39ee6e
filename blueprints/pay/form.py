"""The payment form: anybody pays a sum and says what for. Whether it fitted an invoice is never told."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from flask import Blueprint, Response, abort, g, request

import theming
from billing import links, payments, people
from billing.connections import NoGateway
from billing.errors import GuestRefused, LinkUnusable, Refusal, TokenReused
from billing.payments import guests
from blueprints import guards, respond, waiting
from blueprints.pay.forms import PaymentForm
from blueprints.throttles import limited
from models import Payment
from records import PaymentView

bp = Blueprint("pay_form", __name__, url_prefix="/pay")

AT_THE_AMOUNT = {"below_minimum": PaymentForm.TOO_LITTLE, "above_maximum": PaymentForm.TOO_MUCH}


def _too_often() -> Response:
    return _page(PaymentForm(), code="too_often", status=429)


def _typed_address() -> str:
    """Whose mailbox a form names, as a throttle's key: no address in Redis."""
    typed = request.form.get("email", "")
    try:
        typed = people.fold(typed)
    except ValueError:
        typed = typed.strip().lower()
    return hashlib.sha256(typed.encode()).hexdigest()[:32]


@bp.get("")
def new() -> Response:
    if not g.settings.allow_payment_form:
        return respond.refused(403, _switched_off())
    known = {"name": g.person.name, "email": g.person.email} if g.person is not None and not g.preview else {}
    return _page(PaymentForm(formdata=None, **known))


@bp.post("")
@limited("pay form", (10, "minute"), (40, "hour"), (100, "day"), again=_too_often)
@limited("pay form address", (10, "minute"), (20, "day"), key=_typed_address, again=_too_often)
def create() -> Response:
    """Pay: 303 to the payment's page, the same one however often this form arrives."""
    form = PaymentForm()
    if not form.validate() and g.settings.allow_payment_form:
        return _page(form, status=422)
    if not form.has_token:
        return _page(form, code="no_token", status=422)
    try:
        payment = guests.request_by_form(
            form.sum,
            form.reference.data,
            token=form.token.data,
            guest=form.guest,
            by=guards.actor(),
            settings=g.settings,
            now=g.now,
            again=bool(form.again.data),
        )
    except GuestRefused as refusal:
        if refusal.code == "form_off":
            return respond.refused(403, _switched_off())
        return _page(form, code=refusal.code, status=403 if refusal.code == "closed" else 429)
    except Refusal as refusal:
        if refusal.code in AT_THE_AMOUNT:
            form.amount.errors = [AT_THE_AMOUNT[refusal.code]]
            return _page(form, status=422)
        twice = refusal.code in (TokenReused.code, "paid_just_now")
        return _page(form, code=refusal.code, values=refusal.values, status=409 if twice else 422)
    return respond.see_other("pay_form.show", key=_key(payment))


@bp.get("/payments/<key>")
def show(key: str) -> Response:
    """The payment's status, for who has its address: nobody else can make it."""
    payment = _find(key)

    def more(shown: PaymentView) -> dict[str, Any]:
        return {"again_url": "/pay", "mailed_to": people.mask(shown.guest_email)}

    return waiting.status(payment, _view, more, can_pay=True, guest=True)


@bp.post("/payments/<key>/cancellation")
@limited("guest step", (20, "minute"), (100, "hour"))
def create_cancellation(key: str) -> Response:
    """ "Pay another way": nothing sent yet is cancelled, an open page is closed at the provider first."""
    payments.cancel_later(_find(key), by=guards.actor(), now=g.now)
    return respond.see_other("pay_form.show", key=key, returned=1)


@bp.post("/payments/<key>/repetition")
@limited("guest step", (20, "minute"), (100, "hour"))
def create_repetition(key: str) -> Response:
    """ "Try the same payment again": the same attempt under the same key, so never a second charge."""
    payment = _find(key)
    if not _view(payment).can_try_again:
        return respond.refused(409, theming.gettext("This payment has an answer by now, or is being asked about."))
    payments.try_again(payment, by=guards.actor(), now=g.now)
    return respond.see_other("pay_form.show", key=key)


def _find(key: str) -> Payment:
    try:
        id = links.read(links.FORM_PAYMENT, key)
    except LinkUnusable:
        abort(404)
    payment: Payment | None = (
        Payment.get_or_none(Payment.id == id, Payment.came_by == Payment.FORM) if isinstance(id, int) else None
    )
    if payment is None:
        abort(404)
    return payment


def _key(payment: Payment) -> str:
    return links.sign(links.FORM_PAYMENT, payment.id)


def _view(payment: Payment) -> PaymentView:
    url = f"/pay/payments/{_key(payment)}"
    return payments.view_for_guest(payment, url=url, now=g.now, settings=g.settings)


def _page(form: PaymentForm, *, code: str = "", values: dict[str, Any] | None = None, status: int = 200) -> Response:
    """The form, with everything that was typed. Nothing on it depends on which invoices there are."""
    other: Payment | None = (values or {}).get("payment")
    fresh = not form.has_token or code in ("no_token", TokenReused.code)
    refused = code if code in ("too_many_tries", "too_many_declines") else ""
    try:
        hindrance = refused or guests.form_hindrance(g.settings)
    except NoGateway:
        hindrance = NoGateway.code
    return respond.page(
        "pay/form.html",
        {waiting.JOURNEY: "pay/_form.html"},
        status=status,
        invalid=status != 200,
        form=form,
        token=secrets.token_urlsafe(18) if fresh else form.token.data,
        currency=g.settings.currency,
        least=guests.form_minimum(g.settings),
        can_enrol=guests.may_ask_for_account(g.settings),
        again=code == "paid_just_now",
        hindrance=hindrance,
        code=code,
        limit=(values or {}).get("limit"),
        other=_view(other) if other else None,
    )


def _switched_off() -> str:
    return theming.gettext("The payment form is switched off here. Nothing was taken.")
