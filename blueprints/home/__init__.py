"""Home: what wants doing, what is to pay, what was paid, who the customer is."""

from __future__ import annotations

from flask import Blueprint, Response, g

from billing import groups, invoices, payment_methods, payments
from blueprints import respond
from blueprints.guards import require_person

bp = Blueprint("home", __name__)

FIRST_INVOICES, LAST_PAYMENTS, MOST_NOTES = 5, 3, 3


@bp.get("/")
@require_person
def show() -> Response:
    """The current company's; amounts of two are never added."""
    mine = invoices.visible_to([g.group.id], settings=g.settings, today=g.today)
    told = {"now": g.now, "settings": g.settings}
    return respond.page(
        "home/show.html",
        current="home",
        notes=payments.wants_doing([g.group.id], limit=MOST_NOTES, **told),
        to_pay=next(iter(mine.to_pay()), None),
        rows=mine.first_rows(invoices.TO_PAY, FIRST_INVOICES),
        balance=mine.balance(g.group.currency),
        payments=payments.recent([g.group.id], limit=LAST_PAYMENTS, **told),
        methods=payment_methods.kept(g.group.id),
        party=groups.addressee(g.group),
        hindrance=payments.hindrance(g.role, g.settings),
    )
