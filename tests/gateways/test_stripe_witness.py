"""The adapter against localstripe: a second witness for what it knows of Stripe, by people who never saw our code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest

from gateways.contract import (
    Attempt,
    BadSignature,
    ChargeRequest,
    EventKind,
    Gateway,
    Initiator,
    MethodKind,
    Outcome,
    Payer,
    RefundRequest,
)
from gateways.registry import load
from tests.gateways.stripe_witness import Witness, running_witness

ADA = Payer("acme", "Acme Ltd", "ada@acme.example")
GOOD, DECLINED_LATER, SECURE = "4242424242424242", "4000000000000341", "4000000000003220"


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    with running_witness() as witness:
        yield witness


@pytest.fixture
def gateway(witness: Witness) -> Gateway:
    return load("stripe", {"secret_key": "sk_test_rehearsal", "webhook_secret": "whsec_rehearsal", "live": "",
                           "account": "acct_1", "base": witness.url})  # fmt: skip


def order(witness: Witness, number: str, **changes: Any) -> ChargeRequest:
    return ChargeRequest(**{"ours": token_hex(8), "amount": 1200, "currency": "EUR", "token": witness.keep(number),
                            "kind": MethodKind.CARD, "initiator": Initiator.CUSTOMER, "payer": ADA,
                            "description": "Invoice 2026-0142", "return_url": "http://127.0.0.1:8000/",
                            **changes})  # fmt: skip


def charged(gateway: Gateway, asked: ChargeRequest) -> Attempt:
    return gateway.charge(asked, key=token_hex(8))


def test_a_card_is_charged_and_found_again(witness: Witness, gateway: Gateway) -> None:
    asked, key = order(witness, GOOD), token_hex(8)
    paid = gateway.charge(asked, key=key)
    assert (paid.outcome, paid.amount, paid.currency, paid.ours) == (Outcome.SUCCEEDED, 1200, "EUR", asked.ours)
    assert gateway.charge(asked, key=key) == paid
    assert gateway.lookup(theirs=paid.theirs) == paid
    assert gateway.lookup(ours=asked.ours) == paid


def test_a_refused_card_is_a_definite_no(witness: Witness, gateway: Gateway) -> None:
    refused = charged(gateway, order(witness, DECLINED_LATER))
    assert refused.outcome is Outcome.DECLINED
    assert refused.decline
    found = gateway.lookup(theirs=refused.theirs)
    assert found
    assert found.outcome is Outcome.DECLINED


def test_approval_is_waited_for_and_can_be_given_up(witness: Witness, gateway: Gateway) -> None:
    waiting = charged(gateway, order(witness, SECURE))
    assert waiting.outcome is Outcome.ACTION_REQUIRED
    assert waiting.theirs
    assert gateway.cancel(waiting.theirs, key=token_hex(8)).outcome is Outcome.CANCELLED


def test_what_was_paid_cannot_be_cancelled_and_says_so(witness: Witness, gateway: Gateway) -> None:
    paid = charged(gateway, order(witness, GOOD))
    assert paid.theirs
    assert gateway.cancel(paid.theirs, key=token_hex(8)).outcome is Outcome.SUCCEEDED


def test_a_refund_is_made_and_found(witness: Witness, gateway: Gateway) -> None:
    paid = charged(gateway, order(witness, GOOD))
    asked = RefundRequest(token_hex(8), paid.theirs or "", 500, "EUR")
    done = gateway.refund(asked, key=token_hex(8))
    assert (done.outcome, done.amount) == (Outcome.SUCCEEDED, 500)
    assert gateway.lookup(theirs=done.theirs) == done
    assert gateway.lookup(ours=asked.ours) == done


def test_what_was_refused_cannot_be_refunded(witness: Witness, gateway: Gateway) -> None:
    refused = charged(gateway, order(witness, DECLINED_LATER))
    answer = gateway.refund(RefundRequest("r1", refused.theirs or "", 500, "EUR"), key=token_hex(8))
    assert answer.outcome is Outcome.DECLINED


def test_detaching_again_is_no_change(witness: Witness, gateway: Gateway) -> None:
    token = witness.keep(GOOD)
    gateway.detach(token, key=token_hex(8))
    gateway.detach(token, key=token_hex(8))


def test_a_customer_or_card_it_never_heard_of_takes_nothing(witness: Witness, gateway: Gateway) -> None:
    for token in ("cus_none/pm_none", "pm_none"):
        answer = charged(gateway, order(witness, GOOD, token=token))
        assert answer.outcome in (Outcome.DECLINED, Outcome.NOT_SUBMITTED)
    assert gateway.lookup(theirs="pi_none") is None


def test_its_webhooks_are_believed_with_the_right_secret_only(witness: Witness, gateway: Gateway) -> None:
    witness.call("/_config/webhooks/w1", url=f"{witness.url}/hook", secret="whsec_rehearsal")
    paid = charged(gateway, order(witness, GOOD))
    until = time.monotonic() + 10
    while not (told := [hook for hook in witness.told if (paid.theirs or "").encode() in hook[0]]):
        assert time.monotonic() < until, "no webhook came"
        time.sleep(0.05)
    body, headers = told[0]
    (event,) = gateway.events(body, headers)
    assert (event.kind, event.theirs, event.ours) == (EventKind.PAYMENT, paid.theirs, paid.ours)
    other = load("stripe", {"secret_key": "sk_test_1", "webhook_secret": "whsec_other", "live": "", "account": "a"})
    with pytest.raises(BadSignature):
        other.events(body, headers)
