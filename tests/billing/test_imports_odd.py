"""Documents that cannot be kept, amounts that cross zero, and what happens to an import from two sides at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing import doctor, files, history, imports, ledger, people
from billing.errors import NotUndoable
from billing.imports import running
from models import Attention, History, Import, ImportItem, Invoice, LedgerEntry, Staff
from tests.accounting.documents import ubl
from tests.billing.importing import Desk, assert_books_agree, credit, invoice
from tests.synchronous import Queue


@pytest.fixture
def desk(db: Any, home: Path, now: datetime) -> Desk:
    files.configure(home)
    return Desk(home / "in", now)


@pytest.fixture
def root(db: Any, now: datetime) -> Staff:
    return people.make_staff("root@shop.example", by=history.COMMAND, now=now)


def note(**changes: str) -> bytes:
    return ubl("N-1", root="CreditNote", code="381", **changes)


def test_a_credit_note_that_paid_out_more_than_it_gives_asks_for_money_and_is_refused(desk: Desk) -> None:
    assert desk.outcomes(note(prepaid="200.00", payable="-81.00"), ubl()) == ["refused", "new"]
    assert credit() == 0
    assert_books_agree()


def test_a_revision_that_drops_its_total_and_its_prepayment_owes_what_it_says(desk: Desk, root: Staff) -> None:
    desk.take(ubl(prepaid="89.00", payable="30.00"))
    low = {"net": "50.00", "tax": "9.50", "total": "59.50"}
    desk.take(ubl(**low, prepaid="29.50", payable="30.00"))
    item = ImportItem.get(ImportItem.outcome == "held")
    imports.decide(item, "revision", by=root, now=desk.now)
    assert (invoice().open, credit()) == (3000, 0)
    assert doctor.wrong_documents() == []
    assert_books_agree()


def test_an_invoice_below_zero_that_was_paid_out_owes_nothing_either_way(desk: Desk) -> None:
    minus = {"net": "-100.00", "tax": "-19.00", "total": "-119.00"}
    desk.take(ubl(**minus, prepaid="-119.00", payable="0.00"))
    assert (invoice().open, credit()) == (0, 0)
    assert_books_agree()


@pytest.mark.parametrize(
    "change",
    [
        {"buyer_vat": "GB" + "1" * 400},
        {"buyer_id": "C" * 400},
        {"net": "9" * 20, "tax": "0.00", "total": "9" * 20, "payable": "9" * 20},
        {"buyer": "A" * 5000},
    ],
)
def test_what_does_not_fit_stops_none_of_the_others(desk: Desk, change: dict[str, str]) -> None:
    odd, plain = desk.take(ubl("R-1", **change), ubl("R-2"))
    assert odd.outcome in ("new", "refused")
    assert plain.outcome == "new"
    assert Import.get().state == Import.DONE
    assert_books_agree()


def test_a_document_the_database_refuses_is_refused_with_a_reason(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ledger.invoice_arrived

    def overdrawn(row: Invoice, *args: Any, **more: Any) -> None:
        real(row, *args, **more)
        if row.number == "R-1":
            Invoice.update(open=-1).where(Invoice.id == row.id).execute()

    monkeypatch.setattr(ledger, "invoice_arrived", overdrawn)
    first, second = desk.take(ubl("R-1"), ubl("R-2"))
    assert (first.outcome, second.outcome) == ("refused", "new")
    assert first.reason
    assert [row.number for row in Invoice.select()] == ["R-2"]
    assert_books_agree()


def test_an_upload_that_never_gets_through_ends_after_a_day(desk: Desk, root: Staff, queue: Queue) -> None:
    run = imports.begin_upload([("a.xml", ubl())], by=root, now=desk.now)
    Import.update(state=Import.RUNNING, lease_until=desk.now + timedelta(minutes=5)).where(
        Import.id == run.id
    ).execute()
    queue.jobs.clear()
    imports.sweep(desk.now + timedelta(hours=1))
    assert queue.names == ["workers.imports.run"]
    imports.sweep(desk.now + timedelta(hours=25))
    assert Import.get_by_id(run.id).state == Import.FAILED


def test_a_run_that_was_overtaken_does_not_close_it_again(
    desk: Desk, root: Staff, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = imports.begin_upload([("a.xml", ubl())], by=root, now=desk.now)
    real = running._Desk._close
    done: list[int] = []

    def slow(self: running._Desk) -> None:
        if not done:  # the lease ran out after the last batch: somebody else goes on and closes
            done.append(1)
            imports.perform(Import.get_by_id(run.id), now=desk.now + timedelta(hours=1))
        real(self)

    monkeypatch.setattr(running._Desk, "_close", slow)
    imports.perform(run, now=desk.now)
    assert History.select().where(History.event == "import_done").count() == 1


def test_an_import_that_revised_another_s_invoice_by_decision_cannot_be_undone(desk: Desk, root: Staff) -> None:
    desk.take(ubl())
    desk.take(ubl(item="Ink"))
    item = ImportItem.get(ImportItem.outcome == "held")
    imports.decide(item, "revision", by=root, now=desk.now)
    with pytest.raises(NotUndoable, match="revised"):
        imports.undo(item.run, by=root, now=desk.now)


@pytest.mark.parametrize("column", ["viewed_at", "sent_at"])
def test_what_is_seen_or_mailed_while_it_is_undone_stays(
    desk: Desk, root: Staff, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    desk.take(ubl())
    run = Import.get()
    real = ledger.undo

    def meanwhile(row: Invoice, **more: Any) -> None:
        Invoice.update({column: desk.now}).where(Invoice.id == row.id).execute()
        real(row, **more)

    monkeypatch.setattr(ledger, "undo", meanwhile)
    with pytest.raises(NotUndoable):
        imports.undo(run, by=root, now=desk.now)
    assert (invoice().open, Import.get_by_id(run.id).state) == (11900, Import.DONE)
    assert LedgerEntry.select().where(LedgerEntry.event == "undone").count() == 0
    assert Attention.select().count() == 0
    assert_books_agree()
