"""What every adapter must do alike. One suite, run over each provider named in conftest.py."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, cast

import pytest

from gateways.contract import (
    Attempt,
    BadSignature,
    ChargeRequest,
    ClientStep,
    Event,
    EventKind,
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
from tests.gateways.rehearsals import DebitsOnly, Rehearsal

BACK = "http://127.0.0.1:8000/payments/P-1"
ADA = Payer("acme", "Acme Ltd", "ada@acme.example")


def new() -> str:
    return token_hex(8)


def payment(**changes: Any) -> PaymentRequest:
    return PaymentRequest(**{"ours": new(), "amount": 1200, "currency": "EUR", "payer": ADA,
                             "description": "Invoice 2026-0142", "return_url": BACK, **changes})  # fmt: skip


def order(rehearsal: Rehearsal, instrument: str, **changes: Any) -> ChargeRequest:
    debit = instrument.startswith("debit") or not takes_cards(rehearsal)
    kind = MethodKind.BANK_DEBIT if debit else MethodKind.CARD
    return ChargeRequest(**{"ours": new(), "amount": 1200, "currency": "EUR", "token": rehearsal.token(instrument),
                            "kind": kind, "initiator": Initiator.CUSTOMER, "description": "Invoice 2026-0142",
                            "payer": ADA, "return_url": BACK, **changes})  # fmt: skip


def charged(rehearsal: Rehearsal, instrument: str, **changes: Any) -> Attempt:
    return rehearsal.gateway.charge(order(rehearsal, instrument, **changes), key=new())


def opened(rehearsal: Rehearsal, **changes: Any) -> ClientStep:
    step = rehearsal.gateway.begin_payment(payment(**changes), key=new())
    assert isinstance(step, ClientStep)
    return step


def known(rehearsal: Rehearsal, theirs: str | None) -> Attempt:
    attempt = rehearsal.gateway.lookup(theirs=theirs)
    assert attempt
    return attempt


# What holds for cards and bank debits alike is rehearsed with what a provider takes; what it says it cannot do is left
# out by name, and `test_what_it_takes_is_what_it_is_known_to_take` keeps that from growing.


def takes_cards(rehearsal: Rehearsal) -> bool:
    return rehearsal.gateway.capabilities().of(MethodKind.CARD, "EUR") is not None


def needs_cards(rehearsal: Rehearsal) -> None:
    if not takes_cards(rehearsal):
        pytest.skip(f"not applicable: {rehearsal.gateway.provider} says it takes no cards")


def good(rehearsal: Rehearsal) -> str:
    """An instrument whose charge is accepted."""
    return "visa" if takes_cards(rehearsal) else "debit_waits"


def at_once(rehearsal: Rehearsal) -> Outcome:
    """What a charge of a good instrument is told to be."""
    return Outcome.SUCCEEDED if takes_cards(rehearsal) else Outcome.PROCESSING


def standing(rehearsal: Rehearsal, ours: str) -> int:
    """How many charges of ours there are that took money, or will."""
    return rehearsal.captured(ours) if takes_cards(rehearsal) else cast(DebitsOnly, rehearsal).standing(ours)


def arrived(rehearsal: Rehearsal) -> Attempt:
    """A payment of 1200 that the money has arrived of."""
    paid = charged(rehearsal, good(rehearsal))
    assert paid.theirs
    if paid.outcome is Outcome.PROCESSING:
        rehearsal.settle(paid.theirs)
    return known(rehearsal, paid.theirs)


# What it can do


KINDS = {
    "sandbox": set(MethodKind),
    "stripe": set(MethodKind),
    "gocardless": {MethodKind.BANK_DEBIT},
}


def test_what_it_takes_is_what_it_is_known_to_take(rehearsal: Rehearsal) -> None:
    said = {can.kind for can in rehearsal.gateway.capabilities().items if can.currency == "EUR"}
    assert said == KINDS[rehearsal.gateway.provider]


@pytest.mark.parametrize("currency", ["EUR", "GBP", "USD", "CHF", "JPY"])
def test_capabilities_name_limits_that_can_be_kept(rehearsal: Rehearsal, currency: str) -> None:
    able = [rehearsal.gateway.capabilities().of(kind, currency) for kind in MethodKind]
    assert any(able) or currency not in ("EUR", "GBP", "USD")
    for can in filter(None, able):  # what it cannot do it does not name
        assert 0 < can.step <= can.minimum < can.maximum
        assert can.key_window >= 3600
        assert can.notice_by in ("merchant", "provider")


def test_a_currency_it_does_not_know_has_no_capability(rehearsal: Rehearsal) -> None:
    assert rehearsal.gateway.capabilities().of(MethodKind.CARD, "XXX") is None


# Storing a method


def test_a_method_is_stored_on_the_providers_page(rehearsal: Rehearsal) -> None:
    ours = new()
    step = rehearsal.gateway.begin_setup(SetupRequest(ours, ADA, "EUR", BACK), key=new())
    assert isinstance(step, ClientStep)
    before = rehearsal.gateway.lookup_setup(ours=ours)
    assert before
    assert before.state is SetupState.OPEN
    assert before.method is None
    assert before.client_step
    assert before.client_step.url == step.url

    rehearsal.press(step.url, "pay", good(rehearsal))

    after = rehearsal.gateway.lookup_setup(theirs=step.theirs)
    assert after
    assert after.state is SetupState.STORED
    assert after.ours == ours
    assert after.method
    assert after.method.brand
    assert after.method.last4.isdigit()
    if takes_cards(rehearsal):
        assert (after.method.kind, after.method.brand, after.method.last4) == (MethodKind.CARD, "Visa", "4242")
        assert after.method.expires_year
        assert after.method.expires_month
    paid = charged(rehearsal, good(rehearsal), token=after.method.token)
    assert paid.outcome is at_once(rehearsal)


def test_a_bank_account_is_stored_with_its_mandate(rehearsal: Rehearsal) -> None:
    step = rehearsal.gateway.begin_setup(SetupRequest(new(), ADA, "EUR", BACK), key=new())
    assert isinstance(step, ClientStep)
    rehearsal.press(step.url, "pay", "debit")
    setup = rehearsal.gateway.lookup_setup(theirs=step.theirs)
    assert setup
    assert setup.method
    assert setup.method.kind is MethodKind.BANK_DEBIT
    assert setup.method.mandate


def test_a_card_that_cannot_be_stored_is_refused(rehearsal: Rehearsal) -> None:
    needs_cards(rehearsal)
    step = rehearsal.gateway.begin_setup(SetupRequest(new(), ADA, "EUR", BACK), key=new())
    assert isinstance(step, ClientStep)
    rehearsal.press(step.url, "pay", "refused")
    setup = rehearsal.gateway.lookup_setup(theirs=step.theirs)
    assert setup
    assert setup.method is None
    if rehearsal.page_is_final:
        assert setup.state is SetupState.REFUSED
        assert setup.decline
    else:
        assert setup.state is SetupState.OPEN


def test_a_setup_the_customer_left_stores_nothing(rehearsal: Rehearsal) -> None:
    step = rehearsal.gateway.begin_setup(SetupRequest(new(), ADA, "EUR", BACK), key=new())
    assert isinstance(step, ClientStep)
    assert rehearsal.gateway.cancel(step.theirs, key=new()).outcome is Outcome.CANCELLED
    setup = rehearsal.gateway.lookup_setup(theirs=step.theirs)
    assert setup
    assert setup.state is SetupState.EXPIRED


def test_a_payment_may_keep_its_method(rehearsal: Rehearsal) -> None:
    step = opened(rehearsal, keep=True)
    rehearsal.press(step.url, "pay", good(rehearsal))
    paid = known(rehearsal, step.theirs)
    assert paid.outcome is at_once(rehearsal)
    assert paid.setup
    setup = rehearsal.gateway.lookup_setup(theirs=paid.setup)
    assert setup
    assert setup.state is SetupState.STORED
    assert setup.method


def test_a_payment_that_was_not_to_keep_its_method_does_not(rehearsal: Rehearsal) -> None:
    step = opened(rehearsal)
    rehearsal.press(step.url, "pay", good(rehearsal))
    assert known(rehearsal, step.theirs).setup is None


def test_a_detached_method_is_never_charged_again(rehearsal: Rehearsal) -> None:
    token = rehearsal.token(good(rehearsal))
    rehearsal.gateway.detach(token, key=new())
    rehearsal.gateway.detach(token, key=new())
    refused = charged(rehearsal, good(rehearsal), token=token)
    assert refused.outcome is Outcome.DECLINED
    assert refused.decline
    assert refused.decline.severity is Severity.HARD


def test_detaching_says_when_it_did_not_get_through(rehearsal: Rehearsal) -> None:
    with pytest.raises(Unreachable):
        rehearsal.nowhere().detach("any", key=new())


# Charging


def test_a_good_card_is_charged_once_and_its_fee_known(rehearsal: Rehearsal) -> None:
    needs_cards(rehearsal)
    asked = order(rehearsal, "visa", amount=124_000)
    paid = rehearsal.gateway.charge(asked, key=new())
    assert (paid.outcome, paid.amount, paid.currency, paid.ours) == (Outcome.SUCCEEDED, 124_000, "EUR", asked.ours)
    assert paid.theirs
    assert paid.fee
    assert 0 < paid.fee < 124_000
    assert paid.decline is None
    assert rehearsal.captured(asked.ours) == 1


def test_what_is_kept_for_staff_names_no_token_and_no_customer(rehearsal: Rehearsal) -> None:
    asked = order(rehearsal, good(rehearsal))
    raw = json.dumps(dict(rehearsal.gateway.charge(asked, key=new()).raw))
    assert asked.token not in raw
    assert "Acme" not in raw
    assert "ada@" not in raw


@pytest.mark.parametrize(
    ("instrument", "code", "severity", "tell"),
    [
        ("no_funds", "insufficient_funds", Severity.SOFT, True),
        ("expired", "expired", Severity.HARD, True),
        ("stolen", "lost_or_stolen", Severity.HARD, False),
    ],
)
def test_a_decline_is_a_definite_no(
    rehearsal: Rehearsal, instrument: str, code: str, severity: Severity, tell: bool
) -> None:
    needs_cards(rehearsal)
    asked = order(rehearsal, instrument)
    refused = rehearsal.gateway.charge(asked, key=new())
    assert refused.outcome is Outcome.DECLINED
    assert refused.decline
    assert (refused.decline.code, refused.decline.severity, refused.decline.tell) == (code, severity, tell)
    assert rehearsal.captured(asked.ours) == 0
    assert known(rehearsal, refused.theirs).outcome is Outcome.DECLINED


@pytest.mark.parametrize("instrument", ["visa", "no_funds", "debit_waits"])
def test_the_page_says_the_same_as_a_charge(rehearsal: Rehearsal, instrument: str) -> None:
    if not instrument.startswith("debit"):
        needs_cards(rehearsal)
    step = opened(rehearsal)
    assert known(rehearsal, step.theirs).outcome is Outcome.ACTION_REQUIRED
    rehearsal.press(step.url, "pay", instrument)
    same = charged(rehearsal, instrument).outcome
    if same is Outcome.DECLINED and not rehearsal.page_is_final:
        assert known(rehearsal, step.theirs).outcome is Outcome.ACTION_REQUIRED
        rehearsal.press(step.url, "pay", "visa")
        same = Outcome.SUCCEEDED
    assert known(rehearsal, step.theirs).outcome is same


@pytest.mark.parametrize(("press", "outcome"), [("approve", Outcome.SUCCEEDED), ("refuse", Outcome.DECLINED)])
def test_three_d_secure_asks_the_customer_first(rehearsal: Rehearsal, press: str, outcome: Outcome) -> None:
    needs_cards(rehearsal)
    asked = order(rehearsal, "secure")
    waiting = rehearsal.gateway.charge(asked, key=new())
    assert waiting.outcome is Outcome.ACTION_REQUIRED
    assert waiting.client_step
    assert rehearsal.captured(asked.ours) == 0
    rehearsal.press(waiting.client_step.url, press, "secure")
    assert known(rehearsal, waiting.theirs).outcome is outcome
    assert rehearsal.captured(asked.ours) == (outcome is Outcome.SUCCEEDED)


def test_three_d_secure_on_the_page_is_a_step_of_its_own(rehearsal: Rehearsal) -> None:
    needs_cards(rehearsal)
    step = opened(rehearsal)
    rehearsal.press(step.url, "pay", "secure")
    assert known(rehearsal, step.theirs).outcome is Outcome.ACTION_REQUIRED
    rehearsal.press(step.url, "approve", "secure")
    assert known(rehearsal, step.theirs).outcome is Outcome.SUCCEEDED


def test_a_debit_settles_later(rehearsal: Rehearsal) -> None:
    asked = order(rehearsal, "debit_waits")
    sent = rehearsal.gateway.charge(asked, key=new())
    assert sent.outcome is Outcome.PROCESSING
    assert sent.theirs
    assert sent.fee is None
    assert rehearsal.captured(asked.ours) == 0
    rehearsal.settle(sent.theirs)
    became = known(rehearsal, sent.theirs)
    assert became.outcome is Outcome.SUCCEEDED
    able = rehearsal.gateway.capabilities().of(MethodKind.BANK_DEBIT, "EUR")
    assert able
    assert bool(became.fee) == able.tells_fee
    assert became.amount == 1200


def test_a_debit_that_comes_back_before_it_arrived_is_declined(rehearsal: Rehearsal) -> None:
    sent = charged(rehearsal, "debit_waits")
    assert sent.theirs
    rehearsal.fail(sent.theirs)
    back = known(rehearsal, sent.theirs)
    assert back.outcome is Outcome.DECLINED
    assert back.decline
    assert back.decline.severity is Severity.SOFT


def test_a_debit_returned_after_settling_is_told_as_a_return(rehearsal: Rehearsal) -> None:
    sent = charged(rehearsal, "debit_waits")
    assert sent.theirs
    rehearsal.settle(sent.theirs)
    rehearsal.give_back(sent.theirs)
    assert EventKind.RETURN in [event.kind for event in changes(rehearsal) if event.theirs == sent.theirs]
    assert known(rehearsal, sent.theirs).outcome is Outcome.SUCCEEDED  # the capture happened; the return is another row


# Refunds


def test_a_payment_is_refunded_in_parts_and_never_beyond(rehearsal: Rehearsal) -> None:
    paid = arrived(rehearsal)
    assert paid.theirs

    def refund(amount: int) -> Attempt:
        assert paid.theirs
        return rehearsal.gateway.refund(RefundRequest(new(), paid.theirs, amount, "EUR"), key=new())

    first = refund(500)
    assert (first.outcome, first.amount) == (at_once(rehearsal), 500)
    assert first.theirs != paid.theirs
    beyond = refund(701)
    assert beyond.outcome is Outcome.DECLINED
    assert beyond.decline
    assert beyond.decline.code == "refund_too_large"
    assert refund(700).outcome is at_once(rehearsal)
    assert refund(1).outcome is Outcome.DECLINED


def test_a_refund_is_found_by_its_own_reference_and_ours(rehearsal: Rehearsal) -> None:
    paid = arrived(rehearsal)
    assert paid.theirs
    ours = new()
    done = rehearsal.gateway.refund(RefundRequest(ours, paid.theirs, 1200, "EUR"), key=new())
    for found in (rehearsal.gateway.lookup(theirs=done.theirs), rehearsal.gateway.lookup(ours=ours)):
        assert found
        assert (found.outcome, found.amount, found.ours) == (at_once(rehearsal), 1200, ours)


def test_a_refund_to_a_bank_account_takes_its_time(rehearsal: Rehearsal) -> None:
    sent = charged(rehearsal, "debit_waits")
    assert sent.theirs
    early = rehearsal.gateway.refund(RefundRequest(new(), sent.theirs, 100, "EUR"), key=new())
    assert early.outcome is Outcome.DECLINED
    rehearsal.settle(sent.theirs)
    refund = rehearsal.gateway.refund(RefundRequest(new(), sent.theirs, 100, "EUR"), key=new())
    assert refund.outcome is Outcome.PROCESSING
    assert refund.theirs
    rehearsal.settle(refund.theirs)
    assert known(rehearsal, refund.theirs).outcome is Outcome.SUCCEEDED
    rehearsal.fail(refund.theirs)
    assert known(rehearsal, refund.theirs).outcome is Outcome.DECLINED


# Cancelling


def test_a_cancelled_page_takes_no_money(rehearsal: Rehearsal) -> None:
    step = opened(rehearsal)
    assert rehearsal.gateway.cancel(step.theirs, key=new()).outcome is Outcome.CANCELLED
    rehearsal.press(step.url, "pay", good(rehearsal))
    assert known(rehearsal, step.theirs).outcome is Outcome.CANCELLED


def test_cancelling_a_page_that_was_paid_says_so(rehearsal: Rehearsal) -> None:
    step = opened(rehearsal)
    rehearsal.press(step.url, "pay", good(rehearsal))
    became = rehearsal.gateway.cancel(step.theirs, key=new())
    assert (became.outcome, became.amount, became.theirs) == (at_once(rehearsal), 1200, step.theirs)


def test_the_customer_may_cancel_on_the_page(rehearsal: Rehearsal) -> None:
    step = opened(rehearsal)
    rehearsal.press(step.url, "cancel", good(rehearsal))
    if not rehearsal.page_is_final:
        assert known(rehearsal, step.theirs).outcome is Outcome.ACTION_REQUIRED
        rehearsal.gateway.cancel(step.theirs, key=new())
    assert known(rehearsal, step.theirs).outcome is Outcome.CANCELLED


# Idempotency


def test_the_same_key_and_order_get_the_same_answer_and_one_charge(rehearsal: Rehearsal) -> None:
    asked, key = order(rehearsal, good(rehearsal)), new()
    assert rehearsal.gateway.charge(asked, key=key) == rehearsal.gateway.charge(asked, key=key)
    assert standing(rehearsal, asked.ours) == 1


def test_the_same_key_opens_one_page(rehearsal: Rehearsal) -> None:
    asked, key = payment(), new()
    assert rehearsal.gateway.begin_payment(asked, key=key) == rehearsal.gateway.begin_payment(asked, key=key)


def test_the_same_key_with_another_order_charges_nothing_and_is_our_fault(rehearsal: Rehearsal) -> None:
    key = new()
    assert rehearsal.gateway.charge(order(rehearsal, good(rehearsal)), key=key).outcome is at_once(rehearsal)
    other = order(rehearsal, good(rehearsal), amount=1300)
    answer = rehearsal.gateway.charge(other, key=key)
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.our_fault
    assert standing(rehearsal, other.ours) == 0


def test_eight_at_once_with_one_key_charge_once(rehearsal: Rehearsal) -> None:
    asked, key = order(rehearsal, "slow" if takes_cards(rehearsal) else good(rehearsal)), new()
    found: list[Attempt] = []
    threads = [threading.Thread(target=lambda: found.append(rehearsal.gateway.charge(asked, key=key)))
               for _ in range(8)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {attempt.outcome for attempt in found} <= {at_once(rehearsal), Outcome.UNKNOWN}
    assert standing(rehearsal, asked.ours) == 1
    assert rehearsal.gateway.charge(asked, key=key).outcome is at_once(rehearsal)


# What goes wrong on the wire


def test_a_silent_provider_is_unknown_until_it_is_asked(rehearsal: Rehearsal) -> None:
    asked, key = order(rehearsal, "timeout"), new()
    answer = rehearsal.impatient().charge(asked, key=key)
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.ours == asked.ours
    found = rehearsal.gateway.lookup(ours=asked.ours)
    assert found
    assert (found.outcome, found.amount) == (at_once(rehearsal), 1200)
    assert standing(rehearsal, asked.ours) == 1


@pytest.mark.parametrize(
    ("trouble", "outcome", "taken"),
    [
        ("drop_before", Outcome.UNKNOWN, 0),
        ("drop_after", Outcome.UNKNOWN, 1),
        ("error_before", Outcome.UNKNOWN, 0),
        ("error_after", Outcome.UNKNOWN, 1),
        ("busy", Outcome.NOT_SUBMITTED, 0),
    ],
)
def test_only_what_is_proven_is_said(rehearsal: Rehearsal, trouble: str, outcome: Outcome, taken: int) -> None:
    asked = order(rehearsal, good(rehearsal))
    rehearsal.trouble(trouble)
    answer = rehearsal.gateway.charge(asked, key=new())
    assert answer.outcome is outcome
    assert not answer.our_fault
    assert standing(rehearsal, asked.ours) == taken
    found = rehearsal.gateway.lookup(ours=asked.ours)
    assert (found is not None and found.outcome is at_once(rehearsal)) == bool(taken)


def test_a_replay_after_a_lost_answer_charges_once(rehearsal: Rehearsal) -> None:
    asked, key = order(rehearsal, good(rehearsal)), new()
    rehearsal.trouble("drop_after")
    assert rehearsal.gateway.charge(asked, key=key).outcome is Outcome.UNKNOWN
    assert rehearsal.gateway.charge(asked, key=key).outcome is at_once(rehearsal)
    assert standing(rehearsal, asked.ours) == 1


def test_a_replay_after_an_error_is_never_a_no_and_charges_once(rehearsal: Rehearsal) -> None:
    asked, key = order(rehearsal, good(rehearsal)), new()
    rehearsal.trouble("error_after")
    assert rehearsal.gateway.charge(asked, key=key).outcome is Outcome.UNKNOWN
    again = rehearsal.gateway.charge(asked, key=key)  # the error is kept under the key, or what was made is found
    assert again.outcome is (Outcome.UNKNOWN if rehearsal.keeps_errors else at_once(rehearsal))
    assert standing(rehearsal, asked.ours) == 1


def test_nobody_listening_means_nothing_was_submitted(rehearsal: Rehearsal) -> None:
    gateway = rehearsal.nowhere()
    answer = gateway.charge(order(rehearsal, good(rehearsal)), key=new())
    assert answer.outcome is Outcome.NOT_SUBMITTED
    assert not answer.our_fault
    begun = gateway.begin_payment(payment(), key=new())
    assert isinstance(begun, Attempt)
    assert begun.outcome is Outcome.NOT_SUBMITTED
    asked = gateway.lookup(ours=new())
    assert asked
    assert asked.outcome is Outcome.UNKNOWN
    assert gateway.lookup_setup(ours=new()) is None
    assert gateway.changes("7").next == "7"
    assert not gateway.changes("7").items


def test_wrong_keys_are_our_fault_and_never_a_decline(rehearsal: Rehearsal) -> None:
    gateway = rehearsal.wrong_keys()
    answer = gateway.charge(order(rehearsal, good(rehearsal)), key=new())
    assert answer.outcome is Outcome.NOT_SUBMITTED
    assert answer.our_fault
    asked = gateway.lookup(ours=new())
    assert asked
    assert asked.outcome is Outcome.UNKNOWN
    assert asked.our_fault


def test_an_order_that_makes_no_sense_is_our_fault(rehearsal: Rehearsal) -> None:
    answer = rehearsal.gateway.charge(order(rehearsal, good(rehearsal), amount=0), key=new())
    assert answer.outcome is Outcome.NOT_SUBMITTED
    assert answer.our_fault


# Looking up


def test_what_the_provider_never_heard_of_is_not_found(rehearsal: Rehearsal) -> None:
    assert rehearsal.gateway.lookup(ours=new()) is None
    assert rehearsal.gateway.lookup(theirs="pay_" + new()) is None
    assert rehearsal.gateway.lookup_setup(theirs="set_" + new()) is None


def test_of_two_tries_the_one_that_took_money_is_found(rehearsal: Rehearsal) -> None:
    ours = new()
    paid = charged(rehearsal, good(rehearsal), ours=ours)
    if takes_cards(rehearsal):
        charged(rehearsal, "no_funds", ours=ours)
    elif came_back := charged(rehearsal, good(rehearsal), ours=ours).theirs:
        rehearsal.fail(came_back)
    found = rehearsal.gateway.lookup(ours=ours)
    assert found
    assert (found.outcome, found.theirs) == (at_once(rehearsal), paid.theirs)


def test_asking_for_nothing_is_a_mistake_in_our_code(rehearsal: Rehearsal) -> None:
    with pytest.raises(ValueError):
        rehearsal.gateway.lookup()


# Events


def changes(rehearsal: Rehearsal, since: str | None = None) -> list[Any]:
    found: list[Any] = []
    while True:
        page = rehearsal.gateway.changes(since)
        found, since = [*found, *page.items], page.next
        if not page.more:
            return found


def test_changes_tell_everything_and_go_on_from_where_they_were(rehearsal: Rehearsal) -> None:
    def told(since: str | None) -> tuple[dict[str, Event], str | None]:
        found: dict[str, Event] = {}
        while True:
            page = rehearsal.gateway.changes(since)
            found, since = found | {event.id: event for event in page.items}, page.next
            if not page.more:
                return found, since

    before, since = told(None)
    paid = charged(rehearsal, good(rehearsal))
    after, since = told(since)
    news = [after[id] for id in after.keys() - before.keys()]
    (event,) = [event for event in news if event.theirs == paid.theirs]
    assert (event.kind, event.ours, event.live) == (EventKind.PAYMENT, paid.ours, False)
    assert abs(event.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert told(since)[0].keys() <= before.keys() | after.keys()  # what is told twice has the same id


def test_a_signed_webhook_is_believed(rehearsal: Rehearsal) -> None:
    body = rehearsal.told()
    (event,) = rehearsal.gateway.events(body, rehearsal.signed(body))
    assert (event.id, event.kind, event.theirs, event.ours) == ("evt_1", EventKind.PAYMENT, "pay_1", "o1")


def test_a_webhook_of_a_kind_we_do_not_know_is_other(rehearsal: Rehearsal) -> None:
    body = rehearsal.told(type="weather.changed", ours=None)
    (event,) = rehearsal.gateway.events(body, rehearsal.signed(body))
    assert event.kind is EventKind.OTHER


@pytest.mark.parametrize("age", [301, -301])
def test_an_old_webhook_is_refused(rehearsal: Rehearsal, age: int) -> None:
    if rehearsal.signed(rehearsal.told(), age=age) == rehearsal.signed(rehearsal.told()):
        pytest.skip(f"not applicable: {rehearsal.gateway.provider} signs no time; an event is stored once by its id")
    with pytest.raises(BadSignature):
        rehearsal.gateway.events(rehearsal.told(), rehearsal.signed(rehearsal.told(), age=age))


def test_an_altered_webhook_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(BadSignature):
        rehearsal.gateway.events(rehearsal.told(ours="o2"), rehearsal.signed(rehearsal.told()))


def test_a_webhook_signed_with_another_secret_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(BadSignature):
        rehearsal.wrong_keys().events(rehearsal.told(), rehearsal.signed(rehearsal.told()))


@pytest.mark.parametrize("changed", [{"account": "somebody else"}, {"mode": "live"}, {"created_at": "today"}])
def test_a_webhook_of_another_account_or_mode_is_refused(rehearsal: Rehearsal, changed: dict[str, str]) -> None:
    body = rehearsal.told(**changed)
    with pytest.raises(BadSignature):
        rehearsal.gateway.events(body, rehearsal.signed(body))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff\xfe", b"null"])
def test_a_webhook_that_cannot_be_read_is_refused(rehearsal: Rehearsal, body: bytes) -> None:
    with pytest.raises(BadSignature):
        rehearsal.gateway.events(body, rehearsal.signed(body))


@pytest.mark.parametrize("header", ["", "t=,v1=", "t=abc,v1=00", "v1=00", "t=1", "t=١,v1=é"])
def test_a_webhook_without_a_proper_signature_is_refused(rehearsal: Rehearsal, header: str) -> None:
    with pytest.raises(BadSignature):
        rehearsal.gateway.events(rehearsal.told(), {rehearsal.signature: header})
