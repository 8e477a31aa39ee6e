"""What is peculiar to GoCardless; what it does like every other is in test_conformance.py."""

from __future__ import annotations

import json
from dataclasses import replace
from secrets import token_hex
from typing import Any

import pytest

import gateways.gocardless as adapter
from blueprints.hooks import MOST_BYTES
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
)
from tests.gateways.gocardless_books import CREDITOR, LANDS
from tests.gateways.gocardless_fake import SECRET, TOKEN, FakeGoCardless, sign

BACK = "http://127.0.0.1:8000/payments/P-1"
ADA = Payer("acme", "Acme Ltd", "ada@acme.example")
CONFIG = {"access_token": TOKEN, "webhook_secret": SECRET, "account": CREDITOR, "live": ""}


def order(fake: FakeGoCardless, **changes: Any) -> ChargeRequest:
    asked = ChargeRequest(token_hex(8), 1200, "EUR", "", MethodKind.BANK_DEBIT, Initiator.RECURRING, "Invoice 1", ADA)
    return replace(asked, **{"token": fake.keep(), **changes})


def sent(fake: FakeGoCardless, *moves: tuple[str, str]) -> str:
    """A debit, and what became of it."""
    theirs = fake.gateway().charge(order(fake), key=token_hex(8)).theirs
    assert theirs
    for status, cause in moves:
        fake.move(theirs, status, cause)
    return theirs


def known(fake: FakeGoCardless, theirs: str) -> Attempt:
    found = fake.gateway().lookup(theirs=theirs)
    assert found
    return found


def page(fake: FakeGoCardless, **changes: Any) -> ClientStep:
    asked = PaymentRequest(token_hex(8), 1200, "EUR", ADA, "Invoice 1", BACK)
    step = fake.gateway().begin_payment(replace(asked, **changes), key=token_hex(8))
    assert isinstance(step, ClientStep)
    return step


# Settings


def test_live_and_rehearsal_have_addresses_of_their_own() -> None:
    assert adapter.connect(CONFIG).base == "https://api-sandbox.gocardless.com"
    assert adapter.connect({**CONFIG, "live": "1"}).base == "https://api.gocardless.com"


@pytest.mark.parametrize("changed", [{"access_token": ""}, {"account": ""}, {"base": "http://gocardless.example"}])
def test_settings_that_cannot_work_are_refused(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        adapter.connect({**CONFIG, **changed})


def test_no_secret_shows_when_it_is_printed(gocardless: FakeGoCardless) -> None:
    assert TOKEN not in repr(gocardless.gateway())
    assert SECRET not in repr(gocardless.gateway())
    lost = gocardless.gateway(access_token="wrong-and-secret").charge(order(gocardless), key="k1")
    assert "secret" not in json.dumps(dict(lost.raw))


def test_limits_are_those_of_a_new_account_until_they_are_raised(gocardless: FakeGoCardless) -> None:
    def most(**changes: str) -> int:
        can = gocardless.gateway(**changes).capabilities().of(MethodKind.BANK_DEBIT, "GBP")
        assert can
        return can.maximum

    assert most() == 500_000
    assert most(maximum_GBP="2000000") == 2_000_000


# Mandates and pages


@pytest.mark.parametrize(("scheme", "currency"), LANDS.items())
def test_a_mandate_of_each_scheme_is_kept_and_charged(gocardless: FakeGoCardless, scheme: str, currency: str) -> None:
    gateway = gocardless.gateway()
    step = gateway.begin_setup(SetupRequest("s1", ADA, currency, BACK), key="k1")
    assert isinstance(step, ClientStep)
    gocardless.authorise(step.url)
    setup = gateway.lookup_setup(ours="s1")
    assert setup
    assert setup.method
    assert (setup.method.kind, setup.method.last4, setup.method.mandate) == (MethodKind.BANK_DEBIT, "11", "TILL-1")
    assert gocardless.books.things["mandates"][setup.method.token]["scheme"] == scheme
    paid = gateway.charge(order(gocardless, token=setup.method.token, currency=currency), key="k2")
    assert paid.outcome is Outcome.PROCESSING
    assert paid.raw["charge_date"] == "2026-11-27"


def test_a_mandate_the_bank_turned_down_is_refused(gocardless: FakeGoCardless) -> None:
    step = gocardless.gateway().begin_setup(SetupRequest("s1", ADA, "GBP", BACK), key="k1")
    assert isinstance(step, ClientStep)
    gocardless.authorise(step.url)
    (mandate,) = gocardless.books.things["mandates"]
    gocardless.move(mandate, "failed", "invalid_bank_details")
    setup = gocardless.gateway().lookup_setup(theirs=step.theirs)
    assert setup
    assert setup.state is SetupState.REFUSED
    assert setup.method is None


@pytest.mark.parametrize("currency", LANDS.values())
def test_a_payment_on_the_page_is_made_where_the_capabilities_say_so(gocardless: FakeGoCardless, currency: str) -> None:
    can = gocardless.gateway().capabilities().of(MethodKind.BANK_DEBIT, currency)
    assert can
    asked = PaymentRequest("o1", 1200, currency, ADA, "Invoice 1", BACK)
    begun = gocardless.gateway().begin_payment(asked, key="k1")
    assert isinstance(begun, ClientStep) == can.on_page
    if isinstance(begun, Attempt):
        assert begun.outcome is Outcome.NOT_SUBMITTED
        assert begun.our_fault
        assert not gocardless.asked


def test_a_page_keeps_its_reference_when_it_has_become_a_payment(gocardless: FakeGoCardless) -> None:
    step = page(gocardless, ours="o1", keep=True)
    gocardless.authorise(step.url)
    gocardless.move(step.theirs, "confirmed")
    gateway = gocardless.gateway()
    for found in (gateway.lookup(theirs=step.theirs), gateway.lookup(ours="o1")):
        assert found
        assert (found.outcome, found.theirs, found.ours) == (Outcome.SUCCEEDED, step.theirs, "o1")
        assert found.setup == step.theirs
    back = gateway.refund(RefundRequest("r1", step.theirs, 1200, "EUR"), key="k2")
    assert back.outcome is Outcome.PROCESSING
    assert gocardless.payments("o1")[0]["amount_refunded"] == "1200"


def test_a_page_that_was_never_paid_has_nothing_to_give_back(gocardless: FakeGoCardless) -> None:
    refused = gocardless.gateway().refund(RefundRequest("r1", page(gocardless).theirs, 100, "EUR"), key="k1")
    assert refused.outcome is Outcome.DECLINED
    assert refused.decline
    assert refused.decline.code == "not_refundable"


# Debits


@pytest.mark.parametrize(
    ("cause", "code", "severity", "tell"),
    [
        ("insufficient_funds", "insufficient_funds", Severity.SOFT, True),
        ("refer_to_payer", "returned", Severity.SOFT, True),
        ("bank_account_closed", "account_closed", Severity.HARD, True),
        ("authorisation_disputed", "not_authorised", Severity.HARD, True),
        ("mandate_cancelled", "not_authorised", Severity.HARD, True),
        ("a cause of tomorrow", "refused", Severity.HARD, False),
    ],
)
def test_why_a_debit_failed_is_said_in_our_words(
    gocardless: FakeGoCardless, cause: str, code: str, severity: Severity, tell: bool
) -> None:
    failed = known(gocardless, sent(gocardless, ("submitted", ""), ("failed", cause)))
    assert failed.outcome is Outcome.DECLINED
    assert failed.decline
    assert (failed.decline.code, failed.decline.severity, failed.decline.tell) == (code, severity, tell)


@pytest.mark.parametrize("last", ["failed", "charged_back"])
def test_a_debit_that_failed_late_was_captured_and_went_back(gocardless: FakeGoCardless, last: str) -> None:
    theirs = sent(gocardless, ("confirmed", ""), ("paid_out", ""), (last, "insufficient_funds"))
    became = known(gocardless, theirs)
    assert (became.outcome, became.decline) == (Outcome.SUCCEEDED, None)
    assert (became.raw["returned"], became.raw["returned_code"]) == (1200, "insufficient_funds")


def test_a_debit_is_cancelled_while_it_waits_and_not_once_it_is_sent(gocardless: FakeGoCardless) -> None:
    gateway = gocardless.gateway()
    assert gateway.cancel(sent(gocardless), key="k1").outcome is Outcome.CANCELLED
    assert gateway.cancel(sent(gocardless, ("submitted", "")), key="k2").outcome is Outcome.PROCESSING


def test_removing_a_mandate_cancels_the_debits_that_wait_for_it(gocardless: FakeGoCardless) -> None:
    asked = order(gocardless)
    waiting = gocardless.gateway().charge(asked, key="k1")
    gocardless.gateway().detach(asked.token, key="k2")
    assert waiting.theirs
    assert known(gocardless, waiting.theirs).outcome is Outcome.CANCELLED


def test_what_belongs_to_another_creditor_is_not_found(gocardless: FakeGoCardless) -> None:
    theirs = sent(gocardless)
    assert gocardless.gateway(account="CR-other").lookup(theirs=theirs) is None


def test_a_search_reads_page_after_page(gocardless: FakeGoCardless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "LONGEST_PAGE", 2)
    first = order(gocardless)
    gocardless.gateway().charge(first, key="k1")
    for _ in range(5):
        sent(gocardless)
    found = gocardless.gateway().lookup(ours=first.ours)
    assert found
    assert found.ours == first.ours


# Refunds


def test_of_two_refunds_at_once_one_is_turned_away_and_comes_again(
    gocardless: FakeGoCardless, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, list_them = sent(gocardless, ("confirmed", "")), gocardless.books.list
    other = {"amount": 300, "total_amount_confirmation": 300, "links": {"payment": theirs}}

    def list_and_be_overtaken(kind: str, asked: dict[str, str]) -> Any:
        found = list_them(kind, asked)
        if kind == "refunds" and not gocardless.books.things["refunds"]:
            gocardless.books.create("refunds", other, "another process")
        return found

    monkeypatch.setattr(gocardless.books, "list", list_and_be_overtaken)
    asked = RefundRequest("r1", theirs, 500, "EUR")
    turned_away = gocardless.gateway().refund(asked, key="k1")
    assert turned_away.outcome is Outcome.NOT_SUBMITTED
    assert not turned_away.our_fault
    assert gocardless.gateway().refund(asked, key="k1").outcome is Outcome.PROCESSING
    assert gocardless.books.things["payments"][theirs]["amount_refunded"] == "800"


def test_a_refund_sent_again_under_another_key_is_still_one(gocardless: FakeGoCardless) -> None:
    theirs = sent(gocardless, ("confirmed", ""))
    asked = RefundRequest("r1", theirs, 500, "EUR")
    first = gocardless.gateway().refund(asked, key="k1")
    assert gocardless.gateway().refund(asked, key="k2").theirs == first.theirs
    other = gocardless.gateway().refund(replace(asked, amount=600), key="k3")
    assert (other.outcome, other.our_fault) == (Outcome.UNKNOWN, True)
    assert len(gocardless.books.things["refunds"]) == 1


# Events


def told(resource: str, action: str, links: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"id": f"EV-{resource}-{action}", "created_at": "2026-11-22T10:00:00.000Z", "resource_type": resource,
            "action": action, "links": links, "details": {"cause": "c"}, "resource_metadata": {},
            **more}  # fmt: skip


def test_one_webhook_tells_many_things(gocardless: FakeGoCardless) -> None:
    body = json.dumps({"events": [
        told("payments", "confirmed", {"payment": "PM1"}, resource_metadata={"tillhouse": "o1"}),
        told("payments", "charged_back", {"payment": "PM2"}),
        told("payments", "late_failure_settled", {"payment": "PM3"}),
        told("refunds", "paid", {"refund": "RF1"}),
        told("mandates", "cancelled", {"mandate": "MD1"}),
        told("payouts", "paid", {"payout": "PO1"}),
        told("billing_requests", "fulfilled", {"billing_request": "BRQ1", "payment_request_payment": "PM4"}),
        told("billing_requests", "fulfilled", {"billing_request": "BRQ2", "mandate_request_mandate": "MD2"}),
        told("creditors", "updated", {"creditor": CREDITOR}),
        told("creditors", "updated", {"creditor": "CR-other"}),
    ], "meta": {"webhook_id": "WB1"}}).encode()  # fmt: skip
    events = gocardless.gateway().events(body, sign(body))
    assert [(event.kind, event.theirs) for event in events] == [
        (EventKind.PAYMENT, "PM1"),
        (EventKind.RETURN, "PM2"),
        (EventKind.RETURN, "PM3"),
        (EventKind.REFUND, "RF1"),
        (EventKind.METHOD, "MD1"),
        (EventKind.PAYOUT, "PO1"),
        (EventKind.PAYMENT, "BRQ1"),
        (EventKind.SETUP, "BRQ2"),
        (EventKind.OTHER, None),
    ]
    assert events[0].ours == "o1"
    assert {(event.account, event.live) for event in events} == {(CREDITOR, False)}


def test_a_full_webhook_is_read_and_fits_what_the_portal_takes(gocardless: FakeGoCardless) -> None:
    for _ in range(125):
        sent(gocardless, ("confirmed", ""))
    told = list(gocardless.books.things["events"].values())
    body = json.dumps({"events": told, "meta": {"webhook_id": "WB1"}}, indent=2).encode()
    assert len(gocardless.gateway().events(body, sign(body))) == len(told) == 250
    assert len(body) < MOST_BYTES


def test_an_event_without_a_zone_is_not_believed(gocardless: FakeGoCardless) -> None:
    body = json.dumps({"events": [told("payments", "paid", {}, created_at="2026-11-22T10:00:00")]}).encode()
    with pytest.raises(BadSignature):
        gocardless.gateway().events(body, sign(body))


def test_changes_come_page_by_page_with_a_days_overlap(
    gocardless: FakeGoCardless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "LONGEST_PAGE", 3)
    for _ in range(7):
        sent(gocardless)
    late = next(iter(gocardless.books.things["events"].values()))
    late["created_at"] = "2026-11-21T12:00:00.000Z"
    since = "2026-11-22T10:00:00.000Z"
    found: list[Event] = []
    while True:
        part = gocardless.gateway().changes(since)
        assert part.next
        found, since = [*found, *part.items], part.next
        if not part.more:
            break
    assert len({event.id for event in found}) == len(found) == 7
    assert since == max(each["created_at"] for each in gocardless.books.things["events"].values())
