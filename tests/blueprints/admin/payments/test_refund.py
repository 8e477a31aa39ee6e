"""Sending money back: what follows from it, the deed, and what became of it on the payment's page."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from billing import attention, refunds
from gateways.contract import Attempt as Told
from gateways.contract import Decline, Outcome, Severity
from models import Attempt, History, Payment, Refund
from tests.bills import books_agree
from tests.browser import Browser
from tests.cast import Cast
from tests.synchronous import Queue

PAGE = "/admin/payments/P-WAIT-01"
REFUND = f"{PAGE}/refund"


def test_it_says_what_follows_before_it_is_done(root: Browser, waiting: Payment) -> None:
    page = root.get(REFUND).text
    assert "Send €50.00 back?" in page
    assert "gus@nowhere.example" in page
    assert "cannot be taken back" in page
    assert Refund.select().count() == 0


def test_it_is_recorded_and_the_worker_is_nudged(root: Browser, cast: Cast, waiting: Payment, queue: Queue) -> None:
    queue.jobs.clear()
    assert root.post(REFUND).status_code == 303
    refund = Refund.get()
    assert (refund.amount, refund.staff, refund.payment) == (5000, cast.root, waiting)
    assert "workers.refunds.send" in queue.names
    page = root.follow().text
    assert "It is being sent back." in page
    assert "Waits to be sent" in page
    assert refund.public_id in page
    assert f'href="{PAGE}/match"' not in page
    assert "Not matched yet" not in page
    assert History.get(History.event == "refund_asked").actor_id == cast.root.id
    books_agree()


def test_the_same_press_again_finds_the_first(root: Browser, waiting: Payment) -> None:
    for _ in range(3):
        assert root.post(REFUND).status_code == 303
    assert Refund.select().count() == 1
    assert root.get(REFUND).status_code == 409
    books_agree()


def test_what_was_matched_is_not_sent_back(root: Browser, cast: Cast, waiting: Payment) -> None:
    root.post(f"{PAGE}/match", {"account": cast.acme.public_id})
    assert root.get(REFUND).status_code == 409
    assert root.post(REFUND).status_code == 409
    assert Refund.select().count() == 0


def test_what_the_provider_does_not_know_by_name_stays(root: Browser, waiting: Payment) -> None:
    Attempt.update(theirs=None).execute()
    page = root.get(REFUND).text
    assert "cannot be sent back from here" in page
    assert "<button" not in page.split("<main")[1].split("</main>")[0]
    assert root.post(REFUND).status_code == 409
    books_agree()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(Outcome.SUCCEEDED, theirs="re_1"), "Sent back"),
        (Told(Outcome.PROCESSING, theirs="re_1"), "Accepted, on its way"),
        (Told(Outcome.UNKNOWN), "No answer: may have been sent back"),
        (Told(Outcome.DECLINED, decline=Decline("refund_too_large", Severity.HARD)), "not so much left"),
    ],
)
def test_its_state_stands_on_the_payments_page(
    root: Browser, waiting: Payment, now: datetime, told: Told, words: str
) -> None:
    root.post(REFUND)
    Refund.update(state=Refund.SENDING, rank=2).execute()
    refunds.apply(Refund.get(), told, now=now)
    page = root.get(PAGE).text
    assert words in page
    assert (f'href="{PAGE}/match"' in page) == (told.outcome is Outcome.DECLINED)
    books_agree()


@pytest.mark.parametrize("sent", ["yes", "no"])
def test_staff_decide_about_one_that_was_asked_about_in_vain(
    root: Browser, waiting: Payment, now: datetime, sent: str
) -> None:
    root.post(REFUND)
    Refund.update(state=Refund.UNKNOWN, rank=3, lease_until=now - timedelta(days=2)).execute()
    refund = Refund.get()
    decision = f"{PAGE}/refunds/{refund.public_id}/decision"
    assert root.get(f"{decision}?taken={sent}").status_code == 409  # it is still being asked about
    attention.tell("refund_unknown", waiting, now=now, cause=f"refund_unknown {refund.id}")
    assert f"{decision}?taken={sent}" in root.get(PAGE).text
    assert "Did €50.00 go back?" in root.get(f"{decision}?taken={sent}").text
    assert root.get(decision).status_code == 404
    assert root.post(decision, {"taken": sent, "evidence": ""}).status_code == 422
    assert root.post(decision, {"taken": "maybe", "evidence": "long enough"}).status_code == 400
    part = root.post(decision, {"taken": sent, "evidence": ""}, htmx=True)
    assert part.text.lstrip().startswith('<section id="decision">')
    assert root.post(decision, {"taken": sent, "evidence": "their pages, 23 November"}).status_code == 303
    assert Refund.get().state == (Refund.DONE if sent == "yes" else Refund.FAILED)
    assert Payment.get().suspense == (0 if sent == "yes" else 5000)
    assert root.post(decision, {"taken": sent, "evidence": "their pages, 23 November"}).status_code == 409
    assert "their pages" in History.get(History.event == "refund_decided").details["evidence"]
    books_agree()


def test_what_is_not_there_is_404(root: Browser, waiting: Payment) -> None:
    for path in ("/admin/payments/P-NONE-01/refund", f"{PAGE}/refunds/R-NONE-01/decision?taken=yes"):
        assert root.get(path).status_code == 404
    assert root.post("/admin/payments/P-NONE-01/refund").status_code == 404


def test_only_staff_send_back(visitor: Browser, ada: Browser, waiting: Payment) -> None:
    for browser in (visitor, ada):
        assert browser.get(REFUND).status_code in (303, 404)
        assert browser.post(REFUND, token="none").status_code in (303, 400, 403, 404)
    assert Refund.select().count() == 0
