"""Invoices: the list, one invoice's page, its PDF and its files."""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort, g

from billing import invoices, payments
from blueprints import guards, paging, papers, paying, respond
from blueprints.guards import require_person
from models import Invoice
from records import InvoiceView

bp = Blueprint("invoices", __name__, url_prefix="/invoices")

ADDRESS = re.compile(r"[A-Za-z0-9_-]+")


@bp.get("")
@require_person
def index() -> Response:
    """The current company's invoices, a page at a time; a search looks at all of them."""
    which = paging.shown(invoices.FILTERS, invoices.TO_PAY)
    q = paging.searched()
    mine = invoices.visible_to([g.group.id], settings=g.settings, today=g.today)
    found = mine.page(which, q=q, **paging.keys(), currency=g.group.currency)
    hindrance = payments.hindrance(g.role, g.settings)
    return respond.page(
        "invoices/index.html",
        {"invoices": "invoices/_list.html"},
        current="invoices",
        show=which,
        q=q,
        rows=found.rows,
        picks=not hindrance and any(row.can_pay for row in found.rows),
        to_pay=None if hindrance else next(iter(mine.to_pay()), None),
        **paging.neighbours("invoices.index", found.older, found.newer, show=which, q=q or None),
    )


@bp.get("/<number>")
@require_person
def show(number: str) -> Response:
    invoice = _find(number)
    guards.look_at(invoice.group_id)
    if not g.preview:
        invoices.mark_viewed(invoice, now=g.now)
    shown = _view(invoice)
    hindrance = payments.hindrance(g.role, g.settings)
    return respond.page(
        "invoices/show.html",
        current="invoices",
        invoice=invoices.with_pdf_size(shown, len(papers.invoice_pdf(invoice, shown))),
        hindrance=hindrance,
        pay=paying.panel(invoice.group_id)
        if shown.free.minor > 0 and not hindrance and not shown.pays_itself
        else None,
        under_way=payments.under_way([invoice.group_id], invoice, now=g.now, settings=g.settings),
    )


@bp.get("/<number>.pdf")
@require_person
def show_pdf(number: str) -> Response:
    """Our rendering; of an imported invoice it says that it is a copy."""
    invoice = _find(number)
    return papers.invoice_file(invoice, _view(invoice))


@bp.get("/<number>/files/<int:id>")
@require_person
def show_file(number: str, id: int) -> Response:
    """An original or an attachment, as it came."""
    return papers.original_file(_find(number), id)


def _find(number: str) -> Invoice:
    """An invoice of one of the person's companies; anybody else's does not exist."""
    theirs = invoices.visible_to([place.group.id for place in g.places], settings=g.settings, today=g.today)
    invoice = theirs.one(number) if ADDRESS.fullmatch(number) else None
    if invoice is None:
        abort(404)
    return invoice


def _view(invoice: Invoice) -> InvoiceView:
    return invoices.view(invoice, seen_by="customer", settings=g.settings, today=g.today)
