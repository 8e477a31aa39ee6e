"""Invoices as the merchant sees them: all of them, with where they came from and what was done about them."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, abort, g, request

from billing import customers, dossiers, invoices, sending
from billing.payments.showing import BADGES
from blueprints import paging, papers, respond
from blueprints.guards import require_staff
from models import Invoice

bp = Blueprint("admin_invoices", __name__, url_prefix="/admin/invoices")

ADDRESS = re.compile(r"[A-Za-z0-9_-]+")


@bp.get("")
@require_staff
def index() -> Response:
    which, q = paging.shown(invoices.FILTERS, invoices.ALL), paging.searched()
    customer = customers.one(request.args["customer"]) if request.args.get("customer") else None
    if customer is None:
        seen = invoices.everything(today=g.today)
    else:
        seen = customers.of_groups(customers.group_ids(customer), today=g.today)
    found = seen.page(which, q=q, currency=g.settings.currency, **paging.keys())
    kept: dict[str, Any] = {"show": which, "q": q or None, "customer": customer.public_id if customer else None}
    return respond.page(
        "admin/invoices/index.html",
        {"invoices": "admin/invoices/_list.html"},
        current="invoices",
        show=which,
        q=q,
        customer_id=customer.public_id if customer else "",
        customer_name=customer.name if customer else "",
        rows=found.rows,
        **paging.neighbours("admin_invoices.index", found.older, found.newer, **kept),
    )


@bp.get("/<number>")
@require_staff
def show(number: str) -> Response:
    invoice = _find(number)
    shown = invoices.view(invoice, seen_by="staff", settings=g.settings, today=g.today)
    hides = g.settings.hide_future_invoices
    return respond.page(
        "admin/invoices/show.html",
        current="invoices",
        invoice=shown,
        dossier=dossiers.of_invoice(invoice, badges=BADGES, hidden_from=g.today if hides else None),
        hindrance=sending.hindrance(invoice, settings=g.settings, today=g.today),
    )


@bp.get("/<number>.pdf")
@require_staff
def show_pdf(number: str) -> Response:
    """The PDF as the customer gets it."""
    invoice = _find(number)
    return papers.invoice_file(invoice, invoices.view(invoice, seen_by="staff", settings=g.settings, today=g.today))


@bp.get("/<number>/files/<int:id>")
@require_staff
def show_file(number: str, id: int) -> Response:
    """An original or an attachment of any version, as it came."""
    return papers.original_file(_find(number), id)


def _find(number: str) -> Invoice:
    invoice = invoices.everything(today=g.today).one(number) if ADDRESS.fullmatch(number) else None
    if invoice is None:
        abort(404)
    return invoice
