"""Money that fits no invoice waits in suspense, and is matched whole and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import database
from billing import dossiers, history, inbox, ledger, payments, settings, suspense
from billing.payments import guests, listing
from billing.suspense import NotMatched
from gateways.contract import Attempt as Told
from gateways.contract import Outcome
from models import Allocation, Attention, BillingGroup, History, Invoice, LedgerLine, Payment
from money import Money
from tests.billing.payments.conftest import Road, road
from tests.billing.payments.test_killed_anywhere import STEP, Bomb, Killed
from tests.billing.test_two_at_once import at_once
from tests.billing.unplaced import pay, received, sent, typed
from tests.bills import bill, books_agree
from tests.cast import make_group

__all__ = ["road"]


def fresh(row: Any) -> Any:
    return type(row).get_by_id(row.id)


def open_items() -> list[str]:
    return [kind for (kind,) in Attention.select(Attention.kind).where(Attention.settled_at.is_null()).tuples()]


def match(road: Road, payment: Payment, **to: Any) -> Payment:
    return suspense.match(payment, by=road.cast.root, now=road.clock.now, **to)


# --- Received ---------------------------------------------------------------------------------------------------------


def test_what_fits_nothing_waits_in_suspense_and_before_the_staff(road: Road) -> None:
    payment = received(road)
    assert (payment.state, payment.suspense, payment.refundable, payment.group_id) == (Payment.PAID, 5000, 5000, None)
    lines = {(line.account, line.amount, line.group_id) for line in LedgerLine.select()}
    assert ("clearing", 5000, None) in lines
    assert ("suspense", -5000, None) in lines
    assert open_items() == ["suspense"]
    books_agree()


def test_the_form_itself_leads_there_and_what_is_exactly_an_open_invoice_does_not(road: Road) -> None:
    settings.save({"allow_payment_form": True}, by=history.COMMAND, now=road.clock.now)
    exact = bill(road.cast.acme, 5000, now=road.clock.now, number="2026-0142")
    made = []
    for number, reference in enumerate(("2026-0142", "2026-0143")):
        payment = guests.request_by_form(
            Money(5000, "EUR"),
            reference,
            token=f"form {number}",
            guest=guests.Guest("Gus Guest", "gus@nowhere.example"),
            by=history.Actor("visitor"),
            settings=settings.load(),
            now=road.clock.now,
        )
        made.append(pay(road, road.work(payment)))
    assert [(one.group, one.suspense) for one in made] == [(road.cast.acme, 0), (None, 5000)]
    assert fresh(exact).open == 0
    assert open_items() == ["suspense"]
    books_agree()


@pytest.mark.parametrize("instrument", ["no_funds", "stolen"])
def test_what_is_refused_waits_nowhere(road: Road, instrument: str) -> None:
    payment = received(road, instrument=instrument)
    assert (payment.state, payment.suspense) == (Payment.DECLINED, 0)
    assert open_items() == []
    books_agree()


def test_the_provider_reads_what_the_payer_wrote_of_themselves(road: Road) -> None:
    payment = sent(road)
    payer = road.attempt(payment).parameters["payer"]
    assert (payer["name"], payer["email"]) == ("Gus Guest", "gus@nowhere.example")


def test_a_payment_of_nobody_is_shown_to_staff_alone(road: Road) -> None:
    payment = received(road)
    known = settings.load()
    shown = payments.view(payment, now=road.clock.now, settings=known)
    assert shown.customer == ""
    assert payments.one_visible([road.cast.acme.id, road.cast.globex.id], payment.public_id) is None
    assert dossiers.of_payment(payment).customer == ""
    found = payments.page(
        listing.everything(listing.UNMATCHED), after="", before="", now=road.clock.now, settings=known
    )
    assert [row.reference for row in found.rows] == [payment.public_id]
    assert inbox.page().items[0].subject.name == payment.public_id
    assert "suspense" in [line.account for line in dossiers.of_payment(payment).ledger]


def test_what_came_in_counts_it(road: Road) -> None:
    received(road)
    from_today = payments.page(listing.everything(), after="", before="", now=road.clock.now, settings=settings.load())
    assert len(from_today.rows) == 1


@pytest.mark.parametrize("taken", [4000, 7000])
def test_what_was_really_taken_waits_and_all_of_it_is_matched(road: Road, taken: int) -> None:
    payment = sent(road)
    told = Told(Outcome.SUCCEEDED, theirs=road.attempt(payment).theirs, amount=taken, currency="EUR", fee=30)
    payment = payments.apply_outcome(road.attempt(payment), told, now=road.clock.now)
    assert (payment.captured, payment.refundable, payment.suspense) == (taken, taken, taken)
    assert sorted(open_items()) == ["captured_differs", "suspense"]
    books_agree()

    match(road, payment, group=road.cast.acme)
    assert fresh(road.cast.acme).credit == taken
    assert ledger.wrong_payments() == []
    books_agree()


def test_another_currency_than_was_asked_for_is_nobodys_to_match(road: Road) -> None:
    payment = sent(road)
    told = Told(Outcome.SUCCEEDED, theirs=road.attempt(payment).theirs, amount=5000, currency="USD", fee=30)
    payment = payments.apply_outcome(road.attempt(payment), told, now=road.clock.now)
    assert (payment.state, payment.captured, payment.suspense) == (Payment.PAID, 0, 0)
    assert open_items() == ["captured_differs"]
    with pytest.raises(NotMatched):
        match(road, payment, group=road.cast.acme)
    books_agree()


def test_taken_after_it_was_refused_it_waits_all_the_same(road: Road) -> None:
    payment = sent(road)
    attempt = road.attempt(payment)
    payments.apply_outcome(attempt, Told(Outcome.DECLINED, theirs=attempt.theirs), now=road.clock.now)
    for _ in range(2):
        payment = payments.apply_outcome(
            attempt, Told(Outcome.SUCCEEDED, theirs=attempt.theirs, amount=5000, currency="EUR"), now=road.clock.now
        )
    assert (payment.state, payment.suspense) == (Payment.PAID, 5000)
    assert open_items() == ["suspense"]
    books_agree()


def test_told_again_after_it_was_matched_nothing_moves(road: Road) -> None:
    payment, invoice = received(road), bill(road.cast.acme, 5000, now=road.clock.now)
    match(road, payment, invoice=invoice)
    for outcome in (Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.PROCESSING, Outcome.CANCELLED):
        payments.apply_outcome(road.attempt(payment), Told(outcome, amount=5000, currency="EUR"), now=road.clock.now)
    assert (fresh(payment).state, fresh(payment).suspense, fresh(invoice).open) == (Payment.PAID, 0, 0)
    books_agree()


# --- Matched ----------------------------------------------------------------------------------------------------------


def test_matched_to_an_invoice_it_pays_that_and_is_the_customers(road: Road) -> None:
    payment, invoice = received(road), bill(road.cast.acme, 5000, now=road.clock.now)
    payment = match(road, payment, invoice=invoice)
    assert (payment.group, payment.suspense, payment.refundable) == (road.cast.acme, 0, 5000)
    assert (fresh(invoice).open, fresh(invoice).claimed) == (0, 0)
    assert [(row.invoice, row.amount) for row in Allocation.select()] == [(invoice, 5000)]
    assert payments.one_visible([road.cast.acme.id], payment.public_id) == payment
    assert open_items() == []
    assert Attention.get(Attention.kind == "suspense").settled_by == road.cast.root.id
    assert History.get(History.event == "matched").details["invoice"] == invoice.number
    books_agree()


def test_what_does_not_fit_the_invoice_is_credit(road: Road) -> None:
    payment, invoice = received(road), bill(road.cast.acme, 3000, now=road.clock.now)
    match(road, payment, invoice=invoice)
    assert fresh(invoice).open == 0
    assert fresh(road.cast.acme).credit == 2000
    assert Allocation.get().amount == 3000
    assert payments.view(fresh(payment), now=road.clock.now, settings=settings.load()).credited.minor == 2000  # type: ignore[union-attr]
    books_agree()


def test_matched_to_an_account_all_of_it_is_credit(road: Road) -> None:
    payment = match(road, received(road), group=road.cast.globex)
    assert (payment.group, payment.suspense) == (road.cast.globex, 0)
    assert fresh(road.cast.globex).credit == 5000
    assert Allocation.select().count() == 0
    books_agree()


def test_what_another_payment_holds_is_not_taken_from_it(road: Road) -> None:
    invoice = bill(road.cast.acme, 7000, now=road.clock.now)
    payment = received(road)
    Invoice.update(claimed=4000).where(Invoice.id == invoice.id).execute()
    match(road, payment, invoice=invoice)
    assert (fresh(invoice).open, fresh(invoice).claimed) == (4000, 4000)
    assert fresh(road.cast.acme).credit == 2000
    Invoice.update(claimed=0).execute()
    books_agree()


def test_an_invoice_that_others_are_paying_takes_nothing(road: Road) -> None:
    invoice = bill(road.cast.acme, 5000, now=road.clock.now)
    payment = received(road)
    other = road.press(invoice)
    with pytest.raises(NotMatched) as refused:
        match(road, payment, invoice=invoice)
    assert refused.value.code == "nothing_free"
    assert (fresh(payment).group_id, fresh(payment).suspense) == (None, 5000)
    assert fresh(other).state in Payment.LIVE
    assert open_items() == ["suspense"]
    books_agree()


def test_another_currency_is_refused(road: Road) -> None:
    dollars = make_group("Dollar Inc", "C-DOLLAR", road.clock.now, "USD")
    payment = received(road)
    with pytest.raises(NotMatched) as refused:
        match(road, payment, group=dollars)
    assert refused.value.code == "other_currency"
    assert suspense.account(payment, dollars.public_id) is None
    assert fresh(payment).group_id is None
    books_agree()


def test_it_is_matched_once(road: Road) -> None:
    payment, invoice = received(road), bill(road.cast.acme, 5000, now=road.clock.now)
    match(road, payment, invoice=invoice)
    for to in ({"invoice": invoice}, {"group": road.cast.globex}):
        with pytest.raises(NotMatched):
            match(road, payment, **to)
    assert fresh(road.cast.globex).credit == 0
    books_agree()


def test_what_has_not_arrived_cannot_be_matched(road: Road) -> None:
    payment = sent(road)
    with pytest.raises(NotMatched):
        match(road, payment, group=road.cast.acme)
    assert fresh(payment).group_id is None


def test_two_tabs_at_once_match_it_once(road: Road) -> None:
    for _ in range(4):
        payment, invoice = received(road), bill(road.cast.acme, 5000, now=road.clock.now)
        verbs: list[Callable[[], Any]] = [
            lambda payment=payment, invoice=invoice: match(road, payment, invoice=invoice),  # type: ignore[misc]
            lambda payment=payment: match(road, payment, group=road.cast.globex),  # type: ignore[misc]
        ]
        ends = at_once(*verbs)
        assert sorted(type(end).__name__ for end in ends) == ["NotMatched", "Payment"]
    books_agree()


def test_killed_before_any_statement_it_is_matched_once_or_not_at_all(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb, at = Bomb(monkeypatch), 0
    while True:
        payment, invoice = received(road), bill(road.cast.acme, 5000, now=road.clock.now)
        bomb.left = at
        try:
            match(road, payment, invoice=invoice)
        except Killed:
            database.close()
            database.connect()
            books_agree()
            match(road, payment, invoice=invoice)
        else:
            bomb.left = -1
            assert at > 10, "the bomb never went off"
            break
        assert (fresh(payment).suspense, fresh(invoice).open) == (0, 0)
        at += STEP
    books_agree()


# --- What is suggested ------------------------------------------------------------------------------------------------


def test_the_reference_the_amount_and_the_address_point_at_candidates(road: Road) -> None:
    now = road.clock.now
    bill(road.cast.acme, 9900, now=now, number="INV-2026-77")
    bill(road.cast.globex, 5000, now=now, number="G-1")
    bill(road.cast.globex, 1234, now=now, number="G-2")
    exact = bill(road.cast.acme, 5000, now=now, number="INV-2026-78")
    payment = received(road, reference="hedges, inv-2026-78 (2026-77)", guest_email="ada@acme.example")
    found = suspense.suggested(payment)
    assert [one.number for one in found.invoices] == ["INV-2026-78", "INV-2026-77", "G-1"]
    assert found.invoices[0].address == exact.address
    assert found.invoices[0].named
    assert found.invoices[0].exact
    assert (found.invoices[1].pays.minor, found.invoices[1].rest.minor) == (5000, 0)
    assert [one.customer for one in found.groups] == ["Acme Ltd"]


def test_a_search_finds_by_number_amount_and_customer(road: Road) -> None:
    now = road.clock.now
    bill(road.cast.acme, 9900, now=now, number="INV-1")
    bill(road.cast.globex, 4000, now=now, number="G-1")
    payment = received(road)
    assert [one.number for one in suspense.found(payment, "INV").invoices] == ["INV-1"]
    assert [one.number for one in suspense.found(payment, "40.00").invoices] == ["G-1"]
    by_name = suspense.found(payment, "Globex")
    assert [one.number for one in by_name.invoices] == ["G-1"]
    assert [one.id for one in by_name.groups] == [road.cast.globex.public_id]
    assert by_name.invoices[0].rest.minor == 1000
    assert suspense.found(payment, "100%_") == suspense.Candidates()


def test_what_cannot_be_paid_is_no_candidate(road: Road) -> None:
    now = road.clock.now
    bill(make_group("Dollar Inc", "C-DOLLAR", now, "USD"), 5000, now=now, number="USD-1")
    bill(road.cast.acme, 5000, now=now, number="PAID-1", prepaid=5000)
    payment = received(road)
    assert suspense.found(payment, "1").invoices == ()
    assert suspense.suggested(payment) == suspense.Candidates()
    assert suspense.open_invoice(payment, "USD-1") is None
    assert suspense.open_invoice(payment, "PAID-1") is None


# --- What doctor asks -------------------------------------------------------------------------------------------------


def test_a_column_that_says_something_else_is_found(road: Road) -> None:
    payment = received(road)
    assert suspense.wrong() == []
    Payment.update(suspense=4999).execute()
    assert suspense.wrong() == [(payment.id, 4999, 5000)]
    Payment.update(suspense=5000, group=BillingGroup.get()).execute()
    assert suspense.wrong() == [(payment.id, 5000, 5000)]


def test_nothing_waits_of_what_was_never_taken(road: Road) -> None:
    typed(road.connection, now=road.clock.now)
    assert suspense.wrong() == []
