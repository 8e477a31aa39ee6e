"""The doctor says what is well, and does not say it where it is not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from billing import attention, connections, doctor, links
from billing.doctor import Finding
from environ import Environ
from models import BillingGroup, ClockRun, Customer, Invoice, LedgerLine, Letter
from tests.bills import bill
from tests.cast import Cast


@pytest.fixture(autouse=True)
def _configured(env: Environ) -> None:
    links.configure(env)
    connections.configure(env)


def ask(now: datetime, env: Environ, **more: object) -> dict[str, Finding]:
    return {finding.name: finding for finding in doctor.check(now, env=env, **more)}  # type: ignore[arg-type]


def test_the_books_of_an_empty_portal_are_well(cast: Cast, now: datetime, env: Environ) -> None:
    found = ask(now, env)
    assert {
        found[name].level
        for name in ("database", "ledger", "open", "documents", "credit", "claimed", "suspense", "refunds")
    } == {"ok"}


def test_every_line_reads_as_a_sentence(cast: Cast, now: datetime, env: Environ) -> None:
    for finding in doctor.check(now, env=env, undrawable=lambda text: set()):
        assert finding.level in ("ok", "warn", "FAIL")
        assert finding.words
        assert "%" not in finding.words


def test_invoices_with_prepayments_agree_with_their_documents(cast: Cast, now: datetime, env: Environ) -> None:
    bill(cast.acme, 10000, now=now)
    bill(cast.acme, 10000, now=now, prepaid=4000)
    bill(cast.acme, 10000, now=now, prepaid=12000)  # below zero: 0, the rest is credit
    assert doctor.wrong_documents() == []
    assert ask(now, env)["documents"].level == "ok"


def test_an_amount_due_that_the_ledger_does_not_know_is_named(cast: Cast, now: datetime, env: Environ) -> None:
    invoice = bill(cast.acme, 10000, now=now, number="WRONG-1")
    Invoice.update(payable=9999).where(Invoice.id == invoice.id).execute()
    found = ask(now, env)["documents"]
    assert found.level == "FAIL"
    assert "WRONG-1" in found.words


@pytest.mark.parametrize(("name", "column"), [("open", Invoice.open), ("claimed", Invoice.claimed)])
def test_a_column_that_says_something_else_is_named(
    cast: Cast, now: datetime, env: Environ, name: str, column: object
) -> None:
    bill(cast.acme, 10000, now=now, number="WRONG-2")
    Invoice.update({column: 7}).execute()
    found = ask(now, env)[name]
    assert found.level == "FAIL"
    assert "WRONG-2" in found.words


def test_credit_that_nobody_booked_is_found(cast: Cast, now: datetime, env: Environ) -> None:
    BillingGroup.update(credit=5).where(BillingGroup.id == cast.acme.id).execute()
    assert ask(now, env)["credit"].level == "FAIL"


def test_an_entry_that_does_not_sum_to_zero_is_found(cast: Cast, now: datetime, env: Environ) -> None:
    bill(cast.acme, 10000, now=now)
    line = LedgerLine.get()
    LedgerLine.insert(entry=line.entry_id, account="suspense", currency="EUR", amount=1, group=cast.acme).execute()
    assert ask(now, env)["ledger"].level == "FAIL"


def test_nothing_else_is_asked_before_the_migrations_have_run(cast: Cast, now: datetime, env: Environ) -> None:
    found = doctor.check(now, env=env, lacking=["0002_next"])
    assert [finding.level for finding in found] == ["FAIL"]


def test_a_silent_clock_is_told(cast: Cast, now: datetime, env: Environ) -> None:
    assert ask(now, env)["clock"].level == "warn"
    ClockRun.create(name="sweep", ran_at=now - timedelta(seconds=20))
    assert ask(now, env)["clock"].level == "ok"
    assert "60 minutes" in ask(now + timedelta(hours=1), env)["clock"].words


def test_a_failed_letter_and_an_open_question_are_told(cast: Cast, now: datetime, env: Environ) -> None:
    Letter.create(
        kind="receipt", cause="x", to="a@b.example", state="failed", not_before=now, created_at=now, message_id="m"
    )
    attention.tell("paid_late", cast.acme, now=now)
    texts = [finding.words for finding in doctor.check(now, env=env) if finding.level == "warn"]
    assert any("could not be sent: 1" in text for text in texts)
    assert any("To do: 1" in text for text in texts)


def test_a_gateway_that_is_away_is_told(cast: Cast, now: datetime, env: Environ) -> None:
    assert "no connection" in ask(now, env)["gateway"].words
    connections.open_sandbox(now=now)
    env.sandbox_file.write_text("http://127.0.0.1:9")
    assert "does not answer" in ask(now, env)["gateway"].words


def test_characters_that_pdfs_cannot_write_are_named(cast: Cast, now: datetime, env: Environ) -> None:
    Customer.update(name="漢字 Ltd").where(Customer.name == "Acme Ltd").execute()
    found = ask(now, env, undrawable=lambda text: {mark for mark in text if ord(mark) > 0x3000})["fonts"]
    assert found.level == "warn"
    assert "漢" in found.words


def test_the_worst_decides() -> None:
    assert doctor.worst([Finding("ok", "a", "b"), Finding("warn", "a", "b")]) == "warn"
    assert doctor.worst([Finding("FAIL", "a", "b"), Finding("warn", "a", "b")]) == "FAIL"
    assert doctor.worst([]) == "ok"
