"""Payments of the payment form that fit no invoice, for tests: as the form leaves them, and as the road goes on."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from billing import payments
from models import Attempt, Connection, Payment
from tests.billing.payments.conftest import Road


def typed(connection: Connection, amount: int = 5000, *, now: datetime, **columns: Any) -> Payment:
    """Somebody wrote an amount and a reference that fits nothing, and pressed Pay: queued, of nobody."""
    columns = {
        "guest_name": "Gus Guest",
        "guest_email": "gus@nowhere.example",
        "reference": "for the hedge",
        "currency": "EUR",
        **columns,
    }
    payment: Payment = Payment.create(
        public_id=payments.new_reference(),
        secret=secrets.token_hex(16),
        connection=connection,
        amount=amount,
        initiator="customer",
        came_by=Payment.FORM,
        created_at=now,
        **columns,
    )
    return payment


def sent(road: Road, amount: int = 5000, **columns: Any) -> Payment:
    """The same on the provider's page."""
    return road.work(_nudged(road, typed(road.connection, amount, now=road.clock.now, **columns)))


def received(road: Road, amount: int = 5000, *, instrument: str = "visa", **columns: Any) -> Payment:
    """The same, paid: the money waits in suspense."""
    return pay(road, sent(road, amount, **columns), instrument)


def pay(road: Road, payment: Payment, instrument: str = "visa") -> Payment:
    """Pay on the provider's page and come back."""
    road.provider.press(Attempt.get(Attempt.payment == payment.id).url, "pay", instrument)
    road.clock.pass_by(seconds=10)
    payments.look_up_later(payment, now=road.clock.now)
    return road.work(payment)


def _nudged(road: Road, payment: Payment) -> Payment:
    road.queue.push("now", "workers.payments.capture", (payment.id,))
    return payment
