"""What becomes of documents that arrive: new, same, revised, held, refused; and that nobody hears of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import database
from accounting import registry
from accounting.contract import Document, Refused
from billing import files, history, imports, settings
from billing.errors import NotUndoable, Refusal
from billing.imports import identity, running
from models import (
    Attention,
    BillingGroup,
    Customer,
    Import,
    ImportItem,
    Invoice,
    InvoiceFile,
    InvoiceVersion,
    LedgerEntry,
    Letter,
    Person,
    Staff,
    StoredFile,
)
from tests.accounting.corpus import FILES, FOLDER, needs_corpus, pairs
from tests.accounting.documents import cii, pdf, ubl
from tests.billing.importing import Desk, assert_books_agree, credit, invoice
from tests.synchronous import Queue

OF_AN_INVOICE = (
    *("number", "address", "kind", "status", "issued_on", "due_on", "currency", "total", "payable", "open"),
    *("pays_itself", "brought_forward", "version"),
)
CSV = "number,date,customer,customer id,currency,total\n"


@pytest.fixture
def desk(db: Any, home: Path, now: datetime) -> Desk:
    files.configure(home)
    return Desk(home / "in", now)


@pytest.fixture
def root(db: Any, now: datetime) -> Staff:
    return Staff.create(email="root@hartwell.example", name="Root", created_at=now)


def held_item() -> ImportItem:
    return ImportItem.get(ImportItem.outcome == "held", ImportItem.decided_at.is_null())


def state() -> tuple[int, ...]:
    tables = (Invoice, InvoiceVersion, InvoiceFile, StoredFile, Customer, BillingGroup, LedgerEntry)
    return tuple(table.select().count() for table in tables)


# --- The corpus -----------------------------------------------------------------------------------------------------


@needs_corpus
def test_all_86_documents_are_taken_in_and_owe_what_they_say(desk: Desk) -> None:
    results = desk.run(FOLDER)
    assert len(results) == 86
    assert {result.outcome for result in results} == {"new", "same", "held"}
    assert len({result.number for result in results}) == 18
    for row in Invoice.select():
        assert row.open == max(0, row.payable), row.number
    assert credit() == -sum(min(0, row.payable) for row in Invoice.select()) > 0
    assert_books_agree()
    before = state()
    again = desk.run(FOLDER)
    assert {result.outcome for result in again} == {"same", "held"}
    assert state() == before
    assert ImportItem.select().where(ImportItem.outcome == "held", ImportItem.decided_at.is_null()).count() <= sum(
        result.outcome == "held" for result in results
    )


@needs_corpus
def test_each_syntax_of_a_case_makes_the_same_invoice_in_an_empty_portal(desk: Desk) -> None:
    class Enough(Exception):
        pass

    def taken(path: Path) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        with suppress(Enough), database.transaction():
            (result,) = desk.run(path)
            assert result.outcome == "new"
            row = Invoice.get()
            for name in OF_AN_INVOICE:
                facts[name] = getattr(row, name)
            customer = row.group.customer
            facts |= {"credit": row.group.credit, "customer": customer.name, "source_id": customer.source_id}
            facts["attachments"] = InvoiceFile.select().where(InvoiceFile.role == "attachment").count()
            raise Enough  # the portal is empty again
        return facts

    for case, in_ubl, in_cii in pairs():
        one, other = taken(in_ubl), taken(in_cii)
        if case.endswith("-cius"):  # the suite swaps the buyer's two names there
            one["customer"] = other["customer"]
        assert one == other, case
    assert len(FILES) == 86


# --- New and same ---------------------------------------------------------------------------------------------------


def test_a_new_invoice_is_owed_and_told_to_nobody(desk: Desk, queue: Queue) -> None:
    assert desk.outcomes(ubl()) == ["new"]
    row = invoice()
    assert (row.open, row.payable, row.due_on, row.address) == (11900, 11900, date(2026, 12, 2), "R-1")
    assert (row.group.customer.name, row.group.customer.source_id, row.group.currency) == ("Acme Ltd", "C-1", "EUR")
    assert (Person.select().count(), Letter.select().count(), queue.jobs) == (0, 0, [])
    assert_books_agree()


def test_the_same_again_in_any_syntax_is_the_same_invoice_and_all_originals_are_kept(desk: Desk) -> None:
    assert desk.outcomes(ubl(), cii(), ubl()) == ["new", "same", "same"]
    assert desk.outcomes(pdf(cii()), suffix="pdf") == ["same"]
    assert [(file.syntax, file.version) for file in InvoiceFile.select().order_by(InvoiceFile.id)] == [
        ("ubl", 1),
        ("cii", 1),
        ("pdf", 1),
    ]
    assert files.read(InvoiceFile.select().order_by(InvoiceFile.id).first().file) == ubl()
    assert invoice().open == 11900


def test_a_csv_file_is_not_given_to_customers_but_kept_for_staff(desk: Desk) -> None:
    assert desk.outcomes((CSV + "1,2026-11-02,Acme,1,EUR,5\n2,2026-11-02,Globex,2,EUR,7\n").encode(), suffix="csv") == [
        "new",
        "new",
    ]
    assert InvoiceFile.select().count() == 0
    assert {item.file.media_type for item in ImportItem.select()} == {"text/csv"}


def test_prepaid_was_settled_elsewhere_and_below_zero_is_credit(desk: Desk) -> None:
    desk.take(ubl(prepaid="100.00", payable="19.00"), ubl("R-2", prepaid="200.00", payable="-81.00"))
    assert (invoice("R-1").open, invoice("R-2").open, credit()) == (1900, 0, 8100)
    assert_books_agree()


def test_addresses_are_plain_and_unique(desk: Desk) -> None:
    desk.take(ubl("1/2 ü"), ubl("1-2 ü"), ubl("1_2"), ubl("1-2--"))
    assert [row.address for row in Invoice.select().order_by(Invoice.id)] == ["1-2--", "1-2---2", "1_2", "1-2---3"]


@pytest.mark.parametrize(("code", "itself"), [("58", False), ("48", True), ("49", True), ("55", True), ("59", True)])
def test_what_pays_itself_is_not_payable_here(desk: Desk, code: str, itself: bool) -> None:
    desk.take(ubl(means=code))
    assert invoice().pays_itself is itself


def test_without_a_due_date_it_is_due_on_receipt(desk: Desk) -> None:
    desk.take(ubl(due=""))
    assert invoice().due_on == date(2026, 11, 2)


def test_documents_before_going_live_are_brought_forward(desk: Desk, root: Staff) -> None:
    desk.take(ubl("R-0"))
    settings.save({"go_live_on": date(2026, 11, 2)}, by=root, now=desk.now)
    desk.take(ubl("R-1", issued="2026-11-01"), ubl("R-2", issued="2026-11-02"))
    assert [invoice(number).brought_forward for number in ("R-0", "R-1", "R-2")] == [True, True, False]


# --- Whose it is ----------------------------------------------------------------------------------------------------


def test_customers_are_known_by_id_then_vat_number_then_name_and_address(desk: Desk) -> None:
    desk.take(ubl("R-1", buyer_vat="GB 123"), ubl("R-2", buyer="Acme Limited", buyer_vat="GB999"))  # by id
    desk.take(ubl("R-3", buyer="ACME", buyer_id="", buyer_vat="gb123"))  # by VAT number
    desk.take(ubl("R-4", buyer="Bright", buyer_id=""), ubl("R-5", buyer="BRIGHT!", buyer_id=""))  # by name and address
    assert [row.group.customer.name for row in Invoice.select().order_by(Invoice.id)] == [
        *["Acme Ltd"] * 3,
        *["Bright"] * 2,
    ]


def test_another_id_is_another_customer_however_alike(desk: Desk) -> None:
    desk.take(ubl("R-1", buyer_vat="GB123"), ubl("R-2", buyer_id="C-2", buyer_vat="GB123"))
    assert Customer.select().count() == 2


def test_another_currency_is_another_group_of_the_same_customer(desk: Desk) -> None:
    desk.take(ubl("R-1"), ubl("R-2", currency="USD"))
    assert (Customer.select().count(), sorted(group.currency for group in BillingGroup.select())) == (1, ["EUR", "USD"])


# --- Held, revised, credited ----------------------------------------------------------------------------------------


def test_the_same_identity_with_other_content_is_held_once_and_changes_nothing(desk: Desk) -> None:
    assert desk.outcomes(ubl(), ubl(item="Ink"), ubl(item="Ink")) == ["new", "held", "held"]
    assert desk.outcomes(ubl(item="Ink")) == ["held"]
    assert (invoice().version, invoice().open, Invoice.select().count()) == (1, 11900, 1)
    item = held_item()
    assert (item.invoice, item.payable, item.content["lines"][0]["name"]) == (invoice(), 11900, "Ink")
    assert [(row.kind, row.details["held"]) for row in Attention.select()] == [("documents_held", 1)]


def test_staff_may_say_that_a_held_document_is_a_revision(desk: Desk, root: Staff) -> None:
    desk.take(ubl(), ubl(net="200.00", tax="38.00", total="238.00", payable="238.00"))
    imports.decide(held_item(), "revision", by=root, now=desk.now)
    row = invoice()
    assert (row.version, row.open, row.total) == (2, 23800, 23800)
    assert [version.total for version in InvoiceVersion.select().order_by(InvoiceVersion.version)] == [11900, 23800]
    assert Attention.select().where(Attention.kind == "invoice_revised").count() == 1
    assert desk.outcomes(ubl(), ubl(net="200.00", tax="38.00", total="238.00", payable="238.00")) == ["same", "same"]
    assert_books_agree()


def test_staff_may_say_that_a_held_document_is_another_invoice(desk: Desk, root: Staff) -> None:
    desk.take(ubl(), ubl(item="Ink"))
    another = imports.decide(held_item(), "another", by=root, now=desk.now)
    assert another is not None
    assert (another.address, another.open, Invoice.select().count()) == ("R-1-2", 11900, 2)
    assert desk.outcomes(ubl(), ubl(item="Ink"), ubl(item="Glue")) == ["same", "same", "held"]
    assert_books_agree()


def test_a_held_document_that_staff_dropped_is_not_asked_again(desk: Desk, root: Staff) -> None:
    desk.take(ubl(), ubl(item="Ink"))
    item = held_item()
    imports.decide(item, "dropped", by=root, now=desk.now)
    assert desk.outcomes(ubl(item="Ink")) == ["held"]
    assert ImportItem.get_or_none(ImportItem.outcome == "held", ImportItem.decided_at.is_null()) is None
    with pytest.raises(Refusal, match="already_decided"):
        imports.decide(item, "another", by=root, now=desk.now)


@pytest.mark.parametrize(
    ("changes", "code"), [({"currency": "USD"}, "other_currency"), ({"buyer_id": "C-2"}, "other_customer")]
)
def test_a_revision_for_somebody_else_or_in_another_currency_is_refused(
    desk: Desk, root: Staff, changes: dict[str, str], code: str
) -> None:
    desk.take(ubl(), ubl(**changes))  # type: ignore[arg-type]
    item = held_item()
    with pytest.raises(Refusal, match=code):
        imports.decide(item, "revision", by=root, now=desk.now)
    assert held_item() == item
    assert invoice().version == 1


def test_a_corrected_invoice_revises_the_one_it_names(desk: Desk) -> None:
    correction = ubl("R-9", code="384", preceding="R-1", net="50.00", tax="9.50", total="59.50", payable="59.50")
    assert desk.outcomes(ubl(), correction, correction, ubl()) == ["new", "revised", "same", "same"]
    assert (invoice().open, invoice().version, Invoice.select().count()) == (5950, 2, 1)
    assert_books_agree()


def test_a_correction_of_what_nobody_knows_is_an_invoice(desk: Desk) -> None:
    assert desk.outcomes(ubl("R-9", code="384", preceding="R-1")) == ["new"]


def test_a_correction_for_another_customer_is_refused(desk: Desk) -> None:
    results = desk.take(ubl(), ubl("R-9", code="384", preceding="R-1", buyer_id="C-2"))
    assert [result.outcome for result in results] == ["new", "refused"]
    assert results[1].reason == registry.REASONS["other_customer"]
    assert Customer.select().count() == 1


def test_a_credit_note_reduces_the_invoice_it_names(desk: Desk) -> None:
    desk.take(
        ubl(),
        ubl(
            "N-1", root="CreditNote", code="381", preceding="R-1", net="10", tax="1.90", total="11.90", payable="11.90"
        ),
    )
    note = invoice("N-1")
    assert (invoice().open, note.open, note.credits, credit()) == (10710, 0, invoice(), 0)
    assert desk.outcomes(ubl()) == ["same"]
    assert_books_agree()


def test_a_credit_note_that_names_nothing_known_is_credit(desk: Desk) -> None:
    desk.take(ubl("N-1", root="CreditNote", code="381", preceding="R-7"))
    assert credit() == 11900
    assert_books_agree()


def test_what_a_credit_note_paid_out_takes_nothing_off(desk: Desk) -> None:
    desk.take(ubl(), ubl("N-1", root="CreditNote", code="381", preceding="R-1", prepaid="119.00", payable="0.00"))
    assert (invoice().open, credit()) == (11900, 0)
    assert_books_agree()


# --- The run --------------------------------------------------------------------------------------------------------


def test_a_refused_document_stops_none_of_the_others(desk: Desk) -> None:
    desk.take(ubl("R-1"), ubl("R-2", payable="1.00"), ubl("R-3"))
    assert [line.split("  ")[0] for line in desk.printed] == ["new", "refused", "new"]
    assert desk.printed[0].endswith("0.xml  R-1  119.00 EUR")
    refused = desk.printed[1].split("  ")
    assert refused[2:4] == ["-", "-"]
    assert "BR-CO-16" in refused[4]
    assert refused[4].split(":")[0].isdigit()


def test_a_missing_file_is_refused_and_folders_are_walked(desk: Desk) -> None:
    folder = desk.folder / "below"
    folder.mkdir(parents=True)
    (folder / "a.XML").write_bytes(ubl())
    (folder / ".b.xml").write_bytes(ubl("R-2"))
    (folder / "c.txt").write_bytes(ubl("R-3"))
    assert [result.outcome for result in desk.run(desk.folder, desk.folder / "none.xml")] == ["new", "refused"]
    assert imports.summary({"new": 1, "refused": 1}) == "1 new, 0 same, 0 revised, 0 held, 1 refused"


def test_a_dry_run_says_the_same_and_leaves_nothing(desk: Desk, home: Path) -> None:
    desk.take(ubl("R-0"))
    before = state(), Import.select().count(), ImportItem.select().count()
    kept = sorted(home.joinpath("files").rglob("*"))
    contents = (ubl("R-0"), ubl("R-1"), cii("R-1"), ubl("R-1", item="Ink"), ubl("R-2", payable="1"))
    assert desk.outcomes(*contents, dry_run=True) == ["same", "new", "same", "held", "refused"]
    assert (state(), Import.select().count(), ImportItem.select().count()) == before
    assert sorted(home.joinpath("files").rglob("*")) == kept
    assert desk.outcomes(*contents) == ["same", "new", "same", "held", "refused"]


def test_an_upload_is_queued_and_taken_in_by_a_job(desk: Desk, root: Staff, queue: Queue) -> None:
    many = CSV + "".join(f"{at},2026-11-02,Acme,1,EUR,{at}.00\n" for at in range(1, 61))
    run = imports.begin_upload([("a.xml", ubl()), ("b.csv", many.encode()), ("c.xml", b"<a/>")], by=root, now=desk.now)
    assert [(job.name, job.queue) for job in queue.jobs] == [("workers.imports.run", "bulk")]
    assert (Import.get_by_id(run.id).state, Invoice.select().count()) == (Import.QUEUED, 0)
    imports.perform(run, now=desk.now)
    imports.perform(run, now=desk.now)
    run = Import.get_by_id(run.id)
    assert (run.state, run.done, run.counts) == (Import.DONE, 62, {"new": 61, "refused": 1})
    assert run.items.where(ImportItem.outcome == "waiting").count() == 0
    assert Letter.select().count() == 0


def test_an_import_goes_on_where_its_worker_died(
    desk: Desk, root: Staff, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = CSV + "".join(f"{at},2026-11-02,Acme,1,EUR,{at}.00\n" for at in range(1, 61))
    run = imports.begin_upload([("b.csv", many.encode())], by=root, now=desk.now)
    one = running._Desk._one
    monkeypatch.setattr(running._Desk, "_one", lambda *args: one(*args) if Invoice.select().count() < 30 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        imports.perform(run, now=desk.now)
    assert Invoice.select().count() == 25  # the batch that failed left nothing
    monkeypatch.undo()
    files.configure(desk.folder.parent)
    imports.perform(run, now=desk.now)
    assert Invoice.select().count() == 25  # its lease runs
    queue.jobs.clear()
    later = desk.now + timedelta(minutes=6)
    monkeypatch.setattr(running, "enqueue", lambda name, id, queue: imports.perform(Import.get_by_id(id), now=later))
    imports.sweep(later)
    run = Import.get_by_id(run.id)
    assert (run.state, run.counts, Invoice.select().count()) == (Import.DONE, {"new": 60}, 60)
    assert_books_agree()


# --- Undo -----------------------------------------------------------------------------------------------------------


def run_of(desk: Desk, *contents: bytes) -> Import:
    desk.take(*contents)
    return Import.select().order_by(Import.id.desc()).get()


def test_an_import_is_undone_as_though_it_had_never_been_and_may_come_again(desk: Desk, root: Staff) -> None:
    desk.take(ubl("R-0"))
    run = run_of(
        desk,
        ubl("R-1", prepaid="200.00", payable="-81.00"),
        ubl("N-1", root="CreditNote", code="381", preceding="R-0"),
        ubl("R-0", item="Ink"),
    )
    assert (invoice("R-0").open, credit()) == (0, 8100)
    assert imports.undo(run, by=root, now=desk.now) == 2
    assert (invoice("R-0").open, credit()) == (11900, 0)
    gone = Invoice.get(Invoice.number == "R-1")
    assert (gone.status, gone.identity, gone.open) == (Invoice.VOID, None, 0)
    assert ImportItem.get_or_none(ImportItem.outcome == "held", ImportItem.decided_at.is_null()) is None
    assert_books_agree()
    assert desk.outcomes(ubl("R-1"), ubl("R-0", item="Ink")) == ["new", "held"]
    assert invoice("R-1").address == "R-1-2"
    assert held_item()
    with pytest.raises(NotUndoable, match="not_done"):
        imports.undo(run, by=root, now=desk.now)


@pytest.mark.parametrize(
    ("column", "reason"), [("viewed_at", "seen"), ("sent_at", "mailed"), ("claimed", "paid"), ("version", "revised")]
)
def test_what_was_seen_mailed_paid_or_revised_cannot_be_undone(
    desk: Desk, root: Staff, column: str, reason: str
) -> None:
    run = run_of(desk, ubl("R-1"), ubl("R-2"))
    value = desk.now if column.endswith("_at") else 2
    Invoice.update({column: value}).where(Invoice.number == "R-2").execute()
    assert imports.why_not_undoable(run) == reason
    with pytest.raises(NotUndoable, match=reason):
        imports.undo(run, by=root, now=desk.now)
    assert (Import.get_by_id(run.id).state, invoice("R-1").open) == (Import.DONE, 11900)


def test_an_import_whose_invoice_was_credited_since_cannot_be_undone(desk: Desk, root: Staff) -> None:
    run = run_of(desk, ubl("R-1"))
    desk.take(ubl("N-1", root="CreditNote", code="381", preceding="R-1"))
    with pytest.raises(NotUndoable, match="credited"):
        imports.undo(run, by=root, now=desk.now)


# --- Small rules ----------------------------------------------------------------------------------------------------


def test_documents_are_recognised_by_what_they_say_not_how() -> None:
    one = next(iter(registry.read(ubl())))
    assert isinstance(one, Document)
    assert identity.content_hash(one) == identity.content_hash(replace(one, syntax="cii"))
    assert identity.content_hash(one) != identity.content_hash(replace(one, terms=None))
    assert identity.folded("Müller & Söhne") == "mullersohne"


def test_a_number_of_any_length_is_refused_in_words(desk: Desk) -> None:
    (result,) = desk.take(ubl("9" * 500))
    assert (result.outcome, result.reason) == ("refused", "The number is longer than 120 characters.")


def test_every_refusal_of_an_import_has_its_sentence() -> None:
    for code in ("other_currency", "other_customer", "void", "credit_note_revised", "negative_credit_note"):
        assert registry.reason(Refused(code))
    assert history.COMMAND.kind == "command"
