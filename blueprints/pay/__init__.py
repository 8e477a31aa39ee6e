"""Paying from an invoice's mail: the way in to one invoice.

A GET uses nothing up and mails nobody: mail scanners open every link.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, g

from billing import invoices, links, people, sign_ins
from billing.errors import LinkUnusable
from blueprints import guards, respond
from blueprints.asking import AskForm, carry
from blueprints.throttles import limited, this_address
from models import Invoice, Person

bp = Blueprint("pay", __name__, url_prefix="/pay")


@bp.get("/<token>")
def show(token: str) -> Response:
    """The way to one invoice. It opens nothing by itself: it knows the invoice and whose mail it was in."""
    found = _invoice_of(token)
    if found is None:
        return _expired()
    invoice, recipient = found
    if g.person is not None and _may_see(invoice):
        guards.look_at(invoice.group_id)
        return respond.redirect(f"/invoices/{invoice.address}")
    if recipient is None:
        form = AskForm(formdata=None, next=f"/invoices/{invoice.address}")
        return respond.page("login/new.html", form=form, invalid=False, invoice_number=invoice.number)
    return respond.page(
        "pay/show.html",
        number=invoice.number,
        masked=people.mask(recipient.email),
        action=f"/pay/{token}",
        other=f"/sign-in?next=/invoices/{invoice.address}",
    )


@bp.post("/<token>")
@limited("pay", (10, "minute"), (60, "hour"))
@limited("pay link", (4, "minute"), (12, "hour"), key=this_address)
def create_sign_in(token: str) -> Response:
    """Mail a sign-in link to whom the invoice's mail was for."""
    found = _invoice_of(token)
    if found is None:
        return _expired()
    invoice, recipient = found
    if recipient is None:
        abort(404)
    next = f"/invoices/{invoice.address}"
    sign_ins.ask(recipient.email, next, now=g.now)
    return respond.see_other("login.code", asked=carry(recipient, next))


def _invoice_of(token: str) -> tuple[Invoice, Person | None] | None:
    """The invoice of a pay link, and the person its mail was for; a PDF's link names none: then the customer's own.

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
        return invoice, Person.get_or_none(Person.id == person_id)
    address = invoices.customer_of(invoice).email
    return invoice, people.person_by_email(address) if address else None


def _may_see(invoice: Invoice) -> bool:
    return _can_be_seen(invoice, [place.group.id for place in g.places])


def _can_be_seen(invoice: Invoice, groups: list[int]) -> bool:
    return invoices.visible_to(groups, settings=g.settings, today=g.today).one(invoice.address) is not None


def _expired() -> Response:
    return respond.page("login/expired.html", status=410, asked="", action="")
