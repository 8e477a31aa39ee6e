"""Providers that lie, steps that come late, twice or out of order, and rows that must not hold up the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing import connections, events, payments
from billing.history import Actor
from billing.payments import calling, repair
from gateways.contract import Attempt as Told
from gateways.contract import Outcome
from gateways.sandbox import Sandbox
from models import Attempt, Attention, BillingGroup, GatewayEvent, Invoice, LedgerLine, Letter, Payment, PaymentMethod
from tests.billing.payments.conftest import Road
from tests.billing.test_events import signed
from tests.bills import bill, books_agree


def open_and_claimed(invoice: Invoice) -> tuple[int, int]:
    fresh = Invoice.get_by_id(invoice.id)
    return fresh.open, fresh.claimed


def sending(road: Road, amount: int = 5000) -> tuple[Invoice, Payment, Attempt]:
    """A payment whose call is going on."""
    invoice = bill(road.cast.acme, amount, now=road.clock.now)
    payment = road.press(invoice, method=road.store("visa"))
    road.queue.jobs.clear()
    attempt = calling._take(payment, road.clock.now)
    assert attempt is not None
    return invoice, payment, attempt


# --- What providers say -----------------------------------------------------------------------------------------------


def test_another_payment_s_reference_is_never_booked_and_staff_are_told(road: Road) -> None:
    first = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"))
    invoice, payment, attempt = sending(road, 7000)
    told = Told(Outcome.SUCCEEDED, theirs=road.attempt(first).theirs, amount=7000, currency="EUR")
    payments.apply_outcome(attempt, told, now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.SENDING
    assert open_and_claimed(invoice) == (7000, 7000)
    assert Attention.get(Attention.kind == "answer_of_another").subject_id == payment.id
    books_agree()


@pytest.mark.parametrize("lie", [{"amount": 0}, {"amount": -5000}, {"amount": 10**19}, {"currency": "euros"}])
def test_a_success_that_cannot_be_true_is_not_booked(road: Road, lie: dict[str, Any]) -> None:
    invoice, payment, attempt = sending(road)
    told = replace(Told(Outcome.SUCCEEDED, theirs="x", amount=5000, currency="EUR"), **lie)
    payments.apply_outcome(attempt, told, now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.SENDING
    assert open_and_claimed(invoice) == (5000, 5000)
    assert Attention.get(Attention.kind == "answer_cannot_be").subject_id == payment.id
    books_agree()


def test_a_step_that_leads_nowhere_is_asked_about(road: Road) -> None:
    _, payment, attempt = sending(road)
    payments.apply_outcome(attempt, Told(Outcome.ACTION_REQUIRED, theirs="x"), now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.UNKNOWN


def test_one_no_after_another_leaves_payment_and_try_agreed(road: Road) -> None:
    _, payment, attempt = sending(road)
    for outcome in (Outcome.DECLINED, Outcome.CANCELLED):
        payments.apply_outcome(attempt, Told(outcome), now=road.clock.now)
    assert (Payment.get_by_id(payment.id).state, Attempt.get_by_id(attempt.id).state) == ("declined", "declined")


def test_the_fee_of_money_in_another_currency_is_in_that_currency(road: Road) -> None:
    _, _, attempt = sending(road)
    told = Told(Outcome.SUCCEEDED, theirs="x", amount=5000, currency="USD", fee=30)
    payments.apply_outcome(attempt, told, now=road.clock.now)
    assert {line.currency for line in LedgerLine.select().where(LedgerLine.payment.is_null(False))} == {"USD"}
    books_agree()


# --- Late, early, twice -----------------------------------------------------------------------------------------------


def test_a_look_up_that_fails_takes_nothing_from_a_call_going_on(road: Road) -> None:
    _, payment, _ = sending(road)
    road.provider.stop()
    payments.look_up(payment, now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.SENDING


def test_what_was_never_sent_never_becomes_unknown(road: Road) -> None:
    _, payment, attempt = sending(road)
    payments.apply_outcome(attempt, Told(Outcome.NOT_SUBMITTED), now=road.clock.now)
    payments.apply_outcome(attempt, Told(Outcome.UNKNOWN), now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.QUEUED
    assert Attempt.get_by_id(attempt.id).state == Attempt.NOT_SUBMITTED


def test_a_provider_that_took_what_it_said_it_had_not_is_found_out(road: Road) -> None:
    """It answered that nothing was submitted, the customer cancelled, and its webhook says the money was taken."""
    invoice, payment, attempt = sending(road)
    road.provider.gateway().charge(calling._charge_request(attempt.parameters), key=attempt.key)
    payments.apply_outcome(attempt, Told(Outcome.NOT_SUBMITTED), now=road.clock.now)
    payments.cancel_later(payment, by=road.cast.ada, now=road.clock.now)
    assert open_and_claimed(invoice) == (5000, 0)
    body, headers = signed(road, ours=payment.secret, object=road.provider.charges()[0]["id"])
    events.receive("sandbox", body, headers, now=road.clock.now)
    assert road.work(payment).state == Payment.PAID
    assert open_and_claimed(invoice) == (0, 0)
    assert Attention.get(Attention.kind == "paid_late").details["was"] == Payment.CANCELLED
    books_agree()


def test_a_payment_a_day_old_is_never_sent_even_if_the_worker_is_quicker_than_the_clock(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.press(invoice, method=road.store("visa"))
    road.clock.pass_by(hours=25)
    payment = road.work(payment)  # the job waited in Redis while the machine was off
    assert payment.state == Payment.QUEUED
    assert road.provider.charges() == []
    assert road.tick(payment, seconds=10).state == Payment.CANCELLED
    assert road.letters() == ["not_taken"]
    assert open_and_claimed(invoice) == (5000, 0)


def test_what_is_no_longer_owed_is_not_repeated(road: Road) -> None:
    method = road.store("visa")
    road.provider.set(drop_before=1)
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=method)
    Invoice.update(status=Invoice.VOID).where(Invoice.id == invoice.id).execute()
    for seconds in (1, 31, 100):
        payment = road.tick(payment, seconds=seconds)
    assert payment.state == Payment.UNKNOWN
    assert road.provider.captured() == {}


def test_staff_decide_only_about_what_is_still_unknown(road: Road) -> None:
    method = road.store("debit_waits")
    road.provider.set(drop_after=1)
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.press(invoice, method=method)
    payments.capture(payment, now=road.clock.now)
    as_staff_saw_it = Payment.get_by_id(payment.id)
    assert as_staff_saw_it.state == Payment.UNKNOWN
    assert road.work(payment).state == Payment.PROCESSING  # the look-up was quicker
    payments.decide(
        as_staff_saw_it, False, evidence="Not there", by=Actor("staff", road.cast.root.id), now=road.clock.now
    )
    assert Payment.get_by_id(payment.id).state == Payment.PROCESSING
    assert open_and_claimed(invoice) == (5000, 5000)


def test_an_event_whose_look_up_failed_is_asked_about_again(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice)
    road.provider.press(road.attempt(payment).url, "pay", "visa")
    body, headers = signed(road, ours=payment.secret, object=road.attempt(payment).theirs)
    events.receive("sandbox", body, headers, now=road.clock.now)
    road.provider.stop()
    assert road.work(payment).state == Payment.NEEDS_CUSTOMER
    assert GatewayEvent.get().settled_at is None
    road.provider.start()
    events.sweep(road.clock.pass_by(seconds=30))
    assert road.work(payment).state == Payment.PAID
    assert GatewayEvent.get().result == "matched"


def test_an_event_nobody_can_look_up_ends_before_staff(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now))
    body, headers = signed(road, ours=payment.secret, object=road.attempt(payment).theirs)
    events.receive("sandbox", body, headers, now=road.clock.now)
    road.provider.stop()
    road.queue.run()
    events.sweep(road.clock.pass_by(hours=25))
    road.queue.run()
    assert GatewayEvent.get().settled_at is not None
    assert Attention.select().where(Attention.kind == "event_unanswered").count() == 1


@pytest.mark.parametrize("told", ["return.posted", "dispute.opened", "refund.done"])
def test_money_that_goes_back_is_never_passed_over(road: Road, told: str) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"))
    body, headers = signed(road, type=told, ours=payment.secret, object=road.attempt(payment).theirs)
    events.receive("sandbox", body, headers, now=road.clock.now)
    road.queue.run()
    assert Attention.get(Attention.kind == "money_goes_back").subject_id == payment.id


# --- Closing pages ----------------------------------------------------------------------------------------------------


def test_a_cancel_answered_by_a_stored_error_is_not_asked_the_same_for_ever(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice)
    road.provider.set(error_before=1)
    payments.cancel_later(payment, by=road.cast.ada, now=road.clock.now)
    assert road.work(payment).state == Payment.NEEDS_CUSTOMER
    payment = road.tick(payment, seconds=40)
    assert payment.state == Payment.CANCELLED
    assert open_and_claimed(invoice) == (5000, 0)


def test_a_page_that_cannot_be_cancelled_keeps_its_claim_until_it_expires_and_is_asked_ever_more_rarely(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice)
    calls = []

    def cannot(self: Sandbox, theirs: str, *, key: str) -> Told:
        calls.append(key)
        return Told(Outcome.NOT_SUBMITTED, theirs=theirs)

    monkeypatch.setattr(Sandbox, "cancel", cannot)
    payments.cancel_later(payment, by=road.cast.ada, now=road.clock.now)
    payment = road.work(payment)
    for _ in range(60):  # ten minutes
        payment = road.tick(payment, seconds=10)
    assert payment.state == Payment.NEEDS_CUSTOMER
    assert open_and_claimed(invoice) == (5000, 5000)
    assert 2 <= len(calls) <= 6, "the provider is not to be hammered"
    payment = road.tick(payment, hours=1)
    assert payment.state == Payment.CANCELLED  # the look-up says that it expired
    assert open_and_claimed(invoice) == (5000, 0)


# --- A row that fails holds up no other ------------------------------------------------------------------------------


def test_a_row_the_sweep_stumbles_over_holds_up_no_other(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    _, bad, _ = sending(road)
    _, good, _ = sending(road)
    real = payments.apply_outcome

    def stumbles(attempt: Attempt, *args: Any, **more: Any) -> Payment:
        if attempt.payment_id == bad.id:
            raise RuntimeError("a bug")
        return real(attempt, *args, **more)

    monkeypatch.setattr(repair, "apply_outcome", stumbles)
    payments.sweep(road.clock.pass_by(minutes=2))
    assert Payment.get_by_id(good.id).state == Payment.UNKNOWN
    assert road.queue.jobs, "the other duties are still done"


def test_an_unknown_payment_of_a_provider_without_an_address_still_reaches_staff(road: Road) -> None:
    method = road.store("visa")
    road.provider.set(drop_before=1)
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=method)
    assert connections._environ is not None
    connections._environ.sandbox_file.unlink()
    for _ in range(3):
        payment = road.tick(payment, hours=25)
    assert Attention.select().where(Attention.kind == "unknown_payment").exists()


# --- Stored methods ---------------------------------------------------------------------------------------------------


def test_a_method_whose_keeping_was_interrupted_is_kept_by_the_clock_without_hammering(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), keep=True)
    road.provider.press(road.attempt(payment).url, "pay", "visa")
    asked = []
    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "lookup_setup", lambda self, **named: asked.append(named))
        payments.look_up(payment, now=road.clock.now)
        road.queue.run()
        for _ in range(60):
            road.tick(payment, seconds=10)
    assert PaymentMethod.select().count() == 0
    assert len(asked) == 1
    payments.keep_methods(road.clock.now)
    road.queue.run()
    assert PaymentMethod.select().count() == 1


def test_letters_of_one_payment_never_collide(road: Road) -> None:
    for _ in range(2):
        road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"))
        road.clock.pass_by(minutes=11)
    causes = [cause for (cause,) in Letter.select(Letter.cause).tuples()]
    assert len(causes) == len(set(causes)) == 2


def test_a_clock_set_back_an_hour_pays_once_and_goes_on(road: Road) -> None:
    payment = road.press(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"))
    road.queue.jobs.clear()
    road.clock.now -= timedelta(hours=1)
    payments.capture(payment, now=road.clock.now)
    payments.capture(payment, now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.PAID
    assert road.provider.captured() == {payment.secret: 1}
    assert BillingGroup.get_by_id(road.cast.acme.id).credit == 0
