from __future__ import annotations

from datetime import timedelta

import pytest

from billing import history, payments, settings
from models import Connection, Invoice, Membership, PaymentMethod
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast, make_group


@pytest.fixture
def bills(cast: Cast, clock: Clock, desk: Connection) -> list[Invoice]:
    today = clock.now.date()
    return [
        bill(cast.acme, 124_000, now=clock.now, number="A1", due_on=today - timedelta(1)),
        bill(cast.acme, 8650, now=clock.now, number="A2", due_on=today),
        bill(cast.acme, 100, now=clock.now, number="A3", due_on=today + timedelta(1)),
        bill(cast.globex, 100, now=clock.now, number="G1"),
    ]


def keep(cast: Cast, desk: Connection, clock: Clock, **columns: object) -> PaymentMethod:
    values = {"public_id": "M-1", "token": "tok", "kind": "card", "brand": "Visa", "last4": "4242", "is_default": True}
    return PaymentMethod.create(group=cast.acme, connection=desk, created_at=clock.now, **(values | columns))


def test_the_review_lists_what_was_ticked_and_its_sum(ada: Browser, bills: list[Invoice]) -> None:
    page = ada.get("/payments/new?invoice=A1&invoice=A2").text
    assert "<h1" in page
    assert "Review and pay" in page
    assert page.count('name="invoice"') == 2
    assert '<td class="num">€1,326.50</td>' in page
    assert 'name="amount" value="1326.50"' in page
    assert ">Pay €1,326.50</button>" in page
    assert page.count('<button type="submit" id=') == 1


def test_all_that_is_due_is_what_is_due_by_today(ada: Browser, bills: list[Invoice]) -> None:
    page = ada.get("/payments/new?all=due").text
    assert 'name="invoice" value="A1"' in page
    assert 'name="invoice" value="A2"' in page
    assert 'value="A3"' not in page


def test_what_was_ticked_is_reviewed_oldest_due_first(ada: Browser, cast: Cast, clock: Clock, desk: Connection) -> None:
    for number, days in (("LATER", 30), ("SOONER", 3)):
        bill(cast.acme, 100, now=clock.now, number=number, due_on=clock.now.date() + timedelta(days))
    page = ada.get("/payments/new?invoice=LATER&invoice=SOONER").text
    assert page.index("/invoices/SOONER") < page.index("/invoices/LATER")


def test_with_nothing_due_the_page_says_so(mallory: Browser, bills: list[Invoice]) -> None:
    assert "Nothing is due today." in mallory.get("/payments/new?all=due").text


def test_each_panel_has_a_token_of_its_own(ada: Browser, bills: list[Invoice]) -> None:
    tokens = {ada.get("/payments/new?invoice=A1").text.split('name="token" value="')[1].split('"')[0] for _ in "ab"}
    assert len(tokens) == 2


def test_the_stored_method_is_chosen_beforehand_and_another_is_offered(
    ada: Browser, cast: Cast, bills: list[Invoice], desk: Connection, clock: Clock
) -> None:
    keep(cast, desk, clock)
    keep(cast, desk, clock, public_id="M-2", token="two", last4="9995", is_default=False, refused_at=clock.now)
    page = ada.get("/payments/new?invoice=A1").text
    assert 'value="M-1" id="method-M-1" checked> <span>Visa ending 4242' in page
    assert 'value="new" id="method-new"> <span>Another card or bank account' in page
    assert "9995" not in page  # refused: not usable


def test_what_cannot_be_paid_now_is_left_out_and_named(
    ada: Browser, cast: Cast, clock: Clock, bills: list[Invoice]
) -> None:
    bill(cast.acme, 500, now=clock.now, number="DONE", prepaid=500)
    page = ada.get("/payments/new?invoice=A1&invoice=DONE").text
    assert page.count('name="invoice"') == 1
    assert "Cannot be paid here now" in page
    assert 'href="/invoices/DONE"' in page


def test_with_nothing_left_to_pay_there_is_no_button(ada: Browser, cast: Cast, clock: Clock, desk: Connection) -> None:
    bill(cast.acme, 500, now=clock.now, number="DONE", prepaid=500)
    page = ada.get("/payments/new?invoice=DONE").text
    assert "Cannot be paid here now" in page
    assert "Pay €" not in page


def test_nothing_chosen_leads_back_to_the_list(ada: Browser, desk: Connection) -> None:
    assert "No invoice is chosen." in ada.get("/payments/new").text


def test_mallory_cannot_review_what_is_not_hers(mallory: Browser, bills: list[Invoice]) -> None:
    assert mallory.get("/payments/new?invoice=A1").status_code == 404
    assert mallory.get("/payments/new?invoice=G1&invoice=A1").status_code == 404
    assert mallory.get("/payments/new?invoice=%00").status_code == 404


def test_a_viewer_may_not_come_here(vic: Browser, bills: list[Invoice]) -> None:
    assert vic.get("/payments/new?invoice=A1").status_code == 403


def test_who_pays_in_one_company_and_looks_in_another_pays_only_there(
    ada: Browser, cast: Cast, clock: Clock, desk: Connection
) -> None:
    other = make_group("Zweite GmbH", "C-TWO", clock.now)
    Membership.create(person=cast.ada, group=other, role="view", created_at=clock.now)
    bill(other, 100, now=clock.now, number="Z1")
    assert ada.get("/payments/new?invoice=Z1").status_code == 403


def test_invoices_of_two_companies_are_not_added_up(
    ada: Browser, cast: Cast, clock: Clock, bills: list[Invoice]
) -> None:
    other = make_group("Zweite GmbH", "C-TWO", clock.now)
    Membership.create(person=cast.ada, group=other, role="pay", created_at=clock.now)
    bill(other, 100, now=clock.now, number="Z1")
    assert "Pay those of one company at a time." in ada.get("/payments/new?invoice=A1&invoice=Z1").text


def test_with_paying_switched_off_it_says_whom_to_call(ada: Browser, bills: list[Invoice], clock: Clock) -> None:
    settings.save({"allow_pay": False}, by=history.COMMAND, now=clock.now)
    page = ada.get("/payments/new?invoice=A1").text
    assert "Hartwell does not take payments here." in page
    assert "Call Hartwell on 01234 567890." in page
    assert "Pay €" not in page


def test_htmx_gets_the_panel_for_the_page_and_the_sum_for_the_bar(ada: Browser, bills: list[Invoice]) -> None:
    panel = ada.get("/payments/new?invoice=A1", htmx=True, headers={"HX-Target": "div#page"}).text
    assert panel.lstrip().startswith("<title>Review and pay · Hartwell</title>")
    assert "<html" not in panel
    assert 'hx-sync="this:drop" hx-disable="findAll button"' in panel
    path = "/payments/new?invoice=A1&invoice=A2"
    assert (
        ada.get(path, htmx=True, headers={"HX-Target": "span#sum"})
        .text.strip()
        .endswith('<span id="sum">· <strong>€1,326.50</strong></span>')
    )


def test_the_panel_changes_nothing(ada: Browser, bills: list[Invoice]) -> None:
    ada.get("/payments/new?invoice=A1")
    assert Invoice.get_by_id(bills[0].id).claimed == 0
    assert payments.visible_to([bills[0].group_id]).count() == 0


def test_a_stranger_signs_in_first(visitor: Browser) -> None:
    assert visitor.get("/payments/new?invoice=A1").headers["Location"].startswith("/sign-in?next=")
