"""What becomes of one document that arrived: new, same, revised, held; refusals are raised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from accounting.contract import Document, Kind, Refused
from billing import attention, files, history, ledger
from billing.documents_shown import pack
from billing.imports import customers, identity
from billing.imports.customers import By
from billing.prepared import insert, rows
from database import db, is_sqlite
from models import BillingGroup, ImportItem, Invoice, InvoiceFile, InvoiceVersion, StoredFile

CORRECTION = "384"  # a corrected invoice: a revision of the one it names
PAYS_ITSELF = frozenset(("48", "49", "54", "55", "59"))  # the merchant's own debit; a card, perhaps taken
VERSIONED = frozenset[str]()  # sources that say themselves what is a revision; files do not
OTHERS_FIT = 200  # characters that fit where a document's words become a column of ours


ADVISORY = 0x5449_4C4C  # PostgreSQL's lock under which documents are taken in, one transaction after the other


class Outcome(StrEnum):
    NEW, SAME, REVISED, HELD, REFUSED = "new", "same", "revised", "held", "refused"


@dataclass(frozen=True)
class Original:
    """The file a document came in. `syntax`: csv, ubl, cii, pdf."""

    name: str
    stored: StoredFile
    syntax: str


@dataclass(frozen=True)
class Taken:
    """What became of it. `invoice`: what it is now, or what it collides with. `content`: of a held one, for staff."""

    outcome: Outcome
    invoice: Invoice | None
    content: dict[str, Any] | None = None


def take_turns() -> None:
    """Wait, inside a transaction, until nobody else takes in, decides about or undoes documents; until its end.

    What is looked for first and made where it is missing would else be made twice. SQLite's writers take turns anyway.
    """
    if not is_sqlite():
        db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (ADVISORY,))


def take_in(
    document: Document, original: Original, *, go_live_on: date | None, by: By, now: datetime, today: date
) -> Taken:
    """Take one document in, inside the caller's transaction. Raises Refused, having written nothing that stays.

    The amount due of a new invoice is the document's to the minor unit: what it asks for is owed, what it says was
    prepaid was settled elsewhere, and what is then below zero is the group's credit.
    """
    if len(document.number) > identity.LONGEST_NUMBER:
        raise Refused("too_long", what="number", limit=identity.LONGEST_NUMBER)
    said = identity.content_hash(document)
    alike = _alike(document)
    if found := _version_of(alike, said, document):
        _keep_original(found[0], found[1], original)
        return Taken(Outcome.SAME, found[0])
    if not alike and document.type_code == CORRECTION:
        named = _named(document)
        if len(named) == 1:
            if found := _version_of(named, said, document):
                _keep_original(found[0], found[1], original)
                return Taken(Outcome.SAME, found[0])
            revise(named[0], document, said, original, by=by, now=now, today=today)
            return Taken(Outcome.REVISED, named[0])
        if named:  # it names several that we know: which one, staff must say
            return _held(document, said, named[-1])
    if not alike:
        return Taken(Outcome.NEW, make(document, said, original, go_live_on=go_live_on, by=by, now=now, today=today))
    if document.source in VERSIONED:
        revise(alike[0], document, said, original, by=by, now=now, today=today)
        return Taken(Outcome.REVISED, alike[0])
    return _held(document, said, alike[0])


def make(
    document: Document,
    said: str,
    original: Original,
    *,
    go_live_on: date | None,
    by: By,
    now: datetime,
    today: date,
    copy: int = 1,
) -> Invoice:
    """A new invoice or credit note of what a document says, booked. Raises Refused."""
    group = customers.find_or_make(document, by=by, now=now)
    is_note = document.kind == Kind.CREDIT_NOTE
    sums = sums_of(pack_sums(document))
    if is_note and (sums.owed < 0 or sums.owed < sums.prepaid):
        raise Refused("negative_credit_note")
    credits = next((row for row in _named(document) if row.group_id == group.id), None) if is_note else None
    values = {
        "address": identity.address(document.number),
        "number": document.number,
        "kind": str(document.kind),
        "group": group.id,
        "issued_on": document.issued_on,
        "due_on": due_on(document),
        "currency": document.currency,
        "total": document.total,
        "payable": document.payable,
        "po_number": _fitting(document.po_number),
        "credits": credits.id if credits else None,
        "source": document.source,
        "seller_key": _fitting(identity.seller_key(document.seller)) or "",
        "identity": identity.identity(document, copy),
        "brought_forward": go_live_on is None or document.issued_on < go_live_on,
        "pays_itself": pays_itself(document),
        "created_at": now,
    }
    invoice = Invoice(id=insert(Invoice, **values), **values)
    _add_version(invoice, document, said, original, 1, now=now)
    if is_note:
        ledger.credit_note_arrived(invoice, sums, credits=credits, now=now, today=today)
    else:
        ledger.invoice_arrived(invoice, sums, now=now, today=today)
    history.record(invoice, "imported", by=by, now=now)
    return invoice


def revise(
    invoice: Invoice, document: Document, said: str, original: Original, *, by: By, now: datetime, today: date
) -> None:
    """Let a document be the next version of an invoice: the difference is posted, the old version stays.

    Staff are told. Raises Refused: other_currency, other_customer, void, credit_note_revised.
    """
    if invoice.kind != Invoice.INVOICE or document.kind != Kind.INVOICE:
        raise Refused("credit_note_revised")
    if invoice.status != Invoice.OPEN:
        raise Refused("void")
    if invoice.currency != document.currency:
        raise Refused("other_currency")
    customer = customers.find(document)
    if customer is None or customer.id != invoice.group.customer_id:
        raise Refused("other_customer")
    ledger.locked(BillingGroup, invoice.group_id)  # before its invoices, as everybody does
    version = invoice.version + 1
    last = InvoiceVersion.get(InvoiceVersion.invoice == invoice.id, InvoiceVersion.version == invoice.version)
    changed = (
        Invoice.update(
            version=version,
            total=document.total,
            payable=document.payable,
            due_on=due_on(document),
            po_number=_fitting(document.po_number),
            pays_itself=pays_itself(document),
        )
        .where(Invoice.id == invoice.id, Invoice.version == invoice.version, Invoice.status == Invoice.OPEN)
        .execute()
    )
    if changed != 1:
        raise Refused("void")
    _add_version(invoice, document, said, original, version, now=now)
    before, after = sums_of(last.content), sums_of(pack_sums(document))
    ledger.revised(invoice, before, after, version=version, now=now, today=today)
    history.record(invoice, "revised", by=by, now=now, version=version, before=last.payable, after=document.payable)
    attention.tell(
        "invoice_revised", invoice, cause=f"invoice {invoice.id} revision {version}", now=now, version=version
    )


def next_copy(document: Document) -> int:
    """Which of several invoices with this identity a further one is."""
    return len(_alike(document)) + 1


def due_on(document: Document) -> date:
    """The day it is due; without one it is due on receipt, whatever its terms say in words."""
    return document.due_on or document.issued_on


def pays_itself(document: Document) -> bool:
    """All the ways to pay that it names are the merchant's own debit or a card that was perhaps taken."""
    codes = {means.code for means in document.means}
    return bool(codes) and codes <= PAYS_ITSELF


def pack_sums(document: Document) -> dict[str, Any]:
    """Of a document what `sums_of` reads in a stored one."""
    return {
        "net": document.net,
        "tax": document.tax,
        "rounding": document.rounding,
        "prepaid": document.prepaid,
        "third_party": [{"amount": item.amount} for item in document.third_party],
    }


def sums_of(content: dict[str, Any]) -> ledger.Sums:
    """A stored document's amounts for the books. What it collects for third parties is asked for like the rest."""
    others = sum(item["amount"] for item in content["third_party"])
    return ledger.Sums(
        net=content["net"] + others, tax=content["tax"], rounding=content["rounding"], prepaid=content["prepaid"]
    )


def _alike(document: Document) -> list[Invoice]:
    """The invoices of this identity: usually one; more where staff said *another invoice*. Oldest first."""
    return rows(
        Invoice,
        "alike",
        lambda seller, number, day, kind, source: (
            Invoice.select()
            .where(
                Invoice.seller_key == seller,
                Invoice.number == number,
                Invoice.issued_on == day,
                Invoice.kind == kind,
                Invoice.source == source,
                Invoice.identity.is_null(False),  # an undone one counts as never seen
            )
            .order_by(Invoice.id)
        ),
        _fitting(identity.seller_key(document.seller)) or "",
        document.number,
        document.issued_on,
        str(document.kind),
        document.source,
    )


def _named(document: Document) -> list[Invoice]:
    """The invoices that a correction or credit note names (BG-3), of the same seller, in its order."""
    found: list[Invoice] = []
    for number, issued_on in document.preceding:
        query = Invoice.select().where(
            Invoice.seller_key == (_fitting(identity.seller_key(document.seller)) or ""),
            Invoice.number == number,
            Invoice.source == document.source,
            Invoice.kind == Invoice.INVOICE,
            Invoice.status == Invoice.OPEN,
            Invoice.identity.is_null(False),
        )
        if issued_on is not None:
            query = query.where(Invoice.issued_on == issued_on)
        found += [row for row in query.order_by(Invoice.id) if row not in found]
    return found


def _version_of(invoices: list[Invoice], said: str, document: Document) -> tuple[Invoice, int] | None:
    """Which version of which of them says the same. A source with versions may go back to an earlier one."""
    for invoice in invoices:
        query = InvoiceVersion.select(InvoiceVersion.version).where(
            InvoiceVersion.invoice == invoice.id, InvoiceVersion.content_hash == said
        )
        if document.source in VERSIONED:
            query = query.where(InvoiceVersion.version == invoice.version)
        if (version := query.order_by(InvoiceVersion.version.desc()).scalar()) is not None:
            return invoice, version
    return None


def _held(document: Document, said: str, invoice: Invoice) -> Taken:
    """A question to staff, once: what waits already, or was dropped by them, is not asked again."""
    waiting = (
        ImportItem.select(ImportItem.content)
        .where(ImportItem.outcome == Outcome.HELD, ImportItem.number == document.number)
        .where(ImportItem.decision.is_null() | (ImportItem.decision == "dropped"))
    )
    asked = any(item.content and item.content["hash"] == said for item in waiting)
    return Taken(Outcome.HELD, invoice, None if asked else {**pack(document), "hash": said})


def _add_version(
    invoice: Invoice, document: Document, said: str, original: Original, version: int, *, now: datetime
) -> None:
    insert(
        InvoiceVersion,
        invoice=invoice.id,
        version=version,
        content=pack(document),
        content_hash=said,
        total=document.total,
        payable=document.payable,
        arrived_at=now,
    )
    _keep_original(invoice, version, original)
    for attachment in document.attachments:
        if attachment.content is not None:
            media_type = (attachment.media_type or "application/octet-stream")[:OTHERS_FIT]
            stored = files.keep(attachment.content, media_type, now=now)
            _link(invoice, version, stored, InvoiceFile.ATTACHMENT, document.syntax, attachment.name)


def _keep_original(invoice: Invoice, version: int, original: Original) -> None:
    """Keep the file with the invoice, unless it is a CSV file: that one tells of other customers too."""
    if original.syntax != "csv":
        _link(invoice, version, original.stored, InvoiceFile.ORIGINAL, original.syntax, original.name)


def _link(invoice: Invoice, version: int, stored: StoredFile, role: str, syntax: str, name: str) -> None:
    link = {"invoice": invoice.id, "version": version, "file": stored.id}
    insert(InvoiceFile, ignore_conflict=True, **link, role=role, syntax=syntax, name=name)


def _fitting(text: str | None) -> str | None:
    return text[:OTHERS_FIT] if text else None
