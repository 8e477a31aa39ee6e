from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from gateways.contract import Attempt, Initiator, MethodKind, Outcome, PaymentRequest
from tests.gateways.running import RunningSandbox
from tests.sandbox.conftest import Clock
from tests.sandbox.orders import ADA, BACK, charge, open_page


def read(sandbox: RunningSandbox, address: str) -> BeautifulSoup:
    return BeautifulSoup(sandbox.request("GET", address)[2], "html.parser")


def test_the_page_says_that_no_money_moves_and_what_is_paid(sandbox: RunningSandbox) -> None:
    page = read(sandbox, open_page(sandbox, amount=123_456).url)
    text = page.get_text(" ", strip=True)
    assert "Rehearsal: no money moves." in text
    assert "Invoice 2026-0142" in text
    assert "Acme <b>Ltd</b>" in text
    assert page.h1
    assert page.h1.text == "Pay EUR 1,234.56"
    assert [button.text for button in page.select("button")] == ["Pay EUR 1,234.56", "Cancel and go back"]


def test_every_field_has_its_label_and_one_is_chosen(sandbox: RunningSandbox) -> None:
    page = read(sandbox, open_page(sandbox).url)
    radios = page.select("input[type=radio]")
    assert len(radios) == 12
    assert len(page.select("fieldset > legend")) == 2
    assert all(page.select(f'label[for="{radio["id"]}"]') for radio in radios)
    assert len(page.select("input[checked]")) == 1
    assert not page.select("script, [style], style, [onclick]")


def test_only_the_kinds_asked_for_are_offered(sandbox: RunningSandbox) -> None:
    page = read(sandbox, open_page(sandbox, kinds=(MethodKind.BANK_DEBIT,)).url)
    names = [radio["value"] for radio in page.select("input[type=radio]")]
    assert names == ["debit", "debit_waits", "debit_returned"]
    assert page.select_one("input[checked]")


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "JPY 1,200"), ("KWD", "KWD 1.200"), ("GBP", "GBP 12.00")])
def test_amounts_have_the_places_of_their_currency(sandbox: RunningSandbox, currency: str, shown: str) -> None:
    assert shown in read(sandbox, open_page(sandbox, currency=currency).url).get_text()


def test_paying_and_cancelling_lead_back(sandbox: RunningSandbox) -> None:
    assert sandbox.press(open_page(sandbox).url, "pay", "visa") == BACK
    assert sandbox.press(open_page(sandbox).url, "pay", "stolen") == BACK
    assert sandbox.press(open_page(sandbox).url, "cancel") == BACK


def test_the_card_that_times_out_still_sends_the_browser_back(sandbox: RunningSandbox) -> None:
    step = open_page(sandbox)
    assert sandbox.press(step.url, "pay", "timeout") == BACK
    assert [charge["status"] for charge in sandbox.charges()] == ["succeeded"]


def test_three_d_secure_leads_to_its_question_and_then_back(sandbox: RunningSandbox) -> None:
    step = open_page(sandbox)
    assert (sandbox.press(step.url, "pay", "secure") or "").startswith("/pay/")
    assert [button.text for button in read(sandbox, step.url).select("button")] == ["Approve", "Refuse"]
    assert sandbox.press(step.url, "pay", "visa") is None, "no other card once the question is asked"
    assert sandbox.press(step.url, "approve") == BACK


def test_three_d_secure_for_a_charge_nobody_waited_for_ends_on_a_page(sandbox: RunningSandbox) -> None:
    waiting = sandbox.gateway().charge(charge(sandbox.keep("secure"), "o1", Initiator.RECURRING), key="k")
    assert waiting.client_step
    assert sandbox.press(waiting.client_step.url, "approve") is None
    assert "You can close this page" in read(sandbox, waiting.client_step.url).text
    assert sandbox.captured() == {"o1": 1}


def test_a_page_pressed_twice_pays_once(sandbox: RunningSandbox) -> None:
    step = open_page(sandbox)
    sandbox.press(step.url)
    assert sandbox.press(step.url) is None
    assert list(sandbox.captured().values()) == [1]


@pytest.mark.parametrize(
    ("do", "title"), [("pay", "This is paid"), ("cancel", "This was cancelled")]
)  # fmt: skip
def test_a_finished_page_says_so_and_links_back(sandbox: RunningSandbox, do: str, title: str) -> None:
    step = open_page(sandbox)
    sandbox.press(step.url, do)
    page = read(sandbox, step.url)
    assert page.h1
    assert page.h1.text == title
    assert [a["href"] for a in page.select("main a")] == [BACK]


def test_a_page_expires_after_half_an_hour(sandbox: RunningSandbox, clock: Clock) -> None:
    step = open_page(sandbox)
    clock.forward(minutes=29)
    assert read(sandbox, step.url).select("form")
    clock.forward(minutes=1)
    assert "expired" in read(sandbox, step.url).text
    assert sandbox.press(step.url) is None
    found = sandbox.gateway().lookup(theirs=step.theirs)
    assert found
    assert found.outcome is Outcome.CANCELLED
    assert clock.now >= step.expires_at


def test_a_form_without_a_choice_is_shown_again(sandbox: RunningSandbox) -> None:
    step = open_page(sandbox)
    status, _, body = sandbox.request("POST", step.url, b"do=pay&instrument=gold",
                                      {"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    page = BeautifulSoup(body, "html.parser")
    assert status == 422
    assert page.title
    assert page.title.text.startswith("Error: ")
    assert "Choose a card" in page.text


def test_the_page_runs_no_script_and_lets_the_form_lead_back(sandbox: RunningSandbox) -> None:
    _, headers, _ = sandbox.request("GET", open_page(sandbox).url)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8000;" in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://a;b/", "//other", "http://x y/", "http://é/"])
def test_an_address_to_go_back_to_that_is_no_address_is_refused(sandbox: RunningSandbox, address: str) -> None:
    answer = sandbox.gateway().begin_payment(PaymentRequest("o", 1200, "EUR", ADA, "", address), key="k")
    assert isinstance(answer, Attempt)
    assert answer.outcome is Outcome.NOT_SUBMITTED
    assert answer.our_fault


def test_a_form_on_another_site_presses_nothing(sandbox: RunningSandbox) -> None:
    step = open_page(sandbox)
    status, _, _ = sandbox.request("POST", step.url, b"do=pay&instrument=visa", {
        "Content-Type": "application/x-www-form-urlencoded", "Origin": "http://evil.example"})  # fmt: skip
    assert status == 403
    assert sandbox.captured() == {}


@pytest.mark.parametrize("address", ["/pay/pay_nothing", "/pay/re_nothing", "/nowhere"])
def test_a_page_that_is_not_there_is_a_404(sandbox: RunningSandbox, address: str) -> None:
    status, _, body = sandbox.request("GET", address)
    assert status == 404
    assert b"no such page" in body
