from __future__ import annotations

from datetime import timedelta

import pytest

from billing import history, settings
from models import Connection, Invoice
from tests.bills import bill
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast

LIST = {"HX-Target": "div#invoices"}


@pytest.fixture
def bills(cast: Cast, clock: Clock, desk: Connection) -> list[Invoice]:
    """One late, one due in a week, one whose debit takes itself, one paid, one of another customer."""
    today = clock.now.date()
    return [
        bill(cast.acme, 124_000, now=clock.now, number="LATE", due_on=today - timedelta(19), po_number="PO-77"),
        bill(cast.acme, 8650, now=clock.now, number="SOON", due_on=today + timedelta(7)),
        bill(cast.acme, 999, now=clock.now, number="ITSELF", due_on=today, pays_itself=True),
        bill(cast.acme, 42_000, now=clock.now, number="PAID", prepaid=42_000),
        bill(cast.globex, 100, now=clock.now, number="GLOBEX"),
    ]


def numbers(page: str) -> list[str]:
    return [part.split("<")[0] for part in page.split('scope="row">')[1:] for part in [part.split("<bdi>")[1]]]


def test_a_stranger_signs_in_first(visitor: Browser) -> None:
    assert visitor.get("/invoices?show=all").headers["Location"] == "/sign-in?next=%2Finvoices%3Fshow%3Dall"


def test_under_htmx_a_stranger_is_sent_to_sign_in_as_a_whole_page(visitor: Browser) -> None:
    answer = visitor.get("/invoices", htmx=True)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/sign-in")
    assert answer.text == ""


def test_the_list_begins_with_what_is_to_pay_oldest_due_first(ada: Browser, bills: list[Invoice]) -> None:
    page = ada.get("/invoices").text
    assert numbers(page) == ["LATE", "ITSELF", "SOON"]
    assert "<h1>Invoices</h1>" in page
    assert "Overdue by 19 days" in page
    assert 'href="/invoices" aria-current="page"' in page


def test_only_what_can_be_paid_now_has_a_tick(ada: Browser, bills: list[Invoice]) -> None:
    page = ada.get("/invoices?show=all").text
    assert page.count('type="checkbox"') == 2
    assert "Select invoice LATE" in page
    assert "Select invoice ITSELF" not in page
    assert '<strong class="count"></strong> selected on this page' in page
    assert "Pay all that is due (1)" in page


def test_what_takes_itself_is_never_called_due(ada: Browser, cast: Cast, clock: Clock, desk: Connection) -> None:
    today = clock.now.date()
    for number, due in (("EARLY", today + timedelta(3)), ("LATE", today - timedelta(3))):
        bill(cast.acme, 999, now=clock.now, number=number, due_on=due, pays_itself=True)
    page = ada.get("/invoices").text
    assert page.count('<span class="badge moving">Taken automatically</span>') == 2
    assert "Overdue" not in page
    assert "Due in" not in page


def test_a_viewer_sees_no_ticks_and_no_pay_bar(vic: Browser, bills: list[Invoice]) -> None:
    page = vic.get("/invoices").text
    assert numbers(page) == ["LATE", "ITSELF", "SOON"]
    assert 'type="checkbox"' not in page
    assert "paybar" not in page


def test_with_paying_switched_off_there_is_no_pay_bar(ada: Browser, bills: list[Invoice], clock: Clock) -> None:
    settings.save({"allow_pay": False}, by=history.COMMAND, now=clock.now)
    assert "paybar" not in ada.get("/invoices").text


def test_the_filters_are_links(ada: Browser, bills: list[Invoice]) -> None:
    assert numbers(ada.get("/invoices?show=paid").text) == ["PAID"]
    assert sorted(numbers(ada.get("/invoices?show=all").text)) == ["ITSELF", "LATE", "PAID", "SOON"]
    assert numbers(ada.get("/invoices?show=rubbish").text) == ["LATE", "ITSELF", "SOON"]


@pytest.mark.parametrize(
    ("q", "found"), [("LAT", ["LATE"]), ("po-77", ["LATE"]), ("86.50", ["SOON"]), ("420", ["PAID"])]
)
def test_a_search_finds_number_order_and_amount(ada: Browser, bills: list[Invoice], q: str, found: list[str]) -> None:
    assert numbers(ada.get(f"/invoices?show=all&q={q}").text) == found


def test_a_search_that_finds_nothing_says_so_and_shows_the_way_back(ada: Browser, bills: list[Invoice]) -> None:
    page = ada.get("/invoices?show=all&q=4711").text
    assert "No invoice with '4711'." in page
    assert '<a href="/invoices?show=all">Show all</a>' in page


@pytest.mark.parametrize("q", ["%00", "%25", "'%22%3C", "%FF", "x" * 5000, "%E2%80%AE"])
def test_nothing_that_is_typed_breaks_the_search(ada: Browser, bills: list[Invoice], q: str) -> None:
    assert ada.get(f"/invoices?q={q}&after={q}&before={q}&show={q}").status_code == 200


def test_mallory_sees_her_own_alone(mallory: Browser, bills: list[Invoice]) -> None:
    assert numbers(mallory.get("/invoices?show=all").text) == ["GLOBEX"]
    assert numbers(mallory.get("/invoices?show=all&q=LATE").text) == []


def test_an_invoice_dated_after_today_is_not_in_the_list_until_its_day(ada: Browser, cast: Cast, clock: Clock) -> None:
    bill(cast.acme, 100, now=clock.now, number="NEXT", issued_on=clock.now.date() + timedelta(1))
    assert "NEXT" not in ada.get("/invoices").text
    assert "There is nothing to pay." in ada.get("/invoices").text
    clock.forward(days=1)
    ada.sign_in(cast.ada)
    assert numbers(ada.get("/invoices").text) == ["NEXT"]


def test_the_list_turns_by_keys_and_no_row_is_lost_or_doubled(ada: Browser, cast: Cast, clock: Clock) -> None:
    for number in range(120):
        bill(cast.acme, 1000, now=clock.now, number=f"N{number:03}")
    seen, page = [], ada.get("/invoices").text
    for _ in range(3):
        seen += numbers(page)
        if 'rel="next"' not in page:
            break
        page = ada.get(page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")).text
    assert seen == [f"N{number:03}" for number in range(120)]
    back = page.split('rel="prev" href="')[1].split('"')[0].replace("&amp;", "&")
    assert numbers(ada.get(back).text) == [f"N{number:03}" for number in range(50, 100)]


def test_htmx_gets_the_list_alone_with_its_title(ada: Browser, bills: list[Invoice]) -> None:
    answer = ada.get("/invoices?show=paid", htmx=True, headers=LIST)
    assert answer.text.lstrip().startswith("<title>Invoices · Hartwell</title>")
    assert "<html" not in answer.text
    assert numbers(answer.text) == ["PAID"]
    assert "HX-Request" in answer.headers["Vary"]


def test_for_another_target_htmx_gets_the_whole_page(ada: Browser, bills: list[Invoice]) -> None:
    assert "<html" in ada.get("/invoices", htmx=True, headers={"HX-Target": "body"}).text


def test_the_list_is_only_read(ada: Browser) -> None:
    assert ada.ask("PUT", "/invoices").status_code == 405
