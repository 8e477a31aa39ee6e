"""Paying by an invoice's own link: the way in to one invoice, and paying it without an account where that is allowed.

Whoever holds the link sees that invoice's number and what is left of it, never whose it is. A GET uses nothing up and
mails nobody: mail scanners open every link.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, g, request

import theming
from billing import invoices, links, payments, people, sign_ins
from billing.errors import GuestRefused, LinkUnusable, NotFree, Refusal, TokenReused
from billing.payments import guests
from blueprints import guards, respond, waiting
from blueprints.asking import carry
from blueprints.pay.forms import GuestForm
from blueprints.throttles import limited, this_address
from models import Invoice, Payment, Person
from money import BadAmount, Money, from_decimal
from records import PaymentView

bp = Blueprint("pay", __name__, url_prefix="/pay")

REFERENCE = re.compile(r"[A-Za-z0-9-]{1,16}")


@dataclass(frozen=True)
class Link:
    """A pay link that was read: its invoice, and the person its mail was for, if anybody of ours."""

    token: str
    invoice: Invoice
    recipient: Person | None

    @property
    def path(self) -> str:
        return f"/pay/{self.token}"

    @property
    def next(self) -> str:
        """Where who signs in goes on to."""
        return f"/invoices/{self.invoice.address}"

    def way(self, door: str) -> str:
        """One of the ways in (/sign-in, /create-account, /forgot-password), which leads back to the invoice."""
        return f"{door}?{urlencode({'next': self.next, 'invoice': self.token}, safe='/')}"


def _too_often() -> Response:
    link = _read((request.view_args or {})["token"])
    return _panel(link, GuestForm(), code="too_often") if link and g.settings.allow_guest_payment else _expired(None)


# --- The way in -------------------------------------------------------------------------------------------------------


@bp.get("/<token>")
def show(token: str) -> Response:
    """One invoice: paying it where guests may, and the way to sign in for it."""
    link = _read(token)
    if _is_closed():
        return respond.unavailable()
    if link is None:
        return _expired(None)
    if g.settings.portal_enabled and g.person is not None and _may_see(link.invoice):
        guards.look_at(link.invoice.group_id)
        return respond.redirect(link.next)
    if guests.has_expired(link.invoice, g.now, g.settings):
        return _expired(link)
    if g.settings.allow_guest_payment:
        return _panel(link, GuestForm(formdata=None))
    if link.recipient is None or not g.settings.by_mail:
        return respond.redirect(link.way("/sign-in"))
    return respond.page(
        "pay/open.html",
        number=link.invoice.number,
        masked=people.mask(link.recipient.email),
        action=link.path,
        other=link.way("/sign-in"),
        account_url=link.way("/create-account") if guests.may_ask_for_account(g.settings) else "",
    )


@bp.post("/<token>")
@limited("pay", (10, "minute"), (60, "hour"))
@limited("pay link", (4, "minute"), (12, "hour"), key=this_address)
def create_sign_in(token: str) -> Response:
    """Mail a sign-in link to whom the invoice's mail was for."""
    link = _read(token)
    if not g.settings.portal_enabled:
        return respond.unavailable()
    if link is None:
        return _expired(None)
    if not g.settings.by_mail:  # the page was drawn before: no mail would come
        return respond.redirect(link.way("/sign-in"))
    if link.recipient is None:
        abort(404)
    sign_ins.ask(link.recipient.email, link.next, by=guards.actor(), now=g.now, settings=g.settings)
    return respond.see_other("login.code", asked=carry(link.recipient, link.next))


# --- Paying as a guest ------------------------------------------------------------------------------------------------


@bp.post("/<token>/payments")
@limited("guest pay", (10, "minute"), (40, "hour"), again=_too_often)
@limited("guest pay link", (10, "minute"), (30, "hour"), key=this_address, again=_too_often)
def create(token: str) -> Response:
    """Pay all that is left of the one invoice: 303 to the payment's page, the same one however often this arrives."""
    link = _read(token)
    if _is_closed():
        return respond.unavailable()
    if link is None or guests.has_expired(link.invoice, g.now, g.settings):
        return _expired(link)
    form = GuestForm()
    amount = _amount(form.amount.data, link.invoice.currency)
    if not form.validate() and g.settings.allow_guest_payment:
        return _panel(link, form, status=422)
    if not form.has_token or amount is None:
        return _panel(link, form, code="bad_amount" if form.has_token else "no_token", status=422)
    try:
        payment = guests.request(
            link.invoice,
            amount=amount,
            link=token,
            token=form.token.data,
            guest=form.guest,
            by=guards.actor(),
            settings=g.settings,
            now=g.now,
        )
    except GuestRefused as refusal:
        if refusal.code == "guest_off":
            return respond.refused(403, _switched_off())
        return _panel(link, form, code=refusal.code, status=403 if refusal.code == "closed" else 429)
    except Refusal as refusal:
        status = 409 if isinstance(refusal, (TokenReused, NotFree)) or refusal.code == "nothing_to_pay" else 422
        return _panel(link, form, code=refusal.code, values=refusal.values, status=status)
    return respond.see_other("pay.show_payment", token=token, id=payment.public_id)


@bp.get("/<token>/payments/<id>")
def show_payment(token: str, id: str) -> Response:
    """A guest's payment of that very invoice, and of nothing else: first whether money moved."""
    if _is_closed():
        return respond.unavailable()
    found = _find(token, id)
    if found is None:
        return _expired(None)
    link, payment = found

    def more(shown: PaymentView) -> dict[str, Any]:
        return {"again_url": link.path, "mailed_to": people.mask(shown.guest_email)}

    def view(payment: Payment) -> PaymentView:
        return _view(link, payment)

    return waiting.status(payment, view, more, can_pay=True, guest=True)


@bp.post("/<token>/payments/<id>/cancellation")
@limited("guest step", (20, "minute"), (100, "hour"))
def create_cancellation(token: str, id: str) -> Response:
    """ "Pay another way": nothing sent yet is cancelled, an open page is closed at the provider first."""
    if _is_closed():
        return respond.unavailable()
    found = _find(token, id)
    if found is None:
        return _expired(None)
    _, payment = found
    payments.cancel_later(payment, by=guards.actor(), now=g.now)
    return respond.see_other("pay.show_payment", token=token, id=payment.public_id, returned=1)


@bp.post("/<token>/payments/<id>/repetition")
@limited("guest step", (20, "minute"), (100, "hour"))
def create_repetition(token: str, id: str) -> Response:
    """ "Try the same payment again": the same attempt under the same key, so never a second charge."""
    if _is_closed():
        return respond.unavailable()
    found = _find(token, id)
    if found is None:
        return _expired(None)
    link, payment = found
    if not _view(link, payment).can_try_again:
        return respond.refused(409, theming.gettext("This payment has an answer by now, or is being asked about."))
    payments.try_again(payment, by=guards.actor(), now=g.now)
    return respond.see_other("pay.show_payment", token=token, id=payment.public_id)


# --- What they share --------------------------------------------------------------------------------------------------


def _read(token: str) -> Link | None:
    """A pay link's invoice, and the person its mail was for; a PDF's link names none: then the customer's own.

    None too for an invoice that no customer may see just now: not even its number is told.
    """
    try:
        invoice_id, person_id = links.read(links.PAY, token)
    except (LinkUnusable, TypeError, ValueError):
        return None
    invoice = Invoice.get_or_none(Invoice.id == invoice_id)
    if invoice is None or not _can_be_seen(invoice, [invoice.group_id]):
        return None
    if person_id:
        return Link(token, invoice, Person.get_or_none(Person.id == person_id))
    address = invoices.customer_of(invoice).email
    return Link(token, invoice, people.person_by_email(address) if address else None)


def _find(token: str, id: str) -> tuple[Link, Payment] | None:
    """A link and a guest's payment of its invoice; None without a link of ours, 404 for any other payment."""
    link = _read(token)
    if link is None:
        return None
    payment = guests.of_invoice(link.invoice, id) if REFERENCE.fullmatch(id) else None
    if payment is None:
        abort(404)
    return link, payment


def _is_closed() -> bool:
    """The portal is off, and guests may not pay either: their links follow a switch of their own."""
    return not (g.settings.portal_enabled or g.settings.allow_guest_payment)


def _may_see(invoice: Invoice) -> bool:
    return _can_be_seen(invoice, [place.group.id for place in g.places])


def _can_be_seen(invoice: Invoice, groups: list[int]) -> bool:
    return invoices.visible_to(groups, settings=g.settings, today=g.today).one(invoice.address) is not None


def _amount(typed: str | None, currency: str) -> Money | None:
    try:
        return Money(from_decimal(typed or "", currency), currency)
    except BadAmount:
        return None


def _view(link: Link, payment: Payment) -> PaymentView:
    url = f"{link.path}/payments/{payment.public_id}"
    return payments.view_for_guest(payment, url=url, now=g.now, settings=g.settings)


def _panel(
    link: Link, form: GuestForm, *, code: str = "", values: dict[str, Any] | None = None, status: int = 200
) -> Response:
    """The invoice with what can be paid now; after a refusal with everything that was typed."""
    invoice: Invoice = Invoice.get_by_id(link.invoice.id)
    state = _state(invoice)
    other: Payment | None = (values or {}).get("payment")
    begun = guests.under_way(invoice, link.token) if state == "moving" else None
    can_sign_in = g.settings.portal_enabled
    can_enrol = guests.may_ask_for_account(g.settings)
    fresh = not form.has_token or code in ("no_token", TokenReused.code)
    return respond.page(
        "pay/show.html",
        {waiting.JOURNEY: "pay/_panel.html"},
        status=status,
        invalid=status != 200,
        number=invoice.number,
        state=state,
        amount=Money(invoice.free, invoice.currency),
        due_on=invoice.due_on,
        paid_on=invoice.settled_on,
        form=form,
        token=secrets.token_urlsafe(18) if fresh else form.token.data,
        link=link.path,
        can_enrol=can_enrol,
        hindrance=guests.hindrance(invoice, now=g.now, settings=g.settings) if state == "open" else "",
        code=code,
        limit=(values or {}).get("limit"),
        other=_view(link, other) if other else None,
        begun=_view(link, begun) if begun else None,
        masked=people.mask(link.recipient.email) if link.recipient and g.settings.by_mail else "",
        sign_in_url=link.way("/sign-in") if can_sign_in else "",
        forgot_url=link.way("/forgot-password") if can_sign_in and g.settings.by_password else "",
        account_url=link.way("/create-account") if can_enrol else "",
    )


def _state(invoice: Invoice) -> str:
    """What there is to do about an invoice: open, moving, paid, cancelled, itself."""
    if invoice.status == Invoice.VOID:
        return "cancelled"
    if invoice.open <= 0 or invoice.kind != Invoice.INVOICE:
        return "paid"
    if invoice.pays_itself:
        return "itself"
    return "open" if invoice.free else "moving"


def _switched_off() -> str:
    return theming.gettext("Paying without signing in is switched off here. Nothing was taken. Sign in to pay.")


def _expired(link: Link | None) -> Response:
    """None of ours, or too old: where we know whose it was, a new one is one press away."""
    if respond.wants_fragment():
        return respond.redirect(f"/pay/{(request.view_args or {})['token']}")  # it says so there, as a page
    if link is None:
        return respond.page("login/expired.html", status=410, asked="", action="")
    is_open = g.settings.portal_enabled
    return respond.page(
        "pay/expired.html",
        status=410,
        masked=people.mask(link.recipient.email) if link.recipient and is_open and g.settings.by_mail else "",
        link=link.path,
        sign_in_url=link.way("/sign-in") if is_open else "",
    )
