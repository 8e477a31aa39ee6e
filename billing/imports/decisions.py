"""What staff say afterwards: about a held document, or that a whole import should not have been."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from peewee import ModelSelect

from accounting import registry
from accounting.contract import Document, Refused
from billing import dates, files, history, ledger, settings
from billing.errors import NotUndoable, Refusal
from billing.imports import identity, taking
from billing.imports.taking import Original, Outcome
from database import transaction
from models import Allocation, Import, ImportItem, Invoice, Staff

Decision = Literal["revision", "another", "dropped"]
DECISIONS: tuple[Decision, ...] = ("revision", "another", "dropped")


def decide(item: ImportItem, decision: Decision, *, by: Staff | history.Actor, now: datetime) -> Invoice | None:
    """Settle a held document: a *revision* of the invoice it collides with, *another* invoice, or *dropped*.

    The invoice it became. Raises Refusal: already_decided, original_lost, or what money.md's section 8 refuses
    (other_currency, other_customer, void, credit_note_revised), and then nothing has changed.
    """
    known = settings.load()
    today = dates.day(now, known.timezone)
    with transaction():
        taking.take_turns()
        changed = (
            ImportItem.update(decided_at=now, decision=decision)
            .where(ImportItem.id == item.id, ImportItem.outcome == Outcome.HELD, ImportItem.decided_at.is_null())
            .execute()
        )
        if changed != 1:
            raise Refusal("already_decided")
        history.record(item, f"held_{decision}", by=by, now=now)
        if decision == "dropped":
            return None
        document, original = _arrived(item)
        said = identity.content_hash(document)
        try:
            if decision == "revision":
                invoice = item.invoice
                taking.revise(invoice, document, said, original, by=by, now=now, today=today)
            else:
                invoice = taking.make(
                    document,
                    said,
                    original,
                    go_live_on=known.go_live_on,
                    copy=taking.next_copy(document),
                    by=by,
                    now=now,
                    today=today,
                )
        except Refused as refused:
            raise Refusal(refused.code, **refused.values) from None
        ImportItem.update(invoice=invoice).where(ImportItem.id == item.id).execute()
    return Invoice.get_by_id(invoice.id)  # type: ignore[no-any-return]


def undo(run: Import, *, by: Staff | history.Actor, now: datetime) -> int:
    """Take an import back, as though it had never been; how many invoices went.

    Possible until something of it was seen, mailed, paid, credited or revised (`why_not_undoable`). The ledger only
    grows, so each invoice is answered by the opposite entry; it stays as a void row without identity, which no list
    shows to customers, and the same file may be imported again. Its page address stays used. Customers that the import
    made stay too: they owe nothing and nobody can sign in for them. Its held documents are dropped. Raises NotUndoable.
    """
    today = dates.day(now, settings.load().timezone)
    with transaction():
        taking.take_turns()
        changed = (
            Import.update(state=Import.UNDONE, undone_at=now)
            .where(Import.id == run.id, Import.state == Import.DONE)
            .execute()
        )
        if changed != 1:
            raise NotUndoable("not_done")
        if reason := why_not_undoable(run):
            raise NotUndoable(reason)
        brought = _brought(run)
        for invoice in reversed(brought):  # a credit note before the invoice it reduces
            ledger.undo(invoice, now=now, today=today)
            gone = (
                Invoice.update(status=Invoice.VOID, voided_at=now, identity=None)
                .where(
                    Invoice.id == invoice.id,
                    Invoice.claimed == 0,
                    Invoice.viewed_at.is_null(),
                    Invoice.sent_at.is_null(),
                )
                .execute()
            )
            if gone != 1:  # since we looked, above
                raise NotUndoable("seen")
            history.record(invoice, "import_undone", by=by, now=now)
        ImportItem.update(decided_at=now, decision="undone").where(
            ImportItem.run == run.id, ImportItem.outcome == Outcome.HELD, ImportItem.decided_at.is_null()
        ).execute()
        history.record(run, "import_undone", by=by, now=now, invoices=len(brought))
    return len(brought)


def why_not_undoable(run: Import) -> str | None:
    """Why this import can no longer be taken back; None if it can: seen, mailed, paid, credited, revised, voided."""
    revised = (ImportItem.outcome == Outcome.REVISED) | (ImportItem.decision == "revision")
    if ImportItem.select().where(ImportItem.run == run.id, revised).exists():
        return "revised"
    brought = _brought(run)
    for invoice in brought:
        for is_so, reason in (
            (invoice.status != Invoice.OPEN, "voided"),
            (invoice.viewed_at is not None, "seen"),
            (invoice.sent_at is not None, "mailed"),
            (invoice.version > 1, "revised"),
            (invoice.claimed > 0, "paid"),
        ):
            if is_so:
                return reason
    ids = _ids(run)
    if Allocation.select().where(Allocation.invoice.in_(ids)).exists():
        return "paid"
    later = Invoice.select(Invoice.id).where(
        Invoice.credits.in_(ids), Invoice.identity.is_null(False), Invoice.id.not_in(ids)
    )
    return "credited" if later.exists() else None


def _ids(run: Import) -> ModelSelect:
    """The invoices that came by it: its new ones, and held ones of which staff said *another invoice*."""
    return ImportItem.select(ImportItem.invoice).where(
        ImportItem.run == run.id,
        ImportItem.invoice.is_null(False),
        (ImportItem.outcome == Outcome.NEW) | (ImportItem.decision == "another"),
    )


def _brought(run: Import) -> list[Invoice]:
    return list(Invoice.select().where(Invoice.id.in_(_ids(run))).order_by(Invoice.id))


def _arrived(item: ImportItem) -> tuple[Document, Original]:
    """The held document, read once more from the file it came in."""
    content = files.read(item.file)
    shape = registry.kind(content)
    for found in registry.read(content, item.file_name, currency=settings.load().currency):
        if isinstance(found, Document) and identity.content_hash(found) == item.content["hash"]:
            return found, Original(item.file_name, item.file, found.syntax if shape == "xml" else shape)
    raise Refusal("original_lost")
