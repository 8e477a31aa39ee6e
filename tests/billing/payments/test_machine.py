"""Whatever is told of payments, in whatever order and however often: the same end, and books that agree."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import connections, doctor, ledger, payments
from billing import settings as settings_of
from billing.errors import Refusal
from billing.history import CLOCK
from billing.payments import calling
from database import transaction
from gateways.contract import Attempt as Told
from gateways.contract import ClientStep, Decline, Outcome, Severity
from gateways.registry import load
from models import Attempt, BillingGroup, Invoice, LedgerLine, Payment
from tests.bills import bill, books_agree
from tests.cast import Cast
from tests.conftest import NOW
from tests.synchronous import Queue

FINAL = (Payment.DECLINED, Payment.CANCELLED, Payment.PAID)
FOLLOWS = {  # money.md section 3, row by row; a provider's proof of what it took comes before every rule
    Payment.QUEUED: (Payment.SENDING, Payment.CANCELLED, Payment.PAID),
    Payment.SENDING: (Payment.QUEUED, Payment.UNKNOWN, Payment.NEEDS_CUSTOMER, Payment.PROCESSING, *FINAL),
    Payment.UNKNOWN: (Payment.NEEDS_CUSTOMER, Payment.PROCESSING, *FINAL),
    Payment.NEEDS_CUSTOMER: (Payment.PROCESSING, *FINAL),
    Payment.PROCESSING: FINAL,
    Payment.DECLINED: (Payment.PAID,),
    Payment.CANCELLED: (Payment.PAID,),
    Payment.PAID: (),
}
PRICE = 5000


@pytest.fixture
def cast_of_machine(cast: Cast, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """Nobody is called: what the provider says is told by the test."""
    connections.open_sandbox(now=NOW)
    sandbox = load("sandbox", {"url": "http://127.0.0.1:9", "secret": "x"})
    monkeypatch.setattr(connections, "gateway", lambda connection: sandbox)
    return cast


def press(cast: Cast, invoice: Invoice, again: bool = True) -> Payment:
    return payments.request(
        [Invoice.get_by_id(invoice.id)],
        amount=None,
        method=None,
        keep=False,
        token=secrets.token_urlsafe(16),
        by=cast.ada,
        settings=settings_of.load(),
        now=NOW,
        again=again,
    )


def told(outcome: Outcome, attempt: Attempt, amount: int | None = PRICE, currency: str = "EUR") -> Told:
    theirs = attempt.theirs or f"pay {attempt.id}"
    return Told(
        outcome,
        theirs=theirs,
        amount=amount,
        currency=currency,
        fee=30 if outcome is Outcome.SUCCEEDED else None,
        decline=Decline("refused", Severity.SOFT) if outcome is Outcome.DECLINED else None,
        client_step=ClientStep(theirs, "https://x.example/", NOW) if outcome is Outcome.ACTION_REQUIRED else None,
    )


def agree() -> None:
    books_agree()
    assert doctor.wrong_documents() == []
    assert ledger.wrong_payments() == []
    for payment in Payment.select():
        live = list(Attempt.select().where(Attempt.payment == payment.id, Attempt.live.is_null(False)))
        assert len(live) <= (payment.state in Payment.LIVE)


@pytest.mark.parametrize("no", [Outcome.DECLINED, Outcome.CANCELLED])
def test_the_order_in_which_it_is_told_does_not_matter(cast_of_machine: Cast, no: Outcome) -> None:
    """Every order of every answer, with the money and without: one end."""
    for said in (
        (Outcome.UNKNOWN, Outcome.ACTION_REQUIRED, Outcome.PROCESSING, no),
        (Outcome.UNKNOWN, Outcome.ACTION_REQUIRED, no, Outcome.SUCCEEDED),
    ):
        ends = {_end(cast_of_machine, order) for order in permutations(said)}
        assert len(ends) == 1, ends
    agree()


def _end(cast: Cast, order: Sequence[Outcome]) -> tuple[Any, ...]:
    credit = BillingGroup.get_by_id(cast.acme.id).credit
    invoice = bill(cast.acme, PRICE, now=NOW)
    payment = press(cast, invoice)
    attempt = calling._take(payment, NOW)
    assert attempt is not None
    for outcome in order:
        payments.apply_outcome(Attempt.get_by_id(attempt.id), told(outcome, attempt), now=NOW)
    fresh, end, tried = Invoice.get_by_id(invoice.id), Payment.get_by_id(payment.id), Attempt.get_by_id(attempt.id)
    lines = LedgerLine.select(LedgerLine.account, LedgerLine.amount).where(LedgerLine.payment == payment.id)
    gained = BillingGroup.get_by_id(cast.acme.id).credit - credit
    return (
        *(end.state, end.captured, end.refundable, tried.state, tried.live, fresh.open, fresh.claimed, gained),
        tuple(sorted(lines.tuples())),
    )


steps = st.lists(
    st.tuples(
        st.sampled_from(("bill", "press", "take", "cancel", "note", "void", "told", "told", "told", "told", "told")),
        st.integers(0, 7),
        st.sampled_from(list(Outcome)),
        st.sampled_from((PRICE, PRICE, PRICE, 1, PRICE - 1, PRICE + 1, 0, None)),
        st.sampled_from(("EUR", "EUR", "EUR", "USD")),
    ),
    min_size=4,
    max_size=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_every_move_is_one_of_the_table_and_the_books_always_agree(cast_of_machine: Cast, steps: Any) -> None:
    cast, bills = cast_of_machine, [bill(cast_of_machine.acme, PRICE, now=NOW)]
    made: list[Payment] = []
    for number, (what, pick, outcome, amount, currency) in enumerate(steps):
        before = {payment.id: payment.state for payment in made}
        invoice = bills[pick % len(bills)]
        payment = made[pick % len(made)] if made else None
        if what == "bill":
            bills.append(bill(cast.acme, PRICE, now=NOW))
        elif what == "press":
            try:
                made.append(press(cast, invoice))
            except Refusal:
                pass
        elif what == "note":
            _reduce(invoice, pick * 100, number)
        elif what == "void":
            ledger.void(Invoice.get_by_id(invoice.id), event=f"void {number}", now=NOW, today=NOW.date())
            Invoice.update(status=Invoice.VOID).where(Invoice.id == invoice.id).execute()
        elif payment is not None and what == "take":
            calling._take(payment, NOW)
        elif payment is not None and what == "cancel":
            payments.cancel_later(payment, by=CLOCK, now=NOW)
        elif payment is not None and (attempt := calling.newest(payment)):
            payments.apply_outcome(attempt, told(outcome, attempt, amount, currency), now=NOW)
        made = [Payment.get_by_id(row.id) for row in made]
        for payment in made:
            was = before.get(payment.id, payment.state)
            if was != payment.state:
                if was == Payment.QUEUED and what == "told":
                    continue  # a try taken for never sent, of which the provider knows better
                assert payment.state in FOLLOWS[was], f"{was} → {payment.state} by {what} {outcome}"
        agree()
    assert Invoice.select().where((Invoice.open < 0) | (Invoice.claimed < 0)).count() == 0


def _reduce(invoice: Invoice, amount: int, number: int) -> None:
    if invoice.status != Invoice.OPEN or not amount:
        return
    row = Invoice.create(
        address=f"CN-{invoice.id}-{number}-{secrets.token_hex(4)}",
        number=f"CN-{number}",
        kind=Invoice.CREDIT_NOTE,
        group=invoice.group_id,
        issued_on=NOW.date(),
        due_on=NOW.date(),
        currency="EUR",
        total=amount,
        payable=amount,
        created_at=NOW,
    )
    with transaction():
        ledger.credit_note_arrived(row, ledger.Sums(amount, 0), credits=invoice, now=NOW, today=NOW.date())
