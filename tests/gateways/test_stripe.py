"""What is peculiar to Stripe; what all adapters share is in test_conformance.py."""

from __future__ import annotations

import json
import logging
import time
from datetime import timedelta
from typing import Any

import pytest
import stripe

from gateways.contract import (
    Attempt,
    BadSignature,
    ChargeRequest,
    ClientStep,
    EventKind,
    Gateway,
    Initiator,
    MethodKind,
    Outcome,
    Payer,
    PaymentRequest,
    RefundRequest,
    SetupRequest,
    SetupState,
    Severity,
    Unreachable,
)
from gateways.registry import load
from gateways.stripe import Stripe, answers
from gateways.stripe.amounts import LEAST, OTHERS, most, received, sent, step
from gateways.stripe.declines import decline
from money import EXPONENTS
from tests.gateways.rehearsals import StripeRehearsal
from tests.gateways.stripe_fake import ACCOUNT, SECRET, WEBHOOK_SECRET, StripeFake

BACK = "http://127.0.0.1:8000/payments/P-1"
ADA = Payer("acme", "Acme Ltd", "ada@acme.example")


@pytest.fixture
def rehearsal(stripe_fake: StripeFake) -> StripeRehearsal:
    return StripeRehearsal(stripe_fake)


@pytest.fixture
def gateway(rehearsal: StripeRehearsal) -> Gateway:
    return rehearsal.gateway


def order(token: str, **changes: Any) -> ChargeRequest:
    return ChargeRequest(**{"ours": "o1", "amount": 1200, "currency": "EUR", "token": token, "kind": MethodKind.CARD,
                            "initiator": Initiator.CUSTOMER, "description": "Invoice 2026-0142", "payer": ADA,
                            "return_url": BACK, **changes})  # fmt: skip


def payment(**changes: Any) -> PaymentRequest:
    return PaymentRequest(**{"ours": "o1", "amount": 1200, "currency": "EUR", "payer": ADA,
                             "description": "Invoice 2026-0142", "return_url": BACK, **changes})  # fmt: skip


def opened(answer: ClientStep | Attempt) -> ClientStep:
    assert isinstance(answer, ClientStep), answer
    return answer


# Settings


@pytest.mark.parametrize(
    "wrong",
    [{"secret_key": "sk_live_1"}, {"secret_key": "sk_test_1", "live": "1"}, {"secret_key": "sk_test_1\n"}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        load("stripe", {"webhook_secret": "whsec_1", "account": "acct_1", "live": "", **wrong})


def test_a_key_says_whose_it_is(rehearsal: StripeRehearsal) -> None:
    adapter = rehearsal.adapter()
    assert isinstance(adapter, Stripe)
    assert adapter.account_of_key() == ACCOUNT
    for wrong in (rehearsal.wrong_keys(), rehearsal.nowhere()):
        assert isinstance(wrong, Stripe)
        with pytest.raises(Unreachable):
            wrong.account_of_key()


def test_no_secret_is_in_what_an_adapter_shows_of_itself(gateway: Gateway) -> None:
    assert SECRET not in repr(gateway)
    assert WEBHOOK_SECRET not in repr(gateway)


def test_nothing_of_a_request_is_logged(
    rehearsal: StripeRehearsal, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        gateway.begin_payment(payment(), key="k1")
        rehearsal.wrong_keys().charge(order(rehearsal.token("visa")), key="k2")
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "ada@" not in said
    assert "sk_test" not in said


# What is asked


def test_every_order_has_a_key_and_the_two_steps_of_a_charge_have_two(
    stripe_fake: StripeFake, rehearsal: StripeRehearsal, gateway: Gateway
) -> None:
    token = rehearsal.token("visa")
    paid = gateway.charge(order(token), key="k1")
    gateway.refund(RefundRequest("r1", paid.theirs or "", 100, "EUR"), key="k2")
    gateway.cancel(opened(gateway.begin_payment(payment(), key="k3")).theirs, key="k4")
    gateway.detach(token, key="k5")
    assert set(stripe_fake.keys) == {"k1-create", "k1-confirm", "k2", "k3", "k4", "k5"}


def test_a_page_offers_what_was_asked_for_and_the_currency_allows(stripe_fake: StripeFake, gateway: Gateway) -> None:
    wanted = {
        ("EUR", (MethodKind.CARD, MethodKind.BANK_DEBIT)): ["card", "sepa_debit"],
        ("USD", (MethodKind.BANK_DEBIT,)): ["us_bank_account"],
        ("GBP", (MethodKind.CARD, MethodKind.BANK_DEBIT)): ["card"],
    }
    for number, ((currency, kinds), offered) in enumerate(wanted.items()):
        step = opened(gateway.begin_setup(SetupRequest("o1", ADA, currency, BACK, kinds), key=f"k{number}"))
        assert stripe_fake.sessions[step.theirs]["payment_method_types"] == offered
    none = gateway.begin_setup(SetupRequest("o1", ADA, "GBP", BACK, (MethodKind.BANK_DEBIT,)), key="k9")
    assert isinstance(none, Attempt)
    assert none.outcome is Outcome.NOT_SUBMITTED
    assert none.our_fault


def test_a_page_is_closed_by_us_after_half_an_hour(stripe_fake: StripeFake, gateway: Gateway) -> None:
    step = opened(gateway.begin_payment(payment(), key="k1"))
    made = stripe_fake.sessions[step.theirs]["created"]
    assert step.expires_at.timestamp() - made == timedelta(minutes=30).total_seconds()


def test_the_page_of_a_payer_with_a_profile_belongs_to_it(stripe_fake: StripeFake, gateway: Gateway) -> None:
    payer = Payer("acme", "Acme Ltd", "ada@acme.example", profile="cus_known")
    step = opened(gateway.begin_setup(SetupRequest("o1", payer, "EUR", BACK), key="k1"))
    stripe_fake.press(step.url, "pay", "visa")
    setup = gateway.lookup_setup(theirs=step.theirs)
    assert setup
    assert setup.method
    assert setup.method.profile == "cus_known"
    assert setup.method.token.startswith("cus_known/pm_")


def test_what_was_kept_with_a_payment_is_charged_without_the_customer(
    stripe_fake: StripeFake, gateway: Gateway
) -> None:
    step = opened(gateway.begin_payment(payment(keep=True), key="k1"))
    stripe_fake.press(step.url, "pay", "debit")
    sent_off = gateway.lookup(theirs=step.theirs)
    assert sent_off
    assert sent_off.outcome is Outcome.PROCESSING
    setup = gateway.lookup_setup(theirs=sent_off.setup)
    assert setup
    assert setup.method
    assert setup.method.mandate
    asked = order(setup.method.token, ours="o2", kind=MethodKind.BANK_DEBIT, initiator=Initiator.RECURRING,
                  return_url=None, mandate=setup.method.mandate)  # fmt: skip
    assert gateway.charge(asked, key="k2").outcome is Outcome.PROCESSING
    (confirmed,) = [given for _, path, given in stripe_fake.asked if path.endswith("/confirm")]
    assert confirmed["off_session"] == "true"
    assert confirmed["mandate"] == setup.method.mandate


def test_approval_wanted_while_nobody_is_there_is_a_refusal_that_says_so(
    rehearsal: StripeRehearsal, gateway: Gateway
) -> None:
    asked = order(rehearsal.token("secure"), initiator=Initiator.RECURRING, return_url=None)
    refused = gateway.charge(asked, key="k1")
    assert refused.outcome is Outcome.DECLINED
    assert refused.decline
    assert (refused.decline.code, refused.decline.tell) == ("not_approved", True)


def test_an_unconfirmed_charge_can_be_closed(stripe_fake: StripeFake, rehearsal: StripeRehearsal) -> None:
    rehearsal.trouble("drop_before")
    lost = rehearsal.gateway.charge(order(rehearsal.token("visa")), key="k1")
    assert lost.theirs
    assert rehearsal.gateway.cancel(lost.theirs, key="k2").outcome is Outcome.CANCELLED
    assert stripe_fake.captured("o1") == 0


def test_a_replay_after_it_was_closed_takes_nothing(stripe_fake: StripeFake, rehearsal: StripeRehearsal) -> None:
    asked = order(rehearsal.token("visa"))
    rehearsal.trouble("drop_before")
    lost = rehearsal.gateway.charge(asked, key="k1")
    rehearsal.gateway.cancel(lost.theirs or "", key="k2")
    assert rehearsal.gateway.charge(asked, key="k1").outcome is Outcome.CANCELLED
    assert stripe_fake.captured("o1") == 0


# Looking up


@pytest.mark.parametrize("lag", [0, 60])
@pytest.mark.parametrize("has_search", [True, False])
def test_a_charge_is_found_by_ours_however_the_search_lags(
    stripe_fake: StripeFake, rehearsal: StripeRehearsal, gateway: Gateway, has_search: bool, lag: int
) -> None:
    stripe_fake.search_lag, stripe_fake.has_search = lag, has_search
    paid = gateway.charge(order(rehearsal.token("visa")), key="k1")
    assert gateway.lookup(ours="o1") == paid


def test_an_old_charge_is_left_to_the_search(
    stripe_fake: StripeFake, rehearsal: StripeRehearsal, gateway: Gateway
) -> None:
    gateway.charge(order(rehearsal.token("visa")), key="k1")
    for number in range(301):
        stripe_fake._intent(1200, "eur", {"ours": f"other{number}"})
    assert gateway.lookup(ours="o1") is None
    stripe_fake.search_lag = 0
    found = gateway.lookup(ours="o1")
    assert found
    assert found.outcome is Outcome.SUCCEEDED


def test_what_was_refused_on_an_open_page_is_not_refused(stripe_fake: StripeFake, gateway: Gateway) -> None:
    step = opened(gateway.begin_payment(payment(), key="k1"))
    stripe_fake.press(step.url, "pay", "no_funds")
    (intent,) = stripe_fake.intents
    for found in (gateway.lookup(theirs=intent), gateway.lookup(ours="o1"), gateway.lookup(theirs=step.theirs)):
        assert found
        assert (found.outcome, found.theirs, found.ours) == (Outcome.ACTION_REQUIRED, step.theirs, "o1")
        assert found.raw["decline_code"] == "insufficient_funds"


def test_a_refused_intent_whose_page_is_not_listed_yet_is_unknown(stripe_fake: StripeFake, gateway: Gateway) -> None:
    step = opened(gateway.begin_payment(payment(), key="k1"))
    stripe_fake.press(step.url, "pay", "no_funds")
    (intent,) = stripe_fake.intents
    stripe_fake.sessions.clear()
    found = gateway.lookup(theirs=intent)
    assert found
    assert found.outcome is Outcome.UNKNOWN


def test_a_payment_on_a_page_is_refunded_by_the_pages_reference(stripe_fake: StripeFake, gateway: Gateway) -> None:
    step = opened(gateway.begin_payment(payment(), key="k1"))
    stripe_fake.press(step.url, "pay", "visa")
    assert gateway.refund(RefundRequest("r1", step.theirs, 1200, "EUR"), key="k2").outcome is Outcome.SUCCEEDED


def test_a_setup_is_found_by_ours_and_by_its_intent(stripe_fake: StripeFake, gateway: Gateway) -> None:
    step = opened(gateway.begin_setup(SetupRequest("s1", ADA, "EUR", BACK), key="k1"))
    stripe_fake.press(step.url, "pay", "visa")
    (intent,) = stripe_fake.setup_intents
    for found in (gateway.lookup_setup(ours="s1"), gateway.lookup_setup(theirs=intent)):
        assert found
        assert found.state is SetupState.STORED


# Amounts


def test_every_currency_is_one_we_count(gateway: Gateway) -> None:
    for code in (*LEAST, *OTHERS):
        assert code in EXPONENTS
        least = LEAST.get(code, step(code))
        assert received(sent(least, code), code.lower()) == (least, code)
        assert sent(most(code), code) <= 99_999_999


@pytest.mark.parametrize(
    ("amount", "currency", "theirs"),
    [
        (1234, "EUR", 1234),
        (500, "JPY", 500),
        (500, "ISK", 50000),
        (500, "UGX", 50000),
        (12300, "MGA", 123),
        (5120, "KWD", 5120),
        (1045, "HUF", 1045),
        (1050, "TWD", 1050),
    ],
)
def test_amounts_are_sent_as_stripe_counts_them(amount: int, currency: str, theirs: int) -> None:
    assert sent(amount, currency) == theirs
    assert received(theirs, currency.lower()) == (amount, currency)


@pytest.mark.parametrize(("amount", "currency"), [(12345, "MGA"), (5124, "KWD"), (100, "XXX")])
def test_an_amount_that_cannot_be_said_is_never_sent(
    stripe_fake: StripeFake, rehearsal: StripeRehearsal, gateway: Gateway, amount: int, currency: str
) -> None:
    for answer in (
        gateway.charge(order(rehearsal.token("visa"), amount=amount, currency=currency), key="k1"),
        gateway.begin_payment(payment(amount=amount, currency=currency), key="k2"),
    ):
        assert isinstance(answer, Attempt)
        assert answer.outcome is Outcome.NOT_SUBMITTED
        assert answer.our_fault
    assert stripe_fake.asked == []


def test_a_fraction_of_our_least_unit_is_never_rounded() -> None:
    with pytest.raises(ValueError):
        received(50050, "isk")


def test_a_fee_in_another_currency_is_for_staff_only() -> None:
    paid = answers.payment(
        {"object": "payment_intent", "id": "pi_1", "status": "succeeded", "amount": 1200, "amount_received": 1200,
         "currency": "eur", "metadata": {"ours": "o1"},
         "latest_charge": {"balance_transaction": {"fee": 55, "currency": "usd"}}}
    )  # fmt: skip
    assert paid.fee is None
    assert (paid.raw["fee"], paid.raw["fee_currency"]) == (55, "usd")


# Refusals


@pytest.mark.parametrize(
    ("error", "code", "severity", "days", "tell"),
    [
        ({"decline_code": "insufficient_funds"}, "insufficient_funds", Severity.SOFT, 3, True),
        ({"decline_code": "insufficient_funds", "network_advice_code": "28"}, "insufficient_funds", Severity.SOFT, 6,
         True),
        ({"decline_code": "generic_decline"}, "refused", Severity.SOFT, None, False),
        ({"decline_code": "generic_decline", "advice_code": "do_not_try_again"}, "refused", Severity.HARD, None, False),
        ({"decline_code": "do_not_honor", "network_decline_code": "R1"}, "refused", Severity.HARD, None, False),
        ({"decline_code": "never_seen"}, "refused", Severity.HARD, None, False),
        ({"decline_code": "never_seen", "advice_code": "try_again_later"}, "refused", Severity.SOFT, None, False),
        ({"decline_code": "fraudulent", "advice_code": "try_again_later"}, "lost_or_stolen", Severity.HARD, None,
         False),
        ({"decline_code": "pickup_card"}, "lost_or_stolen", Severity.HARD, None, False),
        ({"code": "expired_card"}, "expired", Severity.HARD, None, True),
        ({"code": "debit_not_authorized"}, "not_authorised", Severity.HARD, None, True),
        (None, "refused", Severity.HARD, None, False),
    ],
)  # fmt: skip
def test_refusals_are_translated(
    error: dict[str, str] | None, code: str, severity: Severity, days: int | None, tell: bool
) -> None:
    found = decline(error)
    assert (found.code, found.severity, found.retry_after_days, found.tell) == (code, severity, days, tell)


def test_a_locked_object_is_unknown_since_an_earlier_request_of_ours_may_hold_it() -> None:
    body = {"error": {"type": "invalid_request_error", "code": "lock_timeout"}}
    locked = stripe.RateLimitError("busy", None, 429, body, {})  # type: ignore[no-untyped-call]
    assert answers.refusal(locked, "o1").outcome is Outcome.UNKNOWN


def test_a_key_at_work_is_unknown_and_not_our_fault(
    stripe_fake: StripeFake, rehearsal: StripeRehearsal, gateway: Gateway
) -> None:
    asked = order(rehearsal.token("visa"))
    stripe_fake.keys["k1-create"] = None
    answer = gateway.charge(asked, key="k1")
    assert (answer.outcome, answer.our_fault) == (Outcome.UNKNOWN, False)


@pytest.mark.parametrize(
    "changed", [{"status": "weird"}, {"amount": None}, {"currency": "xxx"}, {"status": "requires_confirmation"}]
)
def test_an_intent_that_says_nothing_clear_is_unknown(changed: dict[str, Any]) -> None:
    intent = {"object": "payment_intent", "id": "pi_1", "status": "succeeded", "amount": 1200, "amount_received": 1200,
              "currency": "eur", **changed, **({"amount_received": None} if "amount" in changed else {})}  # fmt: skip
    assert answers.payment(intent).outcome is Outcome.UNKNOWN


# Events


def body(kind: str, item: dict[str, Any], **changed: Any) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "created": int(time.time()), "livemode": False,
                       "data": {"object": item}, **changed}).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "item", "expected"),
    [
        ("checkout.session.completed", {"id": "cs_1", "mode": "setup", "metadata": {"ours": "s1"}},
         (EventKind.SETUP, "cs_1", "s1")),
        ("checkout.session.expired", {"id": "cs_1", "mode": "payment", "metadata": {"ours": "o1"}},
         (EventKind.PAYMENT, "cs_1", "o1")),
        ("refund.created", {"id": "re_1", "payment_intent": "pi_1", "metadata": {"ours": "r1"}},
         (EventKind.REFUND, "re_1", "r1")),
        ("refund.created", {"id": "re_1", "payment_intent": "pi_1", "metadata": {}}, (EventKind.REFUND, "pi_1", None)),
        ("charge.dispute.created", {"id": "du_1", "payment_intent": "pi_1", "charge": "ch_1", "reason": "fraudulent"},
         (EventKind.DISPUTE, "pi_1", None)),
        ("charge.dispute.created", {"id": "du_1", "payment_intent": "pi_1", "charge": "py_1", "reason": "general"},
         (EventKind.RETURN, "pi_1", None)),
        ("payment_method.automatically_updated", {"id": "pm_1", "customer": "cus_1"},
         (EventKind.METHOD, "cus_1/pm_1", None)),
        ("mandate.updated", {"id": "mandate_1"}, (EventKind.METHOD, "mandate_1", None)),
        ("payout.paid", {"id": "po_1"}, (EventKind.PAYOUT, "po_1", None)),
        ("charge.refunded", {"id": "ch_1", "metadata": {"ours": "o1"}}, (EventKind.OTHER, None, None)),
    ],
)  # fmt: skip
def test_events_say_what_they_are_about(
    rehearsal: StripeRehearsal, gateway: Gateway, kind: str, item: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    told = body(kind, item)
    (event,) = gateway.events(told, rehearsal.signed(told))
    assert (event.kind, event.theirs, event.ours) == expected
    assert event.account == ACCOUNT
    assert dict(event.raw) == {"type": kind}


def test_a_detached_method_is_named_by_the_token_it_had(rehearsal: StripeRehearsal, gateway: Gateway) -> None:
    data = {"object": {"id": "pm_1", "customer": None}, "previous_attributes": {"customer": "cus_1"}}
    told = body("payment_method.detached", {}, data=data)
    (event,) = gateway.events(told, rehearsal.signed(told))
    assert event.theirs == "cus_1/pm_1"


def test_a_webhook_from_the_future_is_refused(rehearsal: StripeRehearsal, gateway: Gateway) -> None:
    told = body("payout.paid", {"id": "po_1"})
    with pytest.raises(BadSignature):
        gateway.events(told, rehearsal.signed(told, age=-301))
    assert gateway.events(told, rehearsal.signed(told, age=-200))


def test_no_list_of_events_asks_for_more_kinds_than_stripe_takes() -> None:
    assert len(answers.EVENTS) == len(set(answers.EVENTS)) <= 20


def read(gateway: Gateway, since: str | None) -> tuple[list[str], str | None]:
    found: list[str] = []
    while True:
        page = gateway.changes(since)
        found += [event.id for event in page.items]
        since = page.next
        if not page.more:
            return found, since


def test_changes_are_read_over_many_pages_and_none_is_missed(stripe_fake: StripeFake, gateway: Gateway) -> None:
    def pay_out(times: int) -> list[str]:
        before = len(stripe_fake.events)
        for _ in range(times):
            stripe_fake._emit("payout.paid", {"id": stripe_fake._id("po")})
        return [event["id"] for event in stripe_fake.events[before:]]

    first = pay_out(250)
    found, since = read(gateway, None)
    assert sorted(found) == first
    second = pay_out(220)
    found, since = read(gateway, since)
    assert found == second
    assert read(gateway, since)[0] == []


def test_an_hour_later_the_day_before_is_read_again(
    stripe_fake: StripeFake, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripe_fake._emit("payout.paid", {"id": "po_1"})
    (seen,), since = read(gateway, None)
    stripe_fake._emit("payout.paid", {"id": "po_2"})
    late = stripe_fake.events.pop()
    stripe_fake.events.insert(0, late)  # listed late, below what was read
    assert read(gateway, since)[0] == []
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + 3600)
    found, since = read(gateway, since)
    assert sorted(found) == sorted([seen, late["id"]])
    assert read(gateway, since)[0] == []


def test_where_the_newest_event_read_is_forgotten_the_day_before_it_is_read_again(
    stripe_fake: StripeFake, gateway: Gateway
) -> None:
    stripe_fake._emit("payout.paid", {"id": "po_1"})
    _, since = read(gateway, None)
    stripe_fake.events.clear()
    stripe_fake._emit("payout.paid", {"id": "po_2"})
    assert len(read(gateway, since)[0]) == 1


@pytest.mark.parametrize("since", ["7", "at x y z", "down 1 2", "down a b c d e", "at evt_1 now then"])
def test_a_position_that_cannot_be_read_starts_over(stripe_fake: StripeFake, gateway: Gateway, since: str) -> None:
    stripe_fake._emit("payout.paid", {"id": "po_1"})
    assert len(read(gateway, since)[0]) == 1
