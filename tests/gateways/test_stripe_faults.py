"""Each request that the adapter makes is lost, delayed, reset or answered 500 in turn.

Never two charges for one key; never a definite answer where it is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

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
    SetupRequest,
    Unreachable,
)
from tests.gateways.proxy import FAULTS, Proxy, proxy_to
from tests.gateways.rehearsals import StripeRehearsal
from tests.gateways.stripe_fake import StripeFake

BACK = "http://127.0.0.1:8000/payments/P-1"
ADA = Payer("acme", "Acme Ltd", "ada@acme.example")
OPEN = (Outcome.UNKNOWN, Outcome.NOT_SUBMITTED)


@pytest.fixture
def proxy(stripe_fake: StripeFake) -> Iterator[Proxy]:
    with proxy_to(stripe_fake.url) as proxy:
        yield proxy


@pytest.fixture
def gateway(stripe_fake: StripeFake, proxy: Proxy) -> Gateway:
    return StripeRehearsal(stripe_fake).adapter(base=proxy.url)


def spoiled(stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, call: str, fault: str) -> Gateway:
    """The adapter whose next call meets the fault. Only who waits for a late answer is in a hurry."""
    proxy.begin(**{call: fault})
    return StripeRehearsal(stripe_fake).adapter(base=proxy.url, timeout="0.5") if fault == "delay" else gateway


def key() -> str:
    return token_hex(8)


def order(fake: StripeFake, instrument: str = "visa") -> ChargeRequest:
    method = fake.keep(instrument)
    return ChargeRequest(key(), 1200, "EUR", f"{method['customer']}/{method['id']}", MethodKind.CARD,
                         Initiator.CUSTOMER, "Invoice 2026-0142", ADA, BACK)  # fmt: skip


def payment() -> PaymentRequest:
    return PaymentRequest(key(), 1200, "EUR", ADA, "Invoice 2026-0142", BACK)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["call_0", "call_1"])
def test_a_charge_is_made_once(stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, call: str, fault: str) -> None:
    asked, same = order(stripe_fake), key()
    answer = spoiled(stripe_fake, proxy, gateway, call, fault).charge(asked, key=same)
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.ours == asked.ours
    assert stripe_fake.captured(asked.ours) == (call == "call_1" and not fault.endswith("before"))

    proxy.begin()
    assert gateway.charge(asked, key=same).outcome is Outcome.SUCCEEDED
    assert stripe_fake.captured(asked.ours) == 1
    found = gateway.lookup(ours=asked.ours)
    assert found
    assert found.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_charged_is_found_without_saying_it_again(
    stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, fault: str
) -> None:
    asked = order(stripe_fake)
    answer = spoiled(stripe_fake, proxy, gateway, "call_1", fault).charge(asked, key=key())
    assert answer.theirs, "made in two steps, so that it is known by its id"
    found = gateway.lookup(theirs=answer.theirs)
    assert found
    taken = stripe_fake.captured(asked.ours)
    assert found.outcome is (Outcome.SUCCEEDED if taken else Outcome.UNKNOWN)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["call_0", "call_1"])
def test_a_refusal_that_got_lost_is_a_refusal_when_asked_again(
    stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, call: str, fault: str
) -> None:
    asked, same = order(stripe_fake, "no_funds"), key()
    assert spoiled(stripe_fake, proxy, gateway, call, fault).charge(asked, key=same).outcome is Outcome.UNKNOWN
    assert gateway.charge(asked, key=same).outcome is Outcome.DECLINED
    assert stripe_fake.captured(asked.ours) == 0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["call_0", "call_1"])
def test_a_refund_is_made_once(stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, call: str, fault: str) -> None:
    paid = gateway.charge(order(stripe_fake), key=key())
    assert paid.theirs
    asked, same = RefundRequest(key(), paid.theirs, 500, "EUR"), key()
    assert spoiled(stripe_fake, proxy, gateway, call, fault).refund(asked, key=same).outcome in OPEN
    proxy.begin()
    done = gateway.refund(asked, key=same)
    assert (done.outcome, done.amount) == (Outcome.SUCCEEDED, 500)
    assert [refund["amount"] for refund in stripe_fake.refunds.values()] == [500]
    assert gateway.lookup(ours=asked.ours) == done


@pytest.mark.parametrize("fault", FAULTS)
def test_one_page_is_opened(stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, fault: str) -> None:
    asked, same = payment(), key()
    answer = spoiled(stripe_fake, proxy, gateway, "call_0", fault).begin_payment(asked, key=same)
    assert isinstance(answer, Attempt)
    assert answer.outcome is Outcome.UNKNOWN
    step = gateway.begin_payment(asked, key=same)
    assert isinstance(step, ClientStep)
    assert list(stripe_fake.sessions) == [step.theirs]
    found = gateway.lookup(ours=asked.ours)
    assert found
    assert found.client_step == step


@pytest.mark.parametrize("fault", FAULTS)
def test_one_page_for_storing_is_opened(stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, fault: str) -> None:
    asked, same = SetupRequest(key(), ADA, "EUR", BACK), key()
    assert isinstance(spoiled(stripe_fake, proxy, gateway, "call_0", fault).begin_setup(asked, key=same), Attempt)
    step = gateway.begin_setup(asked, key=same)
    assert isinstance(step, ClientStep)
    assert list(stripe_fake.sessions) == [step.theirs]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["call_0", "call_1"])
@pytest.mark.parametrize("paid", [True, False])
def test_closing_a_page_says_only_what_is_known(
    stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, paid: bool, call: str, fault: str
) -> None:
    step = gateway.begin_payment(payment(), key=key())
    assert isinstance(step, ClientStep)
    if paid:
        stripe_fake.press(step.url, "pay", "visa")
    truth = Outcome.SUCCEEDED if paid else Outcome.CANCELLED
    assert spoiled(stripe_fake, proxy, gateway, call, fault).cancel(step.theirs, key=key()).outcome in (
        Outcome.UNKNOWN,
        truth,
    )
    proxy.begin()
    assert gateway.cancel(step.theirs, key=key()).outcome is truth


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["call_0", "call_1", "call_2"])
def test_a_question_that_gets_no_answer_is_not_a_no(
    stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, call: str, fault: str
) -> None:
    asked = order(stripe_fake)
    paid = gateway.charge(asked, key=key())
    hit = spoiled(stripe_fake, proxy, gateway, call, fault)
    for found in (hit.lookup(ours=asked.ours), hit.lookup(theirs=paid.theirs)):
        assert found
        assert found.outcome in (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert spoiled(stripe_fake, proxy, gateway, "call_0", fault).lookup_setup(theirs="cs_test_1") is None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_method_is_detached_when_it_is_said_again(
    stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, fault: str
) -> None:
    method = stripe_fake.keep("visa")
    same = key()
    hit = spoiled(stripe_fake, proxy, gateway, "call_0", fault)
    with pytest.raises(Unreachable):
        hit.detach(f"{method['customer']}/{method['id']}", key=same)
    gateway.detach(f"{method['customer']}/{method['id']}", key=same)
    assert stripe_fake.methods[method["id"]]["customer"] is None


@pytest.mark.parametrize("fault", FAULTS)
def test_no_event_is_passed_over(stripe_fake: StripeFake, proxy: Proxy, gateway: Gateway, fault: str) -> None:
    gateway.charge(order(stripe_fake), key=key())
    since = gateway.changes(None).next
    paid = gateway.charge(order(stripe_fake), key=key())
    page = spoiled(stripe_fake, proxy, gateway, "call_0", fault).changes(since)
    assert (page.items, page.next) == ((), since)
    assert [event.theirs for event in gateway.changes(since).items] == [paid.theirs]
