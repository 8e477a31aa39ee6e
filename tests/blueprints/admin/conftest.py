"""The merchant's pages with something on them: invoices, a payment in every state, an import."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing import connections, ledger
from database import transaction
from models import Allocation, Attempt, BillingGroup, Invoice, Payment, Person
from tests.bills import bill
from tests.cast import Cast

MakePayment = Callable[..., Payment]


@pytest.fixture
def invoice(cast: Cast, now: datetime) -> Invoice:
    return bill(cast.acme, 124000, now=now, number="2026-0142")


@pytest.fixture
def make_payment(cast: Cast, now: datetime) -> MakePayment:
    """A payment as the road would have left it: `make_payment(invoice, "paid")`."""
    connection = connections.open_sandbox(now=now)

    def make(invoice: Invoice, state: str = Payment.PAID, *, at: datetime = now, **columns: Any) -> Payment:
        number = Payment.select().count() + 1
        live = state in Payment.LIVE
        amount = columns.pop("amount", invoice.total)
        group: BillingGroup = invoice.group
        payer: Person = columns.pop("person", cast.ada)
        with transaction():
            payment: Payment = Payment.create(
                public_id=f"P-TEST-{number:02d}",
                secret=f"{number:032d}",
                group=group,
                connection=connection,
                amount=amount,
                currency=group.currency,
                state=state,
                rank=Payment.RANK[state],
                initiator="customer",
                person=payer,
                created_at=at,
                ended_at=None if live else at,
                **columns,
            )
            Allocation.create(payment=payment, invoice=invoice, amount=amount)
            Attempt.create(
                payment=payment,
                number=1,
                operation="page",
                key=f"{number:064x}",
                parameters_hash="-",
                connection=connection,
                state={"paid": "succeeded"}.get(state, "unknown" if state == "unknown" else "declined"),
                live=True if live else None,
                theirs=f"pi_{number}",
                started_at=at,
                raw={"status": "as they said", "number": number},
            )
            if live:
                Invoice.update(claimed=Invoice.claimed + amount).where(Invoice.id == invoice.id).execute()
            if state == Payment.PAID:
                ledger.captured(payment, [(invoice.id, amount)], amount, now=at, today=at.date())
                Payment.update(captured=amount, refundable=amount).where(Payment.id == payment.id).execute()
        return Payment.get_by_id(payment.id)  # type: ignore[no-any-return]

    return make


@pytest.fixture
def yesterday(now: datetime) -> datetime:
    return now - timedelta(days=1)
