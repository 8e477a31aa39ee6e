"""Refunds on the road: claimed once, sent once, booked once, whatever dies or drops in between."""

from __future__ import annotations

from typing import Any

import pytest

import database
from billing import events, history, refunds, suspense
from billing.refunds import NotRefundable, calling
from billing.suspense import NotMatched
from gateways.contract import Attempt as Told
from gateways.contract import Outcome
from models import Attempt, Attention, GatewayEvent, History, LedgerEntry, LedgerLine, Letter, Payment, Refund
from tests.billing.payments.conftest import Road, road
from tests.billing.payments.test_killed_anywhere import STEP, Bomb, Killed
from tests.billing.test_events import signed
from tests.billing.test_two_at_once import at_once
from tests.billing.unplaced import received, sent
from tests.bills import bill, books_agree

__all__ = ["road"]


def fresh(row: Any) -> Any:
    return type(row).get_by_id(row.id)


def ask(road: Road, payment: Payment) -> Refund:
    """Staff send it back; the worker has not worked yet."""
    return refunds.request(payment, payment.suspense, by=road.cast.root, now=road.clock.now)


def work(road: Road, refund: Refund) -> Refund:
    road.queue.run()
    return fresh(refund)  # type: ignore[no-any-return]


def tick(road: Road, refund: Refund, **time: float) -> Refund:
    refunds.sweep(road.clock.pass_by(**time))
    return work(road, refund)


def went_back(road: Road, payment: Payment) -> int:
    """Minor units that really went back, at the provider."""
    theirs = Attempt.get(Attempt.payment == payment.id).theirs
    return next(int(one["refunded"]) for one in road.provider.charges() if one["id"] == theirs)


def open_items() -> list[str]:
    query = Attention.select(Attention.kind).where(Attention.settled_at.is_null()).order_by(Attention.id)
    return [kind for (kind,) in query.tuples()]


def booked(refund: Refund) -> dict[str, dict[str, int]]:
    """For each event the accounts and what was added to them."""
    query = (
        LedgerLine.select(LedgerEntry.event, LedgerLine.account, LedgerLine.amount)
        .join(LedgerEntry)
        .where(LedgerEntry.cause == f"refund {refund.id}")
        .tuples()
    )
    found: dict[str, dict[str, int]] = {}
    for event, account, amount in query:
        found.setdefault(event, {})[account] = amount
    return found


# --- The road ---------------------------------------------------------------------------------------------------------


def test_what_waits_goes_back_whole_and_who_paid_is_told(road: Road) -> None:
    payment = received(road)
    refund = ask(road, payment)
    assert (refund.state, refund.amount, refund.staff) == (Refund.QUEUED, 5000, road.cast.root)
    assert (fresh(payment).suspense, fresh(payment).refundable) == (0, 0)
    assert open_items() == []
    assert booked(refund) == {"accepted": {"suspense": 5000, "refunds_due": -5000}}
    books_agree()
    refund = work(road, refund)
    assert (refund.state, went_back(road, payment)) == (Refund.DONE, 5000)
    assert booked(refund)["done"] == {"refunds_due": 5000, "clearing": -5000}
    letter = Letter.get(Letter.kind == "refunded")
    assert (letter.to, letter.payment, letter.details) == ("gus@nowhere.example", payment, {"refund": refund.id})
    assert History.select().where(History.event.in_(("refund_asked", "refunded"))).count() == 2
    books_agree()


def test_nothing_is_sent_before_it_is_recorded(road: Road) -> None:
    payment = received(road)
    ask(road, payment)
    assert went_back(road, payment) == 0
    assert road.queue.names == ["workers.refunds.send"]


def test_pressed_again_it_is_refused_and_sent_once(road: Road) -> None:
    payment = received(road)
    refund = ask(road, payment)
    for _ in range(2):
        with pytest.raises(NotRefundable):
            refunds.request(payment, 5000, by=road.cast.root, now=road.clock.now)
    work(road, refund)
    refunds.send(fresh(refund), road.clock.now)
    assert went_back(road, payment) == 5000
    assert Refund.select().count() == 1
    books_agree()


@pytest.mark.parametrize("amount", [0, -5000, 4999, 5001])
def test_only_the_whole_of_it_goes_back(road: Road, amount: int) -> None:
    payment = received(road)
    with pytest.raises(NotRefundable):
        refunds.request(payment, amount, by=road.cast.root, now=road.clock.now)
    assert fresh(payment).refundable == 5000
    books_agree()


def test_what_has_not_arrived_or_was_matched_does_not_go_back(road: Road) -> None:
    waiting, payment = sent(road), received(road)
    suspense.match(payment, group=road.cast.acme, by=road.cast.root, now=road.clock.now)
    for one in (waiting, payment):
        with pytest.raises(NotRefundable):
            refunds.request(one, 5000, by=road.cast.root, now=road.clock.now)
    assert Refund.select().count() == 0
    books_agree()


def test_what_is_on_its_way_back_is_not_matched(road: Road) -> None:
    payment, invoice = received(road), bill(road.cast.acme, 5000, now=road.clock.now)
    ask(road, payment)
    with pytest.raises(NotMatched):
        suspense.match(payment, invoice=invoice, by=road.cast.root, now=road.clock.now)
    assert fresh(invoice).open == 5000
    books_agree()


def test_without_a_reference_at_the_provider_it_cannot_go_back_from_here(road: Road) -> None:
    payment = received(road)
    Attempt.update(theirs=None).execute()
    with pytest.raises(NotRefundable) as refused:
        ask(road, payment)
    assert refused.value.code == "no_reference"
    assert (fresh(payment).suspense, fresh(payment).refundable) == (5000, 5000)
    books_agree()


def test_matching_and_sending_back_at_once_one_wins(road: Road) -> None:
    for _ in range(4):
        payment = received(road)
        ends = at_once(
            lambda payment=payment: ask(road, payment),  # type: ignore[misc]
            lambda payment=payment: refunds.request(payment, 5000, by=road.cast.root, now=road.clock.now),  # type: ignore[misc]
            lambda payment=payment: suspense.match(  # type: ignore[misc]
                payment, group=road.cast.acme, by=road.cast.root, now=road.clock.now
            ),
        )
        assert sum(isinstance(end, Payment | Refund) for end in ends) == 1
        road.queue.run()
        now = fresh(payment)
        assert now.suspense == 0
        assert went_back(road, payment) == (0 if now.group_id else 5000)
    books_agree()


# --- What may go wrong ------------------------------------------------------------------------------------------------


def test_refused_it_waits_again_and_may_be_sent_again(road: Road) -> None:
    payment = received(road)
    road.provider.give_back(Attempt.get(Attempt.payment == payment.id).theirs)  # nothing is left there to send
    refund = work(road, ask(road, payment))
    assert (refund.state, refund.failure) == (Refund.FAILED, "refund_too_large")
    assert (fresh(payment).suspense, fresh(payment).refundable) == (5000, 5000)
    assert booked(refund)["failed"] == {"refunds_due": 5000, "suspense": -5000}
    assert open_items() == ["suspense"]
    assert Letter.select().where(Letter.kind == "refunded").count() == 0
    again = work(road, ask(road, fresh(payment)))
    assert again.id != refund.id
    assert open_items() == ["suspense"]
    suspense.match(fresh(payment), group=road.cast.acme, by=road.cast.root, now=road.clock.now)
    assert open_items() == []
    books_agree()


def test_to_a_bank_account_it_takes_its_time_and_is_told_when_it_arrived(road: Road) -> None:
    payment = received(road, instrument="debit")
    road.provider.settle(Attempt.get(Attempt.payment == payment.id).theirs)
    payment = road.tick(payment, hours=2)
    assert payment.suspense == 5000
    refund = work(road, ask(road, payment))
    assert refund.state == Refund.PROCESSING
    assert Letter.select().where(Letter.kind == "refunded").count() == 0
    books_agree()
    road.provider.settle(refund.theirs)
    assert tick(road, refund, hours=2).state == Refund.DONE
    assert Letter.select().where(Letter.kind == "refunded").count() == 1
    books_agree()


def test_it_may_fail_after_it_was_done(road: Road) -> None:
    payment = received(road)
    refund = work(road, ask(road, payment))
    road.provider.fail(refund.theirs)
    body, headers = signed(road, type="refund.failed", ours=refund.secret, object=refund.theirs)
    events.receive("sandbox", body, headers, now=road.clock.now)
    refund = work(road, refund)
    assert (refund.state, fresh(payment).suspense, fresh(payment).refundable) == (Refund.FAILED, 5000, 5000)
    assert booked(refund)["failed"] == {"clearing": 5000, "suspense": -5000}
    assert open_items() == ["suspense"]
    assert GatewayEvent.get().result == "matched"
    books_agree()


def test_a_failed_one_that_is_said_to_be_done_is_not_booked_but_told(road: Road) -> None:
    payment = received(road)
    refund = work(road, ask(road, payment))
    refund = refunds.apply(refund, Told(Outcome.DECLINED), now=road.clock.now)
    assert refund.state == Refund.FAILED
    assert refunds.look_up(refund, road.clock.now)
    assert fresh(refund).state == Refund.FAILED
    assert "refund_contradicts" in open_items()
    books_agree()


def test_told_twice_it_is_booked_once(road: Road) -> None:
    payment = received(road)
    refund = work(road, ask(road, payment))
    for outcome in (Outcome.SUCCEEDED, Outcome.PROCESSING, Outcome.UNKNOWN, Outcome.NOT_SUBMITTED, Outcome.SUCCEEDED):
        refunds.apply(refund, Told(outcome, theirs=refund.theirs), now=road.clock.now)
    assert fresh(refund).state == Refund.DONE
    assert Letter.select().where(Letter.kind == "refunded").count() == 1
    assert len(booked(refund)) == 2
    books_agree()


def test_what_never_reached_the_provider_is_sent_again_after_a_while(road: Road) -> None:
    payment = received(road)
    road.provider.stop()
    refund = work(road, ask(road, payment))
    assert (refund.state, refund.tries) == (Refund.QUEUED, 1)
    assert tick(road, refund, seconds=6).tries == 1  # its back-off is not over
    road.provider.start()
    refund = tick(road, refund, seconds=10)
    assert (refund.state, refund.tries, went_back(road, payment)) == (Refund.DONE, 2, 5000)
    books_agree()


def test_a_gateway_that_refuses_us_is_told(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = received(road)
    monkeypatch.setattr(calling, "_call", lambda refund: Told(Outcome.NOT_SUBMITTED, our_fault=True))
    assert work(road, ask(road, payment)).state == Refund.QUEUED
    assert open_items() == ["gateway_refuses_us"]


@pytest.mark.parametrize("trouble", ["drop_before", "drop_after", "error_before", "error_after", "busy"])
def test_whatever_the_provider_does_it_goes_back_once(road: Road, trouble: str) -> None:
    payment = received(road)
    road.provider.set(**{trouble: 1})
    refund = work(road, ask(road, payment))
    for seconds in (11, 31, 91, 500, 3601):
        refund = tick(road, refund, seconds=seconds)
        books_agree()
    if trouble == "error_before":  # the provider stored that error under our key, and says it ever again
        assert refund.state == Refund.UNKNOWN
        refund = tick(road, refund, hours=24)
        assert open_items() == ["refund_unknown"]
        assert went_back(road, payment) == 0
    else:
        assert (refund.state, went_back(road, payment)) == (Refund.DONE, 5000)
        assert open_items() == []


def test_not_found_is_not_a_no_and_the_same_key_is_used_again(road: Road) -> None:
    payment = received(road)
    road.provider.set(drop_after=1, search_lag_ms=3_600_000)
    refund = work(road, ask(road, payment))
    assert (refund.state, refund.asked) == (Refund.UNKNOWN, 1)
    assert fresh(payment).suspense == 0
    refund = tick(road, refund, seconds=31)
    assert (refund.state, refund.tries, went_back(road, payment)) == (Refund.DONE, 2, 5000)
    books_agree()


def test_outside_the_keys_window_it_is_never_sent_again(road: Road) -> None:
    payment = received(road)
    road.provider.set(drop_before=1)
    refund = work(road, ask(road, payment))
    refund = tick(road, refund, hours=25)
    assert (refund.state, refund.tries, went_back(road, payment)) == (Refund.UNKNOWN, 1, 0)
    assert open_items() == ["refund_unknown"]
    assert fresh(payment).suspense == 0  # it keeps its claim
    books_agree()


@pytest.mark.parametrize("done", [True, False])
def test_staff_say_what_they_saw_of_an_unknown_one(road: Road, done: bool) -> None:
    payment = received(road)
    road.provider.set(drop_before=1)
    refund = tick(road, work(road, ask(road, payment)), hours=25)
    seen: Any = {"evidence": "their pages, 23 November", "by": history.actor(road.cast.root)}
    refund = refunds.decide(refund, done, now=road.clock.now, **seen)
    assert refund.state == (Refund.DONE if done else Refund.FAILED)
    assert fresh(payment).suspense == (0 if done else 5000)
    assert open_items() == ([] if done else ["suspense"])
    refunds.decide(refund, not done, now=road.clock.now, **seen)
    assert fresh(refund).state == refund.state
    books_agree()


def test_an_answer_about_something_else_books_nothing(road: Road) -> None:
    payment = received(road)
    refund = ask(road, payment)
    road.queue.jobs.clear()
    Refund.update(state=Refund.SENDING, rank=2).execute()
    charge = Attempt.get(Attempt.payment == payment.id).theirs
    for told in (
        Told(Outcome.SUCCEEDED, ours="somebody else's", theirs="re_x"),
        Told(Outcome.SUCCEEDED, theirs=charge),
        Told(Outcome.SUCCEEDED, theirs="re_x", amount=4999, currency="EUR"),
        Told(Outcome.SUCCEEDED, theirs="re_x", amount=5000, currency="USD"),
    ):
        assert refunds.apply(fresh(refund), told, now=road.clock.now).state == Refund.SENDING
    assert open_items() == ["answer_of_another", "refund_differs"]
    books_agree()


def test_changed_parameters_are_never_sent_under_the_key(road: Road) -> None:
    payment = received(road)
    refund = ask(road, payment)
    Refund.update(parameters={**refund.parameters, "amount": 1}).execute()
    assert work(road, refund).state == Refund.UNKNOWN
    assert went_back(road, payment) == 0


def test_a_lost_nudge_is_made_up_for_by_the_clock(road: Road) -> None:
    payment = received(road)
    refund = ask(road, payment)
    road.queue.jobs.clear()
    assert tick(road, refund, seconds=6).state == Refund.DONE
    assert went_back(road, payment) == 5000


def test_an_event_that_names_it_is_matched_and_asks(road: Road) -> None:
    payment = received(road)
    road.provider.set(drop_after=1)
    refund = ask(road, payment)
    refunds.send(refund, road.clock.now)
    road.queue.jobs.clear()
    body, headers = signed(road, type="refund.done", ours=refund.secret, object="re_unknown")
    events.receive("sandbox", body, headers, now=road.clock.now)
    assert work(road, refund).state == Refund.UNKNOWN  # what it names is not there; that is no answer
    Refund.update(theirs=None).execute()
    body, headers = signed(road, id="e2", type="refund.done", ours=refund.secret)
    events.receive("sandbox", body, headers, now=road.clock.now)
    assert tick(road, refund, seconds=31).state == Refund.DONE
    assert [event.result for event in GatewayEvent.select()] == ["matched", "matched"]
    books_agree()


@pytest.mark.parametrize("trouble", ["", "drop_after", "error_after"])
def test_killed_before_any_statement_it_goes_back_once(
    road: Road, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    bomb, at = Bomb(monkeypatch), 0
    while True:
        payment = received(road)
        if trouble:
            road.provider.set(**{trouble: 1})
        bomb.left = at
        try:
            refund = work(road, ask(road, payment))
            bomb.left = -1
            if refund.state != Refund.DONE:
                refund = _recovered(road, payment)
            last = True
        except Killed:
            database.close()
            database.connect()
            road.queue.jobs.clear()  # the nudge died with it
            books_agree()
            refund, last = _recovered(road, payment), False
        assert (refund.state, went_back(road, payment)) == (Refund.DONE, 5000)
        assert Refund.select().where(Refund.payment == payment.id).count() == 1
        assert Letter.select().where(Letter.kind == "refunded", Letter.payment == payment.id).count() == 1
        assert fresh(payment).suspense == 0
        if last:
            assert at > 20, "the bomb never went off"
            break
        at += STEP
    road.provider.set(**dict.fromkeys(("drop_after", "error_after"), 0))
    books_agree()


def _recovered(road: Road, payment: Payment) -> Refund:
    """Staff press again where nothing was kept; the clock ticks."""
    if (refund := Refund.get_or_none(Refund.payment == payment.id)) is None:
        refund = ask(road, fresh(payment))
    for seconds in (10, 10, 45, 31, 121):
        refund = tick(road, refund, seconds=seconds)
    return refund  # type: ignore[no-any-return]


# --- What doctor asks -------------------------------------------------------------------------------------------------


def test_what_refunds_hold_and_what_columns_say_must_agree(road: Road) -> None:
    payment = received(road)
    ask(road, payment)
    assert (refunds.wrong(), refunds.wrong_due()) == ([], [])
    Payment.update(refundable=1).execute()
    Refund.update(state=Refund.DONE, rank=5).execute()
    assert refunds.wrong() == [(payment.id, 5000, 4999)]
    assert refunds.wrong_due() == [(payment.id, 0, 5000)]
