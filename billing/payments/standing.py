"""Where paying stands for a reader: whether they can, what is under way, what wants doing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from billing import access
from billing.payments.repair import TELL_UNKNOWN_AFTER
from billing.payments.request import stopped
from billing.payments.showing import views, visible_to
from billing.settings import Settings
from models import Allocation, Invoice, Membership, Payment
from records import PaymentView

LATELY = timedelta(days=7)  # for so long a refused payment is worth a note


def hindrance(role: str | None, settings: Settings) -> str:
    """Why somebody cannot pay here just now: "role", "allow_pay_off", "no_gateway"; empty where they can."""
    if not access.goes_as_far_as(role, Membership.PAY):
        return "role"
    return stopped(settings)


def under_way(groups: Sequence[int], invoice: Invoice, *, now: datetime, settings: Settings) -> list[PaymentView]:
    """The payments that hold a claim on an invoice, oldest first."""
    if not invoice.claimed:
        return []
    of_invoice = Allocation.select(Allocation.payment).where(Allocation.invoice == invoice.id)
    query = visible_to(groups).where(Payment.state.in_(Payment.LIVE), Payment.id.in_(of_invoice))
    return views(list(query.order_by(Payment.id)), now=now, settings=settings)


def wants_doing(groups: Sequence[int], *, now: datetime, settings: Settings, limit: int = 3) -> list[PaymentView]:
    """What a customer should know first: a payment that waits for them, one being checked, one refused lately whose
    invoices can still be paid. Newest first."""
    still_to_pay = (
        Allocation.select(Allocation.payment)
        .join(Invoice)
        .where(Invoice.status == Invoice.OPEN, Invoice.open > Invoice.claimed)
    )
    waiting = Payment.state == Payment.NEEDS_CUSTOMER
    checked = (Payment.state == Payment.UNKNOWN) & (Payment.unknown_since < now - TELL_UNKNOWN_AFTER)
    refused = (Payment.state == Payment.DECLINED) & (Payment.ended_at > now - LATELY) & Payment.id.in_(still_to_pay)
    query = visible_to(groups).where((Payment.created_at > now - LATELY) & (waiting | checked | refused))
    return views(
        list(query.order_by(Payment.created_at.desc(), Payment.id.desc()).limit(limit)), now=now, settings=settings
    )
