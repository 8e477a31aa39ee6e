"""A payment of the payment form that fits no invoice, as the road leaves it once it is paid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from billing import ledger, suspense
from database import transaction
from models import Attempt, Connection, Payment
from tests.billing.unplaced import typed

MakeWaiting = Callable[..., Payment]


@pytest.fixture
def make_waiting(desk: Connection, now: datetime) -> MakeWaiting:
    """`make_waiting("P-WAIT-01", 5000, reference="…")`: received, and nobody knows whose it is."""

    def make(name: str = "P-WAIT-01", amount: int = 5000, **columns: Any) -> Payment:
        payment = typed(desk, amount, now=now, **columns)
        with transaction():
            Attempt.create(
                payment=payment,
                number=1,
                operation="page",
                key=f"{payment.id:064x}",
                parameters_hash="-",
                connection=desk,
                state=Attempt.SUCCEEDED,
                theirs=f"pay_{payment.id}",
                started_at=now,
                ended_at=now,
            )
            ledger.captured(payment, [], amount, now=now, today=now.date())
            Payment.update(
                public_id=name,
                captured=amount,
                refundable=amount,
                state=Payment.PAID,
                rank=Payment.RANK[Payment.PAID],
                ended_at=now,
            ).where(Payment.id == payment.id).execute()
            suspense.tell(payment, now=now, amount=amount, currency=payment.currency)
        return Payment.get_by_id(payment.id)  # type: ignore[no-any-return]

    return make


@pytest.fixture
def waiting(make_waiting: MakeWaiting) -> Payment:
    return make_waiting()
