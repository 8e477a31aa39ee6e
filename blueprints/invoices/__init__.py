"""Invoices: the list, one invoice's page, its PDF and its files."""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort, current_app, g

import theming
from billing import invoices, links, originals, payments
from blueprints import guards, paging, respond
from blueprints.guards import require_person
from documents import cache, pdf
from models import Invoice
from records import InvoiceView

bp = Blueprint("invoices", __name__, url_prefix="/invoices")

ADDRESS = re.compile(r"[A-Za-z0-9_-]+")
# What a browser may be told of a file; anything else is only bytes to it.
PLAIN_TYPES = ("application/pdf", "application/xml", "text/xml", "text/csv", "text/plain", "image/png", "image/jpeg")
SEALED = "default-src 'none'; sandbox"  # whatever a supplier put into a file, it runs nothing here


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
    invoices.mark_viewed(invoice, now=g.now)
    shown = _view(invoice)
    return respond.page(
        "invoices/show.html",
        current="invoices",
        invoice=invoices.with_pdf_size(shown, len(_pdf(invoice, shown))),
        hindrance=payments.hindrance(g.role, g.settings),
        under_way=payments.under_way([invoice.group_id], invoice, now=g.now, settings=g.settings),
    )


@bp.get("/<number>.pdf")
@require_person
def show_pdf(number: str) -> Response:
    """Our rendering; of an imported invoice it says that it is a copy."""
    invoice = _find(number)
    shown = _view(invoice)
    name = "credit-note" if shown.kind == Invoice.CREDIT_NOTE else "invoice"
    return _private(respond.file(_pdf(invoice, shown), f"{name}-{invoice.address}.pdf", "application/pdf"))


@bp.get("/<number>/files/<int:id>")
@require_person
def show_file(number: str, id: int) -> Response:
    """An original or an attachment, as it came."""
    invoice = _find(number)
    kept = originals.one(invoice, id) if id < 2**31 else None
    if kept is None:
        abort(404)
    media_type = kept.media_type if kept.media_type in PLAIN_TYPES else "application/octet-stream"
    answer = _private(respond.file(kept.content, kept.name, media_type))
    answer.headers["Content-Security-Policy"] = SEALED
    return answer


def _find(number: str) -> Invoice:
    """An invoice of one of the person's companies; anybody else's does not exist."""
    theirs = invoices.visible_to([place.group.id for place in g.places], settings=g.settings, today=g.today)
    invoice = theirs.one(number) if ADDRESS.fullmatch(number) else None
    if invoice is None:
        abort(404)
    return invoice


def _view(invoice: Invoice) -> InvoiceView:
    return invoices.view(invoice, seen_by="customer", settings=g.settings, today=g.today)


def _pdf(invoice: Invoice, shown: InvoiceView) -> bytes:
    can_be_paid = shown.free.minor > 0 and g.settings.allow_pay
    sheet = pdf.invoice_sheet(
        shown,
        g.merchant,
        pay_url=links.pay(invoice.id) if can_be_paid else None,
        language=g.language,
        attachments=originals.e_invoices(invoice),
        words=theming.gettext,
        today=g.today,
    )
    return cache.fetch(current_app.config["PORTAL_HOME"], sheet)


def _private(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
