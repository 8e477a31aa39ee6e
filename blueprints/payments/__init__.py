"""Payments: choosing and paying, one payment's status and receipt, the list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request, url_for

import theming
from billing import groups, invoices, payment_methods, payments, people
from billing.errors import MethodUnusable, NotFree, PaidJustNow, Refusal, TokenReused
from blueprints import guards, paging, paying, respond, throttles, waiting
from blueprints.guards import require_person, require_role
from documents import cache, pdf
from models import Invoice, Payment, PaymentMethod
from money import BadAmount, Money, add, from_decimal
from records import PaymentView

bp = Blueprint("payments", __name__, url_prefix="/payments")

ADDRESS = re.compile(r"[A-Za-z0-9_-]+")
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Typed:
    """The pay panel as it was sent, or as it is drawn first."""

    method: str
    keep: bool
    token: str
    amount: str = ""
    again: bool = False


# --- The list ---------------------------------------------------------------------------------------------------------


@bp.get("")
@require_person
def index() -> Response:
    """What was paid and what was tried, newest first, a page at a time."""
    q = paging.searched()
    found = payments.page(payments.visible_to([g.group.id]), **paging.keys(), now=g.now, settings=g.settings, q=q)
    return respond.page(
        "payments/index.html",
        {"payments": "payments/_list.html"},
        current="payments",
        q=q,
        rows=found.rows,
        **paging.neighbours("payments.index", found.older, found.newer, q=q or None),
    )


# --- Choosing and paying ----------------------------------------------------------------------------------------------


@bp.get("/new")
@require_role("pay")
def new() -> Response:
    """Review what was ticked and how to pay it; to htmx also only the sum of the ticks."""
    chosen = _all_due() if request.args.get("all") == "due" else _chosen(request.args.getlist("invoice"))
    return _panel(chosen, Typed(request.args.get("method", ""), keep=False, token=paying.new_token()))


@bp.post("")
@throttles.limited("pay", (30, "minute"), (300, "hour"), key=throttles.signed_in)
@require_role("pay")
def create() -> Response:
    """Pay: 303 to the payment's page, the same one however often this form arrives."""
    chosen = _chosen(request.form.getlist("invoice"))
    typed = Typed(
        method=request.form.get("method", ""),
        keep="keep" in request.form,
        token=request.form.get("token", ""),
        amount=request.form.get("amount", ""),
        again="again" in request.form,
    )
    if code := _mistake(typed, chosen):
        return _panel(chosen, typed, code=code)
    try:
        payment = payments.request(
            chosen,
            amount=_amount(typed, chosen),
            method=_method(typed, chosen),
            keep=typed.keep,
            token=typed.token,
            by=g.person,
            settings=g.settings,
            now=g.now,
            again=typed.again,
        )
    except Refusal as refusal:
        return _panel(chosen, typed, code=refusal.code, values=refusal.values, status=_status_of(refusal))
    return respond.see_other("payments.show", id=payment.public_id)


def _chosen(addresses: Sequence[str]) -> list[Invoice]:
    """The named invoices, all of them the person's; their company becomes the current one. A stranger's: 404."""
    wanted = set(addresses)
    if not all(ADDRESS.fullmatch(address) for address in wanted):
        abort(404)
    found = _visible([place.group.id for place in g.places]).by_addresses(addresses)
    if len(found) < min(len(wanted), invoices.MOST_AT_ONCE):
        abort(404)
    owners = {invoice.group_id for invoice in found}
    for owner in owners:
        guards.need("pay", owner)
    if len(owners) == 1:
        guards.look_at(owners.pop())
    return found


def _all_due() -> list[Invoice]:
    guards.need("pay", g.group)
    return _visible([g.group.id]).due()


def _visible(theirs: list[int]) -> invoices.Visible:
    return invoices.visible_to(theirs, settings=g.settings, today=g.today)


def _mistake(typed: Typed, chosen: Sequence[Invoice]) -> str:
    """What is wrong with a form that cannot even be asked for."""
    if len(chosen) > invoices.MOST_AT_ONCE:
        return "too_many"
    if not TOKEN.fullmatch(typed.token):
        return "no_token"
    if not typed.method:
        return "no_method"
    try:
        _amount(typed, chosen)
    except BadAmount:
        return "bad_amount"
    return ""


def _amount(typed: Typed, chosen: Sequence[Invoice]) -> Money | None:
    """What the page showed; empty: whatever is free. Raises BadAmount."""
    if not typed.amount or not chosen:
        return None
    currency = chosen[0].currency
    return Money(from_decimal(typed.amount, currency), currency)


def _method(typed: Typed, chosen: Sequence[Invoice]) -> PaymentMethod | None:
    """The stored method that was chosen, None for a new one. Raises MethodUnusable for one that is not there."""
    if typed.method == paying.NEW:
        return None
    known = typed.method.isascii() and typed.method.isprintable()
    method = payment_methods.one(chosen[0].group_id, typed.method) if chosen and known else None
    if method is None:
        raise MethodUnusable()
    return method


def _status_of(refusal: Refusal) -> int:
    return 409 if isinstance(refusal, (TokenReused, PaidJustNow, NotFree)) else 422


def _panel(
    chosen: Sequence[Invoice], typed: Typed, *, code: str = "", values: dict[str, Any] | None = None, status: int = 422
) -> Response:
    """The review with what can be paid now, what cannot, and how; after a refusal with everything that was typed."""
    group = chosen[0].group_id if chosen else g.group.id
    if not code and len({invoice.group_id for invoice in chosen}) > 1:
        code = "several_companies"
    if not code and len(chosen) > invoices.MOST_AT_ONCE:
        code = "too_many"
    in_order = sorted(chosen[: invoices.MOST_AT_ONCE], key=lambda invoice: (invoice.due_on, invoice.id))
    rows = _visible([group]).rows_of(in_order)
    free = [row for row in rows if row.can_pay]
    methods = paying.ways(group)
    other: Payment | None = (values or {}).get("payment")
    return respond.page(
        "payments/new.html",
        {waiting.JOURNEY: "payments/_pay_panel.html", "sum": "payments/_sum.html"},
        status=status if code and request.method == "POST" else 200,
        invalid=bool(code) and request.method == "POST",
        current="invoices",
        rows=free,
        left_out=[row for row in rows if not row.can_pay],
        total=add((row.free for row in free), free[0].free.currency) if free else Money(0, g.group.currency),
        methods=methods,
        method=paying.chosen(methods, typed.method, guess=code not in ("no_method", MethodUnusable.code)),
        keep=typed.keep,
        token=paying.new_token() if code in ("no_token", TokenReused.code) else typed.token,
        code=code,
        limit=(values or {}).get("limit"),
        other=payments.view(other, now=g.now, settings=g.settings) if other else None,
        hindrance=payments.hindrance(g.role, g.settings),
        all_due=request.args.get("all") == "due",
    )


# --- One payment ------------------------------------------------------------------------------------------------------


@bp.get("/<id>")
@require_person
def show(id: str) -> Response:
    """The status, which turns into the receipt. Waits a moment for the job; sends on to the provider's page."""
    payment = _find(id)
    guards.look_at(payment.group_id)

    def more(shown: PaymentView) -> dict[str, Any]:
        return {
            "current": "payments",
            "again_url": url_for("payments.new", invoice=[part.address for part in shown.allocations]),
            "mailed_to": people.mask(payment.person.email) if payment.person_id else "",
            "pdf_size": len(_receipt(payment, shown)) if shown.pdf_url else None,
            "party": groups.addressee(payment.group),
        }

    return waiting.status(payment, _view, more, can_pay=_may_pay(payment))


@bp.get("/<id>.pdf")
@require_person
def show_pdf(id: str) -> Response:
    """The receipt; 404 while there is nothing to receipt."""
    payment = _find(id)
    shown = payments.receipt_of(payment, now=g.now, settings=g.settings)
    if shown is None:
        abort(404)
    answer = respond.file(_receipt(payment, shown), f"receipt-{shown.reference}.pdf", "application/pdf")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<id>/cancellation")
@require_role("pay")
def create_cancellation(id: str) -> Response:
    """ "Pay another way": nothing sent yet is cancelled, an open page is closed at the provider first."""
    payment = _find(id)
    guards.need("pay", payment.group_id)
    payments.cancel_later(payment, by=g.person, now=g.now)
    return respond.see_other("payments.show", id=payment.public_id, returned=1)


@bp.post("/<id>/repetition")
@require_role("pay")
def create_repetition(id: str) -> Response:
    """ "Try the same payment again": the same attempt under the same key, so never a second charge."""
    payment = _find(id)
    guards.need("pay", payment.group_id)
    if not payments.view(payment, now=g.now, settings=g.settings).can_try_again:
        return respond.refused(409, theming.gettext("This payment has an answer by now, or is being asked about."))
    payments.try_again(payment, by=g.person, now=g.now)
    return respond.see_other("payments.show", id=payment.public_id)


def _find(id: str) -> Payment:
    known = ADDRESS.fullmatch(id)
    payment = payments.one_visible([place.group.id for place in g.places], id) if known else None
    if payment is None:
        abort(404)
    return payment


def _may_pay(payment: Payment) -> bool:
    return any(place.group.id == payment.group_id and place.role != "view" for place in g.places)


def _view(payment: Payment) -> PaymentView:
    return payments.view(payment, now=g.now, settings=g.settings)


def _receipt(payment: Payment, shown: PaymentView) -> bytes:
    sheet = pdf.receipt_sheet(
        shown, g.merchant, language=g.language, words=theming.gettext, addressee=groups.addressee(payment.group)
    )
    return cache.fetch(current_app.config["PORTAL_HOME"], sheet)
