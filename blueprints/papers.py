"""Papers as files: an invoice's PDF, and what came with it, for customers and merchant alike."""

from __future__ import annotations

from flask import Response, abort, current_app, g

import theming
from billing import links, originals
from blueprints import respond
from documents import cache, pdf
from models import Invoice
from records import InvoiceView

LARGEST_ID = 2**31  # of a row's number
# What a browser may be told of a file; anything else is only bytes to it.
PLAIN_TYPES = ("application/pdf", "application/xml", "text/xml", "text/csv", "text/plain", "image/png", "image/jpeg")
SEALED = "default-src 'none'; sandbox"  # whatever a supplier put into a file, it runs nothing here


def invoice_pdf(invoice: Invoice, shown: InvoiceView) -> bytes:
    """Our rendering, made once for the same content; with a pay link while something can be paid."""
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


def invoice_file(invoice: Invoice, shown: InvoiceView) -> Response:
    """The PDF to download. Of an imported invoice it says that it is a copy."""
    name = "credit-note" if shown.kind == Invoice.CREDIT_NOTE else "invoice"
    return private(respond.file(invoice_pdf(invoice, shown), f"{name}-{invoice.address}.pdf", "application/pdf"))


def original_file(invoice: Invoice, id: int) -> Response:
    """An original or an attachment of this very invoice, as it came; else a 404."""
    kept = originals.one(invoice, id) if id < LARGEST_ID else None
    if kept is None:
        abort(404)
    media_type = kept.media_type if kept.media_type in PLAIN_TYPES else "application/octet-stream"
    answer = private(respond.file(kept.content, kept.name, media_type))
    answer.headers["Content-Security-Policy"] = SEALED
    return answer


def private(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
