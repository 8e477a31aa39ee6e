from __future__ import annotations

import json
from dataclasses import asdict

from gateways.contract import Outcome, RefundRequest
from tests.gateways.running import RunningSandbox
from tests.sandbox.conftest import Clock
from tests.sandbox.orders import charge, open_page


def test_nothing_is_told_without_the_secret(sandbox: RunningSandbox) -> None:
    for path in ("/v1/objects", "/v1/events", "/test/charges", "/test/settings"):
        assert sandbox.request("GET", path)[0] == 401
        assert sandbox.request("GET", path, headers={"Authorization": "Bearer é"})[0] == 401


def test_an_order_without_a_key_is_refused(sandbox: RunningSandbox) -> None:
    body = json.dumps(asdict(charge(sandbox.keep("visa"), "o1"))).encode()
    status, _, _ = sandbox.request("POST", "/v1/charges", body, {"Authorization": f"Bearer {sandbox.secret}"})
    assert status == 422
    assert sandbox.captured() == {}


def test_a_key_is_remembered_for_a_day_and_no_longer(sandbox: RunningSandbox, clock: Clock) -> None:
    order, gateway = charge(sandbox.keep("visa"), "o1"), sandbox.gateway()
    first = gateway.charge(order, key="k")
    clock.forward(hours=23, minutes=59)
    assert gateway.charge(order, key="k") == first
    clock.forward(minutes=2)
    assert gateway.charge(order, key="k").theirs != first.theirs
    assert sandbox.captured() == {"o1": 2}, "outside the window a replay charges again: hence money.md section 5"


def test_a_refused_order_does_not_use_up_its_key(sandbox: RunningSandbox) -> None:
    gateway = sandbox.gateway()
    sandbox.set(busy=1)
    order = charge(sandbox.keep("visa"), "o1")
    assert gateway.charge(order, key="k").outcome is Outcome.NOT_SUBMITTED
    assert gateway.charge(order, key="k").outcome is Outcome.SUCCEEDED


def test_a_search_lags_where_a_lookup_by_reference_does_not(sandbox: RunningSandbox, clock: Clock) -> None:
    sandbox.set(search_lag_ms=60_000)
    gateway = sandbox.gateway()
    paid = gateway.charge(charge(sandbox.keep("visa"), "o1"), key="k")
    assert gateway.lookup(ours="o1") is None
    assert gateway.lookup(theirs=paid.theirs)
    clock.forward(minutes=2)
    assert gateway.lookup(ours="o1")


def test_objects_are_listed_around_a_time(sandbox: RunningSandbox, clock: Clock) -> None:
    early = open_page(sandbox).theirs
    clock.forward(hours=1)
    late = open_page(sandbox).theirs
    asked = "/v1/objects?since=2026-11-22T10:30&until=2026-11-22T11:30"
    assert [item["id"] for item in sandbox.call("GET", asked)["items"]] == [late]
    assert {item["id"] for item in sandbox.call("GET", "/v1/objects")["items"]} == {early, late}


def test_bank_accounts_settle_and_come_back_by_the_clock(sandbox: RunningSandbox, clock: Clock) -> None:
    gateway = sandbox.gateway()
    sent = {name: gateway.charge(charge(sandbox.keep(name), name), key=name)
            for name in ("debit", "debit_returned", "debit_waits")}  # fmt: skip
    assert {attempt.outcome for attempt in sent.values()} == {Outcome.PROCESSING}
    clock.forward(seconds=20)
    became = {name: gateway.lookup(theirs=attempt.theirs) for name, attempt in sent.items()}
    assert {name: attempt and attempt.outcome for name, attempt in became.items()} == {
        "debit": Outcome.SUCCEEDED, "debit_returned": Outcome.DECLINED, "debit_waits": Outcome.PROCESSING}  # fmt: skip
    back = became["debit_returned"]
    assert back
    assert back.decline
    assert (back.decline.code, back.decline.tell) == ("insufficient_funds", True)


def test_a_return_takes_back_what_was_not_refunded(sandbox: RunningSandbox) -> None:
    gateway = sandbox.gateway()
    sent = gateway.charge(charge(sandbox.keep("debit_waits"), "o1"), key="k")
    assert sent.theirs
    sandbox.settle(sent.theirs)
    gateway.refund(RefundRequest("r1", sent.theirs, 200, "EUR"), key="r")
    sandbox.give_back(sent.theirs, "account_closed")
    sandbox.give_back(sent.theirs, "account_closed")
    found = gateway.lookup(theirs=sent.theirs)
    assert found
    assert (found.raw["returned"], found.raw["returned_code"]) == (1000, "account_closed")
    assert [event.raw["type"] for event in gateway.changes(None).items].count("return.posted") == 1


def test_faults_come_as_often_as_set(sandbox: RunningSandbox) -> None:
    sandbox.set(fault_percent=100)
    answer = sandbox.gateway().charge(charge(sandbox.keep("visa"), "o1"), key="k")
    assert answer.outcome in (Outcome.UNKNOWN, Outcome.NOT_SUBMITTED)
