"""The contract ended and opened again; what the page and the customer's page say meanwhile."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from models import AccessRule, BillingGroup
from tests.blueprints.admin.access.conftest import PAGE
from tests.browser import Browser
from tests.cast import Cast


def ended_on(cast: Cast) -> date | None:
    return BillingGroup.get_by_id(cast.acme.id).contract_ended_on  # type: ignore[no-any-return]


def test_it_ends_and_says_so_and_opens_again(root: Browser, cast: Cast) -> None:
    assert root.post(PAGE + "/contract-end", {"on": "1 Nov 2026"}).status_code == 303
    assert ended_on(cast) == date(2026, 11, 1)
    page = root.follow().text
    for text in ("The contract has ended", "1 November 2026", "Reopen the contract"):
        assert text in page
    assert "Add a domain or an address" not in page
    assert root.post(PAGE + "/contract-end/delete").status_code == 303
    assert ended_on(cast) is None
    assert "The contract is open again." in root.follow().text


def test_an_ended_contract_refuses_rules_of_a_hand_made_request(root: Browser, cast: Cast) -> None:
    root.post(PAGE + "/contract-end", {"on": "2026-11-22"})
    answer = root.post(PAGE + "/rules", {"text": "late.example", "role": "pay"})
    assert answer.status_code == 422
    assert "Reopen it first." in answer.text
    assert 'value="late.example"' in answer.text
    assert AccessRule.select().count() == 0


def test_people_keep_their_access_and_the_preview_works(root: Browser, ada: Browser, cast: Cast) -> None:
    root.post(PAGE + "/contract-end", {"on": "2026-11-22"})
    assert ada.get("/").status_code == 200
    assert "Preview the portal" in root.get(PAGE).text


@pytest.mark.parametrize("typed", ["", "soon", "01/02/2026", "31 Feb 2026", "<i>"])
def test_no_day_is_422_and_keeps_what_was_typed(root: Browser, cast: Cast, typed: str) -> None:
    answer = root.post(PAGE + "/contract-end", {"on": typed})
    assert answer.status_code == 422
    assert "Enter a date such as" in answer.text
    assert f'value="{typed.replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
    assert ended_on(cast) is None


@pytest.mark.parametrize("typed", ["0001-01-01", "9999-12-31"])
def test_any_day_gives_a_page(root: Browser, cast: Cast, typed: str) -> None:
    assert root.post(PAGE + "/contract-end", {"on": typed}).status_code == 303
    assert root.follow().status_code == 200
    assert root.get("/admin/customers/C-ACME").status_code == 200


def test_an_end_to_come_is_told_and_can_be_taken_back(root: Browser, cast: Cast) -> None:
    root.post(PAGE + "/contract-end", {"on": "2026-12-31"})
    page = root.follow().text
    assert "It ends on 31 December 2026." in page
    assert "Add a domain or an address" in page
    root.post(PAGE + "/contract-end/delete")
    assert ended_on(cast) is None


def test_the_customers_page_has_a_button_for_each_account(root: Browser, cast: Cast, now: datetime) -> None:
    BillingGroup.create(public_id="G-USD", customer=cast.acme.customer, name="Acme Ltd", currency="USD", created_at=now)
    page = root.get("/admin/customers/C-ACME").text
    for group in ("G-ACME", "G-USD"):
        assert f'<a class="button quiet" href="/admin/customers/C-ACME/groups/{group}">Customer portal' in page
        assert f'readonly value="http://127.0.0.1:8000/company/{group}"' in page


def test_the_customers_page_says_since_when_and_how_to_reopen(root: Browser, cast: Cast) -> None:
    root.post(PAGE + "/contract-end", {"on": "2026-11-01"})
    page = root.get("/admin/customers/C-ACME").text
    assert f'<a class="button quiet" href="{PAGE}">' not in page
    assert "The contract ended on 1 November 2026." in page
    assert f'<a href="{PAGE}#contract">Reopen it</a>' in page
    assert root.get(PAGE).status_code == 200
