"""Webhooks and the list of changes, from a sandbox that really sends them."""

from __future__ import annotations

import hmac
import json
import time

import pytest

from billing import events, payments
from models import GatewayEvent, Payment
from tests.billing.payments.conftest import Road, road
from tests.bills import bill, books_agree

__all__ = ["road"]


def signed(road: Road, **changes: object) -> tuple[bytes, dict[str, str]]:
    """A webhook as the sandbox would send it."""
    told: dict[str, object] = {
        "id": "e1",
        "type": "payment.succeeded",
        "object": "none",
        "ours": None,
        "account": "rehearsal",
    }
    told |= {"mode": "test", "created_at": "2026-11-22T10:00:00+00:00", **changes}
    body, stamp = json.dumps(told).encode(), str(int(time.time()))
    mark = hmac.new(road.provider.secret.encode(), stamp.encode() + b"." + body, "sha256").hexdigest()
    return body, {"Sandbox-Signature": f"t={stamp},v1={mark}"}


def paid_on_the_page(road: Road) -> Payment:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now))
    road.provider.press(road.attempt(payment).url, "pay", "visa")
    return payment


def test_a_webhook_settles_a_payment_whose_customer_never_came_back(road: Road) -> None:
    payment = paid_on_the_page(road)
    body, headers = signed(road, ours=payment.secret, object=road.attempt(payment).theirs)
    assert events.receive("sandbox", body, headers, now=road.clock.now) == 1
    assert road.work(payment).state == Payment.PAID
    assert GatewayEvent.get().result == "matched"
    books_agree()


def test_what_a_webhook_claims_is_never_booked_only_looked_up(road: Road) -> None:
    payment = road.pay(bill(road.cast.acme, 5000, now=road.clock.now))
    body, headers = signed(road, ours=payment.secret, object=road.attempt(payment).theirs)
    events.receive("sandbox", body, headers, now=road.clock.now)
    assert road.work(payment).state == Payment.NEEDS_CUSTOMER


def test_an_event_is_stored_once_however_often_it_comes(road: Road) -> None:
    body, headers = signed(road)
    assert [events.receive("sandbox", body, headers, now=road.clock.now) for _ in range(3)] == [1, 0, 0]
    road.queue.run()
    assert GatewayEvent.get().result == "foreign"


@pytest.mark.parametrize("change", [{"account": "another"}, {"mode": "live"}])
def test_another_account_or_mode_is_refused(road: Road, change: dict[str, str]) -> None:
    body, headers = signed(road, **change)
    with pytest.raises(events.BadHook):
        events.receive("sandbox", body, headers, now=road.clock.now)
    assert GatewayEvent.select().count() == 0


def test_an_altered_body_is_refused(road: Road) -> None:
    body, headers = signed(road)
    with pytest.raises(events.BadHook):
        events.receive("sandbox", body + b" ", headers, now=road.clock.now)


def test_a_provider_nobody_connected_is_unknown(road: Road) -> None:
    with pytest.raises(events.UnknownHook):
        events.receive("nobody", b"{}", {}, now=road.clock.now)


def test_what_webhooks_missed_is_read_from_the_list_of_changes(road: Road) -> None:
    payment = paid_on_the_page(road)
    road.connection = type(road.connection).get_by_id(road.connection.id)
    assert events.pull(road.connection, road.clock.now) > 0
    assert road.work(payment).state == Payment.PAID
    road.connection = type(road.connection).get_by_id(road.connection.id)
    assert events.pull(road.connection, road.clock.now) == 0


def test_events_in_any_order_end_the_same(road: Road) -> None:
    payment = paid_on_the_page(road)
    theirs = road.attempt(payment).theirs
    for number, kind in enumerate(("payment.succeeded", "payment.open", "payment.processing")):
        body, headers = signed(road, id=f"e{number}", type=kind, ours=payment.secret, object=theirs)
        events.receive("sandbox", body, headers, now=road.clock.now)
    assert road.work(payment).state == Payment.PAID
    payments.look_up(payment, now=road.clock.now)
    books_agree()


def test_an_event_whose_job_was_lost_is_swept_and_foreign_ones_are_forgotten_in_time(road: Road) -> None:
    body, headers = signed(road)
    events.receive("sandbox", body, headers, now=road.clock.now)
    road.queue.jobs.clear()
    events.sweep(road.clock.pass_by(minutes=1))
    road.queue.run()
    assert GatewayEvent.get().settled_at is not None
    events.sweep(road.clock.pass_by(days=31))
    assert GatewayEvent.select().count() == 0
