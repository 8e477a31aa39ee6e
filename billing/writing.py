"""What a letter is about: the frozen record its words are made from, and whether it is still right to send it.

Everything is read at the moment of sending, so that a letter that waited says what is so now.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from babel import Locale, UnknownLocaleError

from billing import dates, files, invoices, links, merchant, sign_ins
from billing import settings as settings_of
from billing.payments import showing
from billing.settings import Settings
from models import Allocation, Invoice, InvoiceFile, Letter, Payment, SignIn, StoredFile
from records import LetterView, PaperView

PLAIN_LANGUAGE = "en"
PDF = "application/pdf"

# A letter about a payment that has moved on is not sent: another one tells what is so now.
STILL_SO = {
    "receipt": (Payment.PAID,),
    "on_its_way": (Payment.PROCESSING,),
    "action_needed": (Payment.NEEDS_CUSTOMER,),
    "declined": (Payment.DECLINED,),
    "being_checked": (Payment.UNKNOWN,),
    "not_taken": (Payment.CANCELLED, Payment.DECLINED),
}


def material(letter: Letter, *, now: datetime) -> LetterView | None:
    """Everything the letter may say; None where it is no longer right to send it. A handful of queries."""
    settings = settings_of.load()
    about = _about(letter, settings, now)
    if about is None:
        return None
    person, staff = letter.person, letter.staff
    has_portal_link = staff is None and settings.portal_enabled and settings.portal_link_in_mails
    return LetterView(
        kind=letter.kind,
        message_id=letter.message_id,
        to=letter.to,
        name=(person or staff).name if person or staff else "",
        for_staff=staff is not None,
        language=_language((person.language if person else None) or settings.language),
        timezone=settings.timezone,
        now=now,
        today=dates.day(now, settings.timezone),
        merchant=merchant.view(settings),
        host=links.host(),
        portal_url=links.portal() if has_portal_link else "",
        **about,
    )


def original(letter: Letter, *, most: int) -> PaperView | None:
    """The invoice as it came, where it came as a PDF of at most so many bytes. A lost one is left out."""
    found: InvoiceFile | None = (
        InvoiceFile.select(InvoiceFile, StoredFile)
        .join(StoredFile)
        .where(
            InvoiceFile.invoice == letter.invoice_id,
            InvoiceFile.version == letter.invoice.version,
            InvoiceFile.role == InvoiceFile.ORIGINAL,
            StoredFile.media_type == PDF,
            StoredFile.size <= most,
        )
        .first()
    )
    if found is None:
        return None
    try:
        return PaperView(f"{letter.invoice.address}.pdf", PDF, files.read(found.file))
    except OSError:
        return None


def is_pdf_original(letter: Letter) -> bool:
    """Whether the invoice came as a PDF, of whatever size: then no copy of ours goes in its place."""
    return bool(
        InvoiceFile.select()
        .join(StoredFile)
        .where(
            InvoiceFile.invoice == letter.invoice_id,
            InvoiceFile.role == InvoiceFile.ORIGINAL,
            StoredFile.media_type == PDF,
        )
        .exists()
    )


def _language(wanted: str) -> str:
    """A language amounts and dates can be written in."""
    try:
        Locale.parse(wanted.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return PLAIN_LANGUAGE
    return wanted


def _about(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    if letter.kind == "sign_in":
        return _sign_in(letter, settings, now)
    if letter.kind == "invoice_issued":
        return _invoice(letter, settings, now)
    return _payment(letter, settings, now)


def _sign_in(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """Nothing where the link was used or replaced, is too old, or would only meet a closed portal."""
    row: SignIn | None = SignIn.get_or_none(SignIn.id == letter.details.get("sign_in"))
    if row is None or not sign_ins.is_usable(row, now) or (row.staff_id is None and not settings.portal_enabled):
        return None
    has_code = row.code_expires_at is not None and row.code_expires_at > now
    return {
        "url": links.sign_in(row.id),
        "code": sign_ins.code_of(row) if has_code else "",
        "link_minutes": _minutes(row.link_expires_at - now),
        "code_minutes": _minutes(row.code_expires_at - now) if has_code else 0,
    }


def _minutes(left: timedelta) -> int:
    """Rounded up: what was asked for a moment ago works for 30 minutes, not 29."""
    return max(1, -(-int(left.total_seconds()) // 60))


def _invoice(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    invoice = letter.invoice
    if invoice is None or invoice.status != Invoice.OPEN:
        return None
    return {
        "invoice": invoices.view(
            invoice, seen_by="customer", settings=settings, today=dates.day(now, settings.timezone)
        ),
        "url": links.pay(invoice.id, letter.person_id or 0),
    }


def _payment(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    payment = letter.payment
    if payment is None or payment.state not in STILL_SO[letter.kind]:
        return None
    if letter.kind == "receipt" and payment.captured <= 0:
        return None  # another currency arrived: that lies before the staff, and there is no amount to confirm yet
    return {
        "payment": showing.view(payment, now=now, settings=settings),
        "checked": bool(letter.details.get("checked")) or payment.unknown_told_at is not None,
        "url": _pay_again(letter, payment) or links.payment(payment.public_id),
    }


def _pay_again(letter: Letter, payment: Payment) -> str:
    """After a payment that ended without money: the one invoice it was for. Several: its own page lists them."""
    if letter.kind != "not_taken":
        return ""
    paid_for = [row.invoice_id for row in Allocation.select(Allocation.invoice).where(Allocation.payment == payment.id)]
    return links.pay(paid_for[0], letter.person_id or 0) if len(paid_for) == 1 else ""
