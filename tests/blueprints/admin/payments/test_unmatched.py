"""A payment that nobody is known for: on its page, in the lists, under To do, in the history."""

from __future__ import annotations

import pytest

from billing import settings
from models import Attention, Payment
from tests.bills import books_agree
from tests.blueprints.admin.payments.conftest import MakeWaiting
from tests.browser import Browser

PAGE = "/admin/payments/P-WAIT-01"


def test_its_page_says_how_it_came_who_paid_and_that_it_waits(root: Browser, waiting: Payment) -> None:
    page = root.get(PAGE).text
    for words in ("Not matched yet", "The public payment form", "Gus Guest", "gus@nowhere.example", "for the hedge"):
        assert words in page
    assert "Waits to be matched" in page
    assert f'href="{PAGE}/match"' in page
    assert f'href="{PAGE}/refund"' in page
    assert "Received, belonging nowhere yet" in page


def test_the_lists_show_it_and_find_it_by_what_was_written(root: Browser, waiting: Payment) -> None:
    assert "Not matched yet" in root.get("/admin/payments").text
    assert "P-WAIT-01" in root.get("/admin/payments?show=unmatched").text
    for q in ("gus guest", "nowhere.example", "the hedge", "50.00", "WAIT"):
        assert "P-WAIT-01" in root.get(f"/admin/payments?q={q}").text, q


def test_to_do_names_it_and_it_is_not_done_by_a_button(root: Browser, waiting: Payment) -> None:
    page = root.get("/admin/attention").text
    assert "fits no invoice" in page
    assert "P-WAIT-01" in page
    assert "Gus Guest" in page
    assert f'id="done-{Attention.get().id}"' not in page


@pytest.mark.parametrize("path", ["/admin", "/admin/history", "/admin/health", f"{PAGE}.pdf"])
def test_every_page_that_may_meet_it_opens(root: Browser, waiting: Payment, path: str) -> None:
    assert root.get(path).status_code == 200


def test_unpaid_ones_have_their_page_too(root: Browser, make_waiting: MakeWaiting) -> None:
    payment = make_waiting()
    for state in (Payment.QUEUED, Payment.NEEDS_CUSTOMER, Payment.UNKNOWN, Payment.DECLINED, Payment.CANCELLED):
        Payment.update(state=state, suspense=0).where(Payment.id == payment.id).execute()
        page = root.get(PAGE)
        assert page.status_code == 200, state
        assert f'href="{PAGE}/match"' not in page.text


def test_no_customer_sees_it(ada: Browser, mallory: Browser, waiting: Payment) -> None:
    assert settings.load().portal_enabled
    for browser in (ada, mallory):
        assert browser.get("/payments/P-WAIT-01").status_code == 404
        assert "P-WAIT-01" not in browser.get("/payments").text
    books_agree()
