"""Health: the doctor's lines on a page, and the letters that could not be sent."""

from __future__ import annotations

from datetime import datetime

from models import Invoice, Letter
from tests.browser import Browser


def test_the_doctors_lines_stand_there(root: Browser, invoice: Invoice) -> None:
    page = root.get("/admin/health").text
    for name in ("ledger", "open", "documents", "credit", "claimed", "clock", "queue", "mail", "disk", "fonts"):
        assert f">{name}</th>" in page
    assert "%(" not in page
    assert "Every letter could be sent." in page


def test_what_is_wrong_is_named(root: Browser, invoice: Invoice) -> None:
    Invoice.update(open=5).execute()
    page = root.get("/admin/health").text
    assert "Something is wrong" in page
    assert "not in agreement: 1 (2026-0142)" in page


def test_a_failed_letter_can_be_sent_again_from_here(root: Browser, now: datetime) -> None:
    letter = Letter.create(
        kind="sign_in", cause="x", to="a@b.example", state="failed", failure="550 no", not_before=now, created_at=now,
        message_id="m",
    )  # fmt: skip
    page = root.get("/admin/health").text
    assert "550 no" in page
    assert f"/admin/letters/{letter.id}/resends" in page
