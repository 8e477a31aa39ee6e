"""Each request that the adapter makes at GoCardless is lost, delayed, reset, garbled or answered 500 in turn.

Never two debits for one key, never a definite answer where it is not known, and in the end one answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import pytest

from gateways.contract import (
    Attempt,
    ChargeRequest,
    ClientStep,
    Gateway,
    Initiator,
    MethodKind,
    Outcome,
    Payer,
    PaymentRequest,
    RefundRequest,
    Setup,
    SetupRequest,
    SetupState,
    Unreachable,
)
from tests.gateways.gocardless_fake import TROUBLES, FakeGoCardless

BACK = "http://127.0.0.1:8000/payments/P-1"
ADA = Payer("acme", "Acme Ltd", "ada@acme.example")
MOST_REQUESTS = 6  # none of the calls makes more


@dataclass(frozen=True)
class Call:
    """One call of the adapter on a fresh stage: `say` may be said again, `right` knows its right answer."""

    say: Callable[[Gateway], Any]
    right: Callable[[Any], bool]
    made: Callable[[], int]  # how many things there are that must be one


def order(fake: FakeGoCardless, ours: str = "") -> ChargeRequest:
    return ChargeRequest(ours or token_hex(8), 1200, "EUR", fake.keep(), MethodKind.BANK_DEBIT, Initiator.RECURRING,
                         "Invoice 1", ADA)  # fmt: skip


def charge(fake: FakeGoCardless) -> Call:
    asked, key = order(fake), token_hex(8)
    return Call(
        lambda gateway: gateway.charge(asked, key=key),
        lambda answer: answer.outcome is Outcome.PROCESSING,
        lambda: len(fake.payments(asked.ours)),
    )


def refund(fake: FakeGoCardless) -> Call:
    key = token_hex(8)
    paid = fake.gateway().charge(order(fake), key=token_hex(8))
    assert paid.theirs
    fake.move(paid.theirs, "confirmed")
    asked = RefundRequest(token_hex(8), paid.theirs, 500, "EUR")
    return Call(
        lambda gateway: gateway.refund(asked, key=key),
        lambda answer: answer.outcome is Outcome.PROCESSING and answer.amount == 500,
        lambda: len(fake.books.things["refunds"]),
    )


def begin_payment(fake: FakeGoCardless) -> Call:
    asked, key = PaymentRequest(token_hex(8), 1200, "EUR", ADA, "Invoice 1", BACK, keep=True), token_hex(8)
    return Call(
        lambda gateway: gateway.begin_payment(asked, key=key),
        lambda answer: isinstance(answer, ClientStep),
        lambda: len(fake.books.things["billing_requests"]),
    )


def begin_setup(fake: FakeGoCardless) -> Call:
    asked, key = SetupRequest(token_hex(8), ADA, "GBP", BACK), token_hex(8)
    return Call(
        lambda gateway: gateway.begin_setup(asked, key=key),
        lambda answer: isinstance(answer, ClientStep),
        lambda: len(fake.books.things["billing_requests"]),
    )


def cancel_page(fake: FakeGoCardless) -> Call:
    step = fake.gateway().begin_payment(PaymentRequest("o1", 1200, "EUR", ADA, "Invoice 1", BACK), key="k1")
    assert isinstance(step, ClientStep)
    return Call(
        lambda gateway: gateway.cancel(step.theirs, key=token_hex(8)),
        lambda answer: answer.outcome is Outcome.CANCELLED,
        lambda: 1,
    )


def cancel_paid_page(fake: FakeGoCardless) -> Call:
    step = fake.gateway().begin_payment(PaymentRequest("o1", 1200, "EUR", ADA, "Invoice 1", BACK), key="k1")
    assert isinstance(step, ClientStep)
    fake.authorise(step.url)
    fake.move(step.theirs, "confirmed")
    return Call(
        lambda gateway: gateway.cancel(step.theirs, key=token_hex(8)),
        lambda answer: answer.outcome is Outcome.SUCCEEDED and answer.theirs == step.theirs,
        lambda: len(fake.payments("o1")),
    )


def charge_of_a_dead_mandate(fake: FakeGoCardless) -> Call:
    asked, key = order(fake), token_hex(8)
    fake.move(asked.token, "cancelled")
    return Call(
        lambda gateway: gateway.charge(asked, key=key),
        lambda answer: answer.outcome is Outcome.DECLINED,
        lambda: 1 + len(fake.payments(asked.ours)),
    )


def look_up_a_late_failure(fake: FakeGoCardless) -> Call:
    asked = order(fake)
    sent = fake.gateway().charge(asked, key=token_hex(8))
    assert sent.theirs
    fake.move(sent.theirs, "confirmed")
    fake.move(sent.theirs, "failed", "insufficient_funds")
    return Call(
        lambda gateway: gateway.lookup(ours=asked.ours),
        lambda answer: answer.outcome is Outcome.SUCCEEDED and answer.raw["returned"] == 1200,
        lambda: len(fake.payments(asked.ours)),
    )


CALLS = (charge, refund, begin_payment, begin_setup, cancel_page, cancel_paid_page, charge_of_a_dead_mandate,
         look_up_a_late_failure)  # fmt: skip


@pytest.mark.parametrize("trouble", [*TROUBLES, "busy"])
@pytest.mark.parametrize("begin", CALLS)
def test_trouble_at_any_request_leads_to_one_thing_and_one_answer(
    gocardless: FakeGoCardless, begin: Callable[[FakeGoCardless], Call], trouble: str
) -> None:
    for number in range(MOST_REQUESTS):
        gocardless.begin_again()
        call = begin(gocardless)
        gocardless.trouble(trouble, number)
        told = call.say(gocardless.gateway(timeout="0.6") if trouble == "silence" else gocardless.gateway())
        if not gocardless.met_trouble():
            assert number, "the call was made without a request"
            assert call.right(told)
            return
        assert isinstance(told, Attempt)
        open_ones = {Outcome.UNKNOWN, Outcome.NOT_SUBMITTED} if trouble == "busy" else {Outcome.UNKNOWN}
        assert told.outcome in open_ones or call.right(told), (number, told)
        assert not told.our_fault
        if told.outcome is Outcome.NOT_SUBMITTED:
            assert call.made() in (0, 1)
        again = call.say(gocardless.gateway())
        assert call.right(again), (number, again)
        assert call.made() == 1
    pytest.fail("more requests than anybody should make")


@pytest.mark.parametrize("trouble", [*TROUBLES, "busy"])
def test_a_lost_page_is_found_by_our_reference_and_leads_on(gocardless: FakeGoCardless, trouble: str) -> None:
    for number, ours in enumerate(("o1", "o2")):
        gocardless.trouble(trouble, number)
        hurried = gocardless.gateway(timeout="0.6") if trouble == "silence" else gocardless.gateway()
        answer = hurried.begin_payment(PaymentRequest(ours, 1200, "EUR", ADA, "Invoice 1", BACK), key=ours)
        assert isinstance(answer, Attempt)
        found = gocardless.gateway().lookup(ours=ours)
        requests = [each for each in gocardless.books.things["billing_requests"].values()
                    if each["metadata"]["tillhouse"] == ours]  # fmt: skip
        assert (found is not None) == bool(requests)
        if found:
            assert found.outcome is Outcome.ACTION_REQUIRED
            assert found.client_step
            gocardless.authorise(found.client_step.url)
            assert len(gocardless.payments(ours)) == 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_question_nobody_answered_is_no_answer(gocardless: FakeGoCardless, trouble: str) -> None:
    gateway = gocardless.gateway(timeout="0.6")
    step = gateway.begin_setup(SetupRequest("s1", ADA, "EUR", BACK), key="k1")
    assert isinstance(step, ClientStep)
    gocardless.authorise(step.url)
    token = gocardless.keep()
    for number in range(2):
        gocardless.trouble(trouble, number)
        assert gateway.lookup_setup(theirs=step.theirs) is None
    gocardless.trouble(trouble)
    page = gateway.changes("2026-11-22T10:00:00.000Z")
    assert (page.items, page.next, page.more) == ((), "2026-11-22T10:00:00.000Z", False)
    gocardless.trouble(trouble)
    with pytest.raises(Unreachable):
        gateway.detach(token, key="k2")
    gateway.detach(token, key="k2")
    assert gocardless.books.things["mandates"][token]["status"] == "cancelled"
    setup = gateway.lookup_setup(theirs=step.theirs)
    assert isinstance(setup, Setup)
    assert setup.state is SetupState.STORED


def test_a_lost_answer_about_a_debit_outlives_its_mandate(gocardless: FakeGoCardless) -> None:
    """The first try was accepted and collected; that the second finds an idle mandate says nothing about the first."""
    gateway, asked = gocardless.gateway(), order(gocardless, "o1")
    gocardless.trouble("drop_after")
    assert gateway.charge(asked, key="k1").outcome is Outcome.UNKNOWN
    gocardless.move(gocardless.payments("o1")[0]["id"], "confirmed")
    gocardless.move(asked.token, "cancelled")
    assert gateway.charge(asked, key="a key they have forgotten").outcome is Outcome.SUCCEEDED
    assert len(gocardless.payments("o1")) == 1


def test_nothing_is_asked_twice_by_itself(gocardless: FakeGoCardless) -> None:
    gocardless.trouble("drop_before")
    gocardless.gateway().charge(order(gocardless), key="k1")
    assert gocardless.asked == ["POST /payments"]
