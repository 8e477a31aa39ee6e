"""What every test of the road stands on: Ada, an invoice, the running sandbox and its connection."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from billing import payments, settings
from models import Attempt, Connection, Invoice, Letter, Payment, PaymentMethod
from money import Money
from tests.billing.conftest import Clock
from tests.cast import Cast
from tests.gateways.running import RunningSandbox
from tests.synchronous import Queue


@dataclass
class Road:
    """Presses Pay, lets the worker work and the clock tick."""

    cast: Cast
    clock: Clock
    queue: Queue
    provider: RunningSandbox
    connection: Connection

    def store(self, instrument: str, group: Any = None) -> PaymentMethod:
        group = group or self.cast.acme
        kind = "bank_debit" if instrument.startswith("debit") else "card"
        method: PaymentMethod = PaymentMethod.create(
            public_id=f"M-{secrets.token_hex(4)}",
            group=group,
            connection=self.connection,
            token=self.provider.keep(instrument),
            kind=kind,
            brand="Visa",
            last4="4242",
            created_at=self.clock.now,
        )
        return method

    def press(self, *invoices: Invoice, **form: Any) -> Payment:
        """Press Pay without letting the worker work."""
        fresh = [Invoice.get_by_id(invoice.id) for invoice in invoices]
        form.setdefault("method", None)
        form.setdefault("token", secrets.token_urlsafe(8))
        form.setdefault("amount", Money(sum(invoice.free for invoice in fresh), fresh[0].currency) if fresh else None)
        form.setdefault("keep", False)
        form.setdefault("by", self.cast.ada)
        return payments.request(fresh, settings=form.pop("settings", settings.load()), now=self.clock.now, **form)

    def pay(self, *invoices: Invoice, **form: Any) -> Payment:
        payment = self.press(*invoices, **form)
        return self.work(payment)

    def work(self, payment: Payment) -> Payment:
        self.queue.run()
        return Payment.get_by_id(payment.id)  # type: ignore[no-any-return]

    def tick(self, payment: Payment, **time: float) -> Payment:
        """Let time pass, then one round of the clock and what it enqueues."""
        payments.sweep(self.clock.pass_by(**time))
        return self.work(payment)

    def attempt(self, payment: Payment) -> Attempt:
        attempts = list(Attempt.select().where(Attempt.payment == payment.id))
        assert len(attempts) == 1
        return attempts[0]  # type: ignore[no-any-return]

    def letters(self) -> list[str]:
        return [kind for (kind,) in Letter.select(Letter.kind).order_by(Letter.id).tuples()]


@pytest.fixture
def road(
    cast: Cast,
    clock: Clock,
    queue: Queue,
    provider: RunningSandbox,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> Road:
    monkeypatch.setattr("billing.dates.now", clock)
    queue.without = ("workers.letters.send",)  # the rows tell what is owed; the post room has tests of its own
    return Road(cast, clock, queue, provider, connection)
