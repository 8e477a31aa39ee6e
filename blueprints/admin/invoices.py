"""Invoices as the merchant sees them: all of them, with where they came from and what was done about them."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request

import theming
from billing import customers, dossiers, invoices, links, originals, sending
from billing.payments.showing import BADGES
from blueprints import paging, respond
from blueprints.guards import require_staff
from documents import cache, pdf
from models import Invoice
from records import InvoiceView

bp = Blueprint("admin_invoices", __name__, url_prefix="/admin/invoices")

ADDRESS = re.compile(r"[A-Za-z0-9_-]+")
PLAIN_TYPES = ("application/pdf", "application/xml", "text/xml", "text/csv", "text/plain", "image/png", "image/jpeg")
SEALED = "default-src 'none'; sandbox"  # whatever a supplier put into a file, it runs nothing here


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
    shown = invoices.view(invoice, seen_by="staff", settings=g.settings, today=g.today)
    name = "credit-note" if shown.kind == Invoice.CREDIT_NOTE else "invoice"
    return _private(respond.file(_pdf(invoice, shown), f"{name}-{invoice.address}.pdf", "application/pdf"))


@bp.get("/<number>/files/<int:id>")
@require_staff
def show_file(number: str, id: int) -> Response:
    """An original or an attachment of any version, as it came."""
    invoice = _find(number)
    kept = originals.one(invoice, id) if id < 2**31 else None
    if kept is None:
        abort(404)
    media_type = kept.media_type if kept.media_type in PLAIN_TYPES else "application/octet-stream"
    answer = _private(respond.file(kept.content, kept.name, media_type))
    answer.headers["Content-Security-Policy"] = SEALED
    return answer


def _find(number: str) -> Invoice:
    invoice = invoices.everything(today=g.today).one(number) if ADDRESS.fullmatch(number) else None
    if invoice is None:
        abort(404)
    return invoice


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
    return cache.fetch(current_app.extensions["environ"].home, sheet)


def _private(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
