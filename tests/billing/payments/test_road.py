"""The road of money.md from a pressed Pay to the books, against a sandbox that really runs."""

from __future__ import annotations

import pytest

from billing import payments, settings
from billing.errors import (
    MethodUnusable,
    NotAllowed,
    NotFree,
    NothingToPay,
    PaidJustNow,
    TokenReused,
)
from billing.history import CLOCK, Actor
from gateways.contract import Attempt as Told
from gateways.contract import Outcome
from models import Attempt, Attention, BillingGroup, Invoice, LedgerLine, Letter, Membership, Payment, PaymentMethod
from money import Money
from tests.billing.payments.conftest import Road
from tests.bills import bill, books_agree
from tests.cast import make_group, make_person


def open_and_claimed(invoice: Invoice) -> tuple[int, int]:
    fresh = Invoice.get_by_id(invoice.id)
    return fresh.open, fresh.claimed


# --- Success ----------------------------------------------------------------------------------------------------------


def test_a_stored_card_pays_an_invoice_once_and_the_books_know(road: Road) -> None:
    invoice = bill(road.cast.acme, 12000, now=road.clock.now)
    payment = road.press(invoice, method=road.store("visa"))
    assert payment.state == Payment.QUEUED
    assert open_and_claimed(invoice) == (12000, 12000)
    payment = road.work(payment)
    assert (payment.state, payment.captured, payment.refundable) == (Payment.PAID, 12000, 12000)
    assert open_and_claimed(invoice) == (0, 0)
    assert road.provider.captured() == {payment.secret: 1}
    lines = dict(
        LedgerLine.select(LedgerLine.account, LedgerLine.amount).where(LedgerLine.payment == payment.id).tuples()
    )
    assert lines["receivable"] == -12000
    assert road.letters() == ["receipt"]
    books_agree()


def test_the_provider_s_fee_is_booked(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 10000, now=road.clock.now), method=road.store("visa"))
    fees = LedgerLine.select().where(LedgerLine.payment == payment.id, LedgerLine.account == "fees").get()
    assert fees.amount == road.attempt(payment).fee == 160
    books_agree()


def test_several_invoices_are_paid_by_one_charge(road: Road) -> None:
    bills = [bill(road.cast.acme, amount, now=road.clock.now) for amount in (1000, 2500, 700)]
    payment = road.pay(*bills, method=road.store("visa"))
    assert payment.amount == 4200
    assert [open_and_claimed(invoice) for invoice in bills] == [(0, 0)] * 3
    assert len(road.provider.charges()) == 1
    books_agree()


def test_a_new_card_is_given_on_the_provider_s_page_and_kept_when_asked(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, keep=True)
    assert payment.state == Payment.NEEDS_CUSTOMER
    attempt = road.attempt(payment)
    assert attempt.expires_at > road.clock.now
    back = road.provider.press(attempt.url, "pay", "visa")
    assert str(back).endswith(f"/payments/{payment.public_id}?returned=1")
    payments.look_up_later(payment, now=road.clock.now)
    payment = road.work(payment)
    assert payment.state == Payment.PAID
    method = PaymentMethod.get()
    assert (method.last4, method.is_default, method.group_id) == ("4242", True, road.cast.acme.id)
    assert road.letters() == ["receipt"]
    books_agree()


def test_a_new_card_is_not_kept_when_nobody_asked(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now))
    road.provider.press(road.attempt(payment).url, "pay", "visa")
    road.tick(payment, minutes=31)
    assert PaymentMethod.select().count() == 0


def test_a_method_is_stored_once_however_many_tell_of_it(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), keep=True)
    attempt = road.attempt(payment)
    road.provider.press(attempt.url, "pay", "visa")
    for _ in range(3):
        payments.look_up(payment, now=road.clock.now)
        road.queue.run()
        payments.store_method(Attempt.get_by_id(attempt.id), now=road.clock.now)
    assert PaymentMethod.select().count() == 1


def test_a_customer_who_never_comes_back_has_paid_all_the_same(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), keep=True)
    road.provider.press(road.attempt(payment).url, "pay", "visa")
    payment = road.tick(payment, minutes=31)  # the page's time is over: closing it tells what it became
    assert payment.state == Payment.PAID
    assert PaymentMethod.select().count() == 1


# --- No ---------------------------------------------------------------------------------------------------------------


def test_a_soft_decline_frees_the_claim_and_another_try_may_pay(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=road.store("no_funds"))
    assert (payment.state, payment.decline_hard, payment.decline_tell) == (Payment.DECLINED, False, True)
    assert open_and_claimed(invoice) == (5000, 0)
    assert road.letters() == ["declined"]
    second = road.pay(invoice, method=road.store("visa"))
    assert second.state == Payment.PAID
    books_agree()


def test_a_stolen_card_is_unusable_and_nobody_is_told_why(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    method = road.store("stolen")
    payment = road.pay(invoice, method=method)
    assert payment.state == Payment.DECLINED
    assert payments.view(payment, now=road.clock.now, settings=settings.load()).decline_tell == ""
    with pytest.raises(MethodUnusable):
        road.press(invoice, method=PaymentMethod.get_by_id(method.id))
    assert open_and_claimed(invoice) == (5000, 0)


def test_3d_secure_is_the_customer_s_step_and_refusing_it_takes_nothing(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=road.store("secure"))
    assert payment.state == Payment.NEEDS_CUSTOMER
    assert road.letters() == ["action_needed"]
    assert open_and_claimed(invoice) == (5000, 5000)
    road.provider.press(road.attempt(payment).url, "refuse")
    payments.look_up_later(payment, now=road.clock.now)
    payment = road.work(payment)
    assert payment.state == Payment.DECLINED
    assert open_and_claimed(invoice) == (5000, 0)


def test_3d_secure_approved_pays_with_the_same_attempt(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=road.store("secure"))
    road.provider.press(road.attempt(payment).url, "approve")
    payments.look_up_later(payment, now=road.clock.now)
    payment = road.work(payment)
    assert payment.state == Payment.PAID
    assert road.provider.captured() == {payment.secret: 1}
    books_agree()


def test_a_bank_debit_holds_its_claim_until_the_bank_has_decided(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=road.store("debit_waits"))
    assert payment.state == Payment.PROCESSING
    assert open_and_claimed(invoice) == (5000, 5000)
    assert road.letters() == ["on_its_way"]
    with pytest.raises((NothingToPay, PaidJustNow)):
        road.press(invoice, method=road.store("visa"))
    road.provider.settle(road.attempt(payment).theirs)
    payment = road.tick(payment, hours=2)
    assert payment.state == Payment.PAID
    assert road.letters() == ["on_its_way", "receipt"]
    books_agree()


def test_a_bank_debit_that_fails_frees_its_claim(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=road.store("debit_waits"))
    road.provider.fail(road.attempt(payment).theirs)
    payment = road.tick(payment, hours=2)
    assert payment.state == Payment.DECLINED
    assert open_and_claimed(invoice) == (5000, 0)
    books_agree()


# --- Unknown ----------------------------------------------------------------------------------------------------------


def test_charged_and_then_timed_out_is_found_by_looking_never_by_charging_again(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.press(invoice, method=road.store("timeout"))
    payments.capture(payment, now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.UNKNOWN
    assert open_and_claimed(invoice) == (5000, 5000)
    assert road.letters() == []
    payment = road.work(payment)  # the first look-up follows at once
    assert payment.state == Payment.PAID
    assert road.provider.captured() == {payment.secret: 1}
    assert road.letters() == ["receipt"]
    books_agree()


def test_an_order_that_never_arrived_is_repeated_under_the_same_key(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    method = road.store("visa")
    road.provider.set(drop_before=1)
    payment = road.pay(invoice, method=method)
    assert payment.state == Payment.UNKNOWN
    key = road.attempt(payment).key
    payment = road.tick(payment, seconds=1)
    assert payment.state == Payment.UNKNOWN  # the first "not found" may be too early
    payment = road.tick(payment, seconds=31)
    assert payment.state == Payment.PAID
    assert road.attempt(payment).key == key
    assert road.provider.captured() == {payment.secret: 1}
    books_agree()


def test_unknown_for_two_minutes_is_told_once_and_so_is_its_end(road: Road) -> None:
    method = road.store("visa")
    road.provider.stop()
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=method)
    assert payment.state == Payment.QUEUED  # nobody there: provably never sent
    road.provider.start()
    road.provider.set(drop_after=1)
    road.queue.without += ("workers.payments.ask",)
    payment = road.tick(payment, seconds=11)
    assert payment.state == Payment.UNKNOWN
    for _ in range(4):
        payment = road.tick(payment, minutes=1)
    assert payment.state == Payment.UNKNOWN
    assert road.letters() == ["being_checked"]
    view = payments.view(payment, now=road.clock.now, settings=settings.load())
    assert view.long_unknown
    road.queue.without = road.queue.without[:-1]
    payment = road.tick(payment, minutes=10)
    assert payment.state == Payment.PAID
    assert road.letters() == ["being_checked", "receipt"]
    assert Letter.get(Letter.kind == "receipt").details == {"checked": True}
    assert road.provider.captured() == {payment.secret: 1}
    books_agree()


def test_a_pressed_pay_is_not_repeated_after_a_quarter_of_an_hour_but_by_the_customer(road: Road) -> None:
    method = road.store("visa")
    road.provider.set(drop_before=1)
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=method)
    for minutes in (16, 60, 60, 60):
        payment = road.tick(payment, minutes=minutes)
    assert payment.state == Payment.UNKNOWN
    assert road.provider.captured() == {}
    assert payments.view(payment, now=road.clock.now, settings=settings.load()).can_try_again
    payments.try_again(payment, by=road.cast.ada, now=road.clock.now)
    payment = road.work(payment)
    assert payment.state == Payment.PAID
    assert road.provider.captured() == {payment.secret: 1}


def test_an_unknown_past_the_key_s_window_waits_for_staff_with_the_evidence(road: Road) -> None:
    method = road.store("visa")
    road.provider.set(drop_before=1)
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=method)
    payment = road.tick(payment, hours=25)
    payment = road.tick(payment, hours=25)
    assert payment.state == Payment.UNKNOWN
    waiting = Attention.get(Attention.kind == "unknown_payment")
    assert waiting.details["tries"] == 1
    payments.decide(
        payment, False, evidence="Not in their list", by=Actor("staff", road.cast.root.id), now=road.clock.now
    )
    assert Payment.get_by_id(payment.id).state == Payment.CANCELLED
    assert open_and_claimed(invoice) == (5000, 0)
    assert Attention.get_by_id(waiting.id).settled_at is not None
    books_agree()


def test_staff_may_say_that_it_was_taken(road: Road) -> None:
    method = road.store("visa")
    road.provider.set(drop_before=1)
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=method)
    payments.decide(
        payment, True, evidence="Seen on the statement", by=Actor("staff", road.cast.root.id), now=road.clock.now
    )
    assert Payment.get_by_id(payment.id).state == Payment.PAID
    assert open_and_claimed(invoice) == (0, 0)
    books_agree()


def test_a_worker_killed_in_the_middle_leaves_an_unknown_that_is_looked_up(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.press(invoice, method=road.store("visa"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("billing.payments.calling.apply_outcome", _killed)
        road.queue.run()
    assert Payment.get_by_id(payment.id).state == Payment.SENDING
    payments.capture(payment, now=road.clock.now)  # RQ runs the job again: the row says no
    assert road.provider.captured() == {payment.secret: 1}
    payment = road.tick(payment, seconds=1)
    assert payment.state == Payment.SENDING  # its lease still runs
    payment = road.tick(payment, seconds=60)
    payment = road.tick(payment, seconds=1)
    assert payment.state == Payment.PAID
    assert road.provider.captured() == {payment.secret: 1}
    books_agree()


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


# --- Never sent -------------------------------------------------------------------------------------------------------


def test_a_payment_nobody_could_send_waits_with_the_same_attempt_and_key(road: Road) -> None:
    method = road.store("visa")
    road.provider.stop()
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=method)
    first = road.attempt(payment)
    assert (payment.state, first.state) == (Payment.QUEUED, Attempt.NOT_SUBMITTED)
    payment = road.tick(payment, seconds=6)
    assert payment.state == Payment.QUEUED  # its back-off still runs
    road.provider.start()
    payment = road.tick(payment, seconds=11)
    assert payment.state == Payment.PAID
    assert road.attempt(payment).key == first.key
    assert road.letters() == ["receipt"]


def test_our_own_fault_is_told_to_staff_and_never_to_the_customer_as_a_decline(road: Road) -> None:
    method = road.store("visa")
    road.provider.secret, secret = "another", road.provider.secret
    road.provider.stop()
    road.provider.start()
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=method)
    assert payment.state == Payment.QUEUED
    assert Attention.get().kind == "gateway_refuses_us"
    assert road.letters() == []
    assert secret


def test_a_payment_queued_for_a_day_is_cancelled_and_the_customer_told(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.press(invoice, method=road.store("visa"))
    road.queue.jobs.clear()  # Redis lost it, and the clock was down too
    payment = road.tick(payment, hours=25)
    assert payment.state == Payment.CANCELLED
    assert road.letters() == ["not_taken"]
    assert open_and_claimed(invoice) == (5000, 0)
    books_agree()


def test_a_payment_the_queue_lost_is_nudged_by_the_clock(road: Road) -> None:
    payment = road.press(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"))
    road.queue.jobs.clear()
    assert road.tick(payment, seconds=10).state == Payment.PAID


# --- The form's token, claims, two tabs -------------------------------------------------------------------------------


def test_the_same_form_twice_is_the_same_payment(road: Road) -> None:
    invoice, method = bill(road.cast.acme, 5000, now=road.clock.now), road.store("visa")
    amount = Money(5000, "EUR")
    first = road.press(invoice, method=method, token="t", amount=amount)
    assert road.press(invoice, method=method, token="t", amount=amount).id == first.id
    road.queue.run()
    assert road.press(invoice, method=method, token="t", amount=amount).id == first.id
    assert road.provider.captured() == {first.secret: 1}


def test_the_same_token_with_another_form_charges_nothing(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    first = road.press(invoice, method=road.store("visa"), token="t")
    with pytest.raises(TokenReused) as refused:
        road.press(invoice, method=road.store("visa"), token="t", amount=Money(5000, "EUR"))
    assert refused.value.values["payment"].id == first.id
    assert Payment.select().count() == 1


def test_another_person_s_token_is_another_token(road: Road) -> None:
    one = road.press(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"), token="t")
    other = road.press(
        bill(road.cast.globex, 5000, now=road.clock.now),
        method=road.store("visa", road.cast.globex),
        token="t",
        by=road.cast.mallory,
    )
    assert one.id != other.id


def test_a_second_tab_is_asked_whether_to_pay_again(road: Road) -> None:
    invoice, method = bill(road.cast.acme, 5000, now=road.clock.now), road.store("visa")
    first = road.press(invoice, method=method)
    with pytest.raises(PaidJustNow) as refused:
        road.press(invoice, method=method, amount=Money(5000, "EUR"))
    assert refused.value.values["payment"].id == first.id
    with pytest.raises(NothingToPay):
        road.press(invoice, method=method, amount=Money(5000, "EUR"), again=True)
    assert open_and_claimed(invoice) == (5000, 5000)


def test_an_amount_that_is_no_longer_owed_is_refused_with_what_is(road: Road) -> None:
    one, other = (bill(road.cast.acme, 5000, now=road.clock.now) for _ in range(2))
    road.press(one, method=road.store("visa"))
    with pytest.raises(NotFree) as refused:
        road.press(one, other, method=road.store("visa"), amount=Money(10000, "EUR"))
    assert [free for _, _, free in refused.value.values["invoices"]] == [Money(0, "EUR"), Money(5000, "EUR")]
    assert open_and_claimed(other) == (5000, 0)


def test_what_is_refused_leaves_no_claim_behind(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    for form in ({"amount": Money(4999, "EUR")}, {"amount": Money(5000, "USD")}):
        with pytest.raises(NotFree):
            road.press(invoice, method=None, **form)
    assert open_and_claimed(invoice) == (5000, 0)
    assert Payment.select().count() == 0


def test_the_switch_is_enforced_in_the_rule(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    off = settings.save({"allow_pay": False}, by=CLOCK, now=road.clock.now)
    with pytest.raises(NotAllowed):
        road.press(invoice, method=None, settings=off)
    assert open_and_claimed(invoice) == (5000, 0)


def test_somebody_else_s_method_cannot_be_used(road: Road) -> None:
    with pytest.raises(MethodUnusable):
        road.press(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa", road.cast.globex))


def test_two_companies_are_never_paid_by_one_charge(road: Road) -> None:
    other = make_group("Acme US", "C-ACMEUS", road.clock.now, currency="EUR")
    with pytest.raises(NotAllowed) as refused:
        road.press(bill(road.cast.acme, 500, now=road.clock.now), bill(other, 500, now=road.clock.now), amount=None)
    assert refused.value.code == "several_companies"


def test_less_than_the_provider_takes_is_refused_with_the_least(road: Road) -> None:
    with pytest.raises(NotAllowed) as refused:
        road.press(bill(road.cast.acme, 49, now=road.clock.now), method=None)
    assert refused.value.code == "below_minimum"
    assert refused.value.values["limit"] == Money(50, "EUR")


def test_a_direct_debit_s_invoice_is_not_payable_here(road: Road) -> None:
    with pytest.raises(NothingToPay):
        road.press(bill(road.cast.acme, 5000, now=road.clock.now, pays_itself=True), amount=None)


# --- Closing a page, late and odd outcomes ----------------------------------------------------------------------------


def test_pay_another_way_closes_the_page_before_it_frees_the_claim(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice)
    url = road.attempt(payment).url
    payments.cancel_later(payment, by=road.cast.ada, now=road.clock.now)
    assert open_and_claimed(invoice) == (5000, 5000)
    payment = road.work(payment)
    assert payment.state == Payment.CANCELLED
    assert open_and_claimed(invoice) == (5000, 0)
    road.provider.press(url, "pay", "visa")
    assert road.provider.captured() == {}
    assert road.pay(invoice, method=road.store("visa")).state == Payment.PAID


def test_a_page_that_was_paid_meanwhile_is_paid_not_cancelled(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now))
    road.provider.press(road.attempt(payment).url, "pay", "visa")
    payments.cancel_later(payment, by=road.cast.ada, now=road.clock.now)
    assert road.work(payment).state == Payment.PAID
    books_agree()


def test_a_page_that_expires_is_closed_and_frees_its_claim(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice)
    assert road.tick(payment, minutes=10).state == Payment.NEEDS_CUSTOMER
    assert road.tick(payment, minutes=21).state == Payment.CANCELLED
    assert open_and_claimed(invoice) == (5000, 0)


def test_a_queued_payment_is_cancelled_by_one_update(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.press(invoice, method=road.store("visa"))
    payments.cancel_later(payment, by=road.cast.ada, now=road.clock.now)
    payment = road.work(payment)
    assert payment.state == Payment.CANCELLED
    assert road.provider.charges() == []
    assert open_and_claimed(invoice) == (5000, 0)


def test_money_that_comes_after_a_no_is_booked_where_it_still_fits(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=road.store("no_funds"))
    attempt = road.attempt(payment)
    road.pay(invoice, method=road.store("visa"))  # the customer paid another way meanwhile
    payments.apply_outcome(
        attempt, Told(Outcome.SUCCEEDED, theirs=attempt.theirs, amount=5000, currency="EUR"), now=road.clock.now
    )
    assert Payment.get_by_id(payment.id).state == Payment.PAID
    assert BillingGroup.get_by_id(road.cast.acme.id).credit == 5000
    assert Attention.get(Attention.kind == "paid_late").details["credited"] == 5000
    books_agree()


def test_a_late_no_changes_nothing_that_is_paid(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"))
    attempt = road.attempt(payment)
    for outcome in (
        Outcome.DECLINED,
        Outcome.CANCELLED,
        Outcome.UNKNOWN,
        Outcome.PROCESSING,
        Outcome.ACTION_REQUIRED,
        Outcome.SUCCEEDED,
    ):
        payments.apply_outcome(attempt, Told(outcome, theirs=attempt.theirs), now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.PAID
    assert Attempt.get_by_id(attempt.id).state == Attempt.SUCCEEDED
    assert road.letters() == ["receipt"]
    books_agree()


@pytest.mark.parametrize(("captured", "credit", "open"), [(4000, 0, 1000), (7000, 2000, 0)])
def test_what_was_really_captured_is_booked_and_the_difference_shown(
    road: Road, captured: int, credit: int, open: int
) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    method = road.store("visa")
    road.provider.set(drop_before=1)
    attempt = road.attempt(road.pay(invoice, method=method))
    payments.apply_outcome(
        attempt, Told(Outcome.SUCCEEDED, theirs="x", amount=captured, currency="EUR"), now=road.clock.now
    )
    assert open_and_claimed(invoice) == (open, 0)
    assert BillingGroup.get_by_id(road.cast.acme.id).credit == credit
    assert Attention.get(Attention.kind == "captured_differs").details["captured"] == captured
    books_agree()


def test_another_currency_is_kept_apart_for_staff(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    method = road.store("visa")
    road.provider.set(drop_before=1)
    payment = road.pay(invoice, method=method)
    payments.apply_outcome(
        road.attempt(payment), Told(Outcome.SUCCEEDED, theirs="x", amount=5000, currency="USD"), now=road.clock.now
    )
    assert open_and_claimed(invoice) == (5000, 0)
    assert Attention.select().where(Attention.kind == "captured_differs").exists()
    books_agree()


def test_an_answer_that_speaks_of_another_object_is_not_booked(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now))
    told = Told(Outcome.SUCCEEDED, theirs="somebody-elses", amount=5000, currency="EUR")
    payments.apply_outcome(road.attempt(payment), told, now=road.clock.now)
    assert Payment.get_by_id(payment.id).state == Payment.NEEDS_CUSTOMER
    assert Attention.get().kind == "answer_of_another"


# --- Who sees what ----------------------------------------------------------------------------------------------------


def test_a_payment_is_seen_by_its_own_company_alone(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now), method=road.store("visa"))
    assert payments.one_visible([road.cast.acme.id], payment.public_id.lower()) == payment
    assert payments.one_visible([road.cast.globex.id], payment.public_id) is None
    assert payments.one_visible([], payment.public_id) is None


def test_a_list_of_payments_is_paged_by_key_both_ways(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.payments.showing.PAGE", 2)
    make_person("eve@acme.example", "Eve", road.cast.acme, Membership.PAY, road.clock.now)
    for number in range(5):
        road.clock.pass_by(minutes=number)
        road.pay(bill(road.cast.acme, 1000 + number, now=road.clock.now), method=road.store("visa"))
    query = payments.visible_to([road.cast.acme.id])

    def page(**key: str) -> payments.PaymentPage:
        return payments.page(
            query,
            after=key.get("after", ""),
            before=key.get("before", ""),
            now=road.clock.now,
            settings=settings.load(),
        )

    first = page()
    second = page(after=first.older)
    third = page(after=second.older)
    amounts = [row.amount.minor for shown in (first, second, third) for row in shown.rows]
    assert amounts == [1004, 1003, 1002, 1001, 1000]
    assert (first.newer, third.older) == ("", "")
    assert page(before=second.newer).rows == first.rows
    assert page(before=third.newer).rows == second.rows
    assert page(after="nonsense").rows == first.rows


def test_a_stored_error_that_is_replayed_proves_nothing(road: Road) -> None:
    method = road.store("visa")
    road.provider.set(error_before=1)
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = road.pay(invoice, method=method)
    for _ in range(4):
        payment = road.tick(payment, minutes=2)
    assert payment.state == Payment.UNKNOWN
    assert open_and_claimed(invoice) == (5000, 5000)
    assert road.provider.captured() == {}
