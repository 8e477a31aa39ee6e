"""What arrived: imports and their documents as staff see them, and how a held one differs from the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from peewee import JOIN

from accounting import registry
from billing import imports
from models import BillingGroup, Customer, Import, ImportItem, Invoice, InvoiceVersion, Staff
from money import Money

PAGE = 50
ITEMS = 100  # documents on a page of an import
OUTCOMES = ("new", "same", "revised", "held", "refused")
SAMPLE = Path(registry.__file__).with_name("samples") / "invoices.csv"

# What a held document is compared by, in this order: the field's name in the document, and whether it is an amount.
COMPARED = (
    ("payable", True),
    ("total", True),
    ("net", True),
    ("tax", True),
    ("prepaid", True),
    ("issued_on", False),
    ("due_on", False),
    ("po_number", False),
    ("terms", False),
)
MOST_LINES = 10  # of lines that differ, so many are shown


@dataclass(frozen=True)
class ImportRow:
    """An import in the list."""

    id: str
    url: str
    at: datetime
    origin: str  # command, upload
    who: str
    state: str
    done: int
    total: int
    counts: tuple[tuple[str, int], ...]  # outcome and how many, the ones above none
    held: int  # still to be decided
    failure: str = ""
    undone_at: datetime | None = None

    @property
    def is_moving(self) -> bool:
        return self.state in (Import.QUEUED, Import.RUNNING)


@dataclass(frozen=True)
class ImportPage:
    rows: tuple[ImportRow, ...]
    older: str = ""


@dataclass(frozen=True)
class ItemRow:
    """A document of an import."""

    id: int
    file_name: str
    number: str
    amount: Money | None
    outcome: str
    line: int | None
    reason: str
    decision: str  # revision, another, dropped, repeated, undone; "" while nobody decided
    waits: bool
    url: str  # of the invoice it became or collides with


@dataclass(frozen=True)
class ItemPage:
    items: tuple[ItemRow, ...]
    more: str = ""  # the key of what follows


@dataclass(frozen=True)
class Difference:
    """Where two documents differ: the field, what the first says, what the held one says."""

    field: str
    before: Money | str
    after: Money | str


@dataclass(frozen=True)
class HeldView:
    """A held document beside the one it collides with."""

    id: int
    number: str
    kind: str
    file_name: str
    buyer: str
    amount: Money
    first_number: str
    first_url: str
    first_customer: str
    differences: tuple[Difference, ...]


def page(after: str = "") -> ImportPage:
    """Imports, newest first, by key. Three queries."""
    query = Import.select(Import, Staff).join(Staff, JOIN.LEFT_OUTER).order_by(Import.id.desc()).limit(PAGE + 1)
    if after.isascii() and after.isdigit() and len(after) < 10:
        query = query.where(Import.id < int(after))
    rows = list(query)
    more, rows = len(rows) > PAGE, rows[:PAGE]
    held = _held_in([row.id for row in rows])
    return ImportPage(tuple(_row(row, held.get(row.id, 0)) for row in rows), older=str(rows[-1].id) if more else "")


def with_held(limit: int = PAGE) -> tuple[ImportRow, ...]:
    """The imports in which a document waits for a decision, newest first."""
    waiting = ImportItem.select(ImportItem.run).where(ImportItem.outcome == "held", ImportItem.decided_at.is_null())
    query = Import.select(Import, Staff).join(Staff, JOIN.LEFT_OUTER).where(Import.id.in_(waiting))
    rows = list(query.order_by(Import.id.desc()).limit(limit))
    held = _held_in([row.id for row in rows])
    return tuple(_row(row, held.get(row.id, 0)) for row in rows)


def one(public_id: str) -> Import | None:
    if not public_id.isprintable():
        return None
    found: Import | None = (
        Import.select(Import, Staff).join(Staff, JOIN.LEFT_OUTER).where(Import.public_id == public_id).first()
    )
    return found


def view(run: Import) -> ImportRow:
    return _row(run, _held_in([run.id]).get(run.id, 0))


def why_not_undoable(run: Import) -> str:
    """Why it cannot be taken back; "" where it can."""
    if run.state != Import.DONE:
        return "not_done"
    return imports.why_not_undoable(run) or ""


def brought(run: Import) -> int:
    """How many invoices came by it: what an undoing takes back."""
    return int(
        ImportItem.select()
        .where(
            ImportItem.run == run.id,
            ImportItem.invoice.is_null(False),
            (ImportItem.outcome == "new") | (ImportItem.decision == "another"),
        )
        .count()
    )


def items(run: Import, *, outcome: str = "", after: str = "") -> ItemPage:
    """An import's documents in their order, by key; of one outcome, where one is named."""
    query = (
        ImportItem.select(ImportItem, Invoice.address)
        .join(Invoice, JOIN.LEFT_OUTER, on=(ImportItem.invoice == Invoice.id), attr="at")
        .where(ImportItem.run == run.id)
        .order_by(ImportItem.position, ImportItem.id)
        .limit(ITEMS + 1)
    )
    if outcome in OUTCOMES:
        query = query.where(ImportItem.outcome == outcome)
    position, _, id = after.partition("_")
    if position.isascii() and position.isdigit() and id.isascii() and id.isdigit() and len(after) < 20:
        query = query.where(
            (ImportItem.position > int(position)) | ((ImportItem.position == int(position)) & (ImportItem.id > int(id)))
        )
    rows = list(query)
    more, rows = len(rows) > ITEMS, rows[:ITEMS]
    key = f"{rows[-1].position}_{rows[-1].id}" if more else ""
    return ItemPage(tuple(_item(row) for row in rows), more=key)


def held_item(run: Import, id: int) -> ImportItem | None:
    """A held document of this import, whether decided or not."""
    found: ImportItem | None = ImportItem.get_or_none(
        ImportItem.id == id, ImportItem.run == run.id, ImportItem.outcome == "held"
    )
    return found


def held_view(item: ImportItem) -> HeldView:
    """The held document beside the first. Its own content is kept with it; that of a repeated one is the earlier's."""
    said: dict[str, Any] = item.content or {}
    first: Invoice = item.invoice
    version = InvoiceVersion.get(InvoiceVersion.invoice == first.id, InvoiceVersion.version == first.version)
    customer = Customer.select(Customer.name).join(BillingGroup).where(BillingGroup.id == first.group_id).scalar()
    return HeldView(
        id=item.id,
        number=item.number or "",
        kind=said.get("kind", "invoice"),
        file_name=Path(item.file_name).name,
        buyer=(said.get("buyer") or {}).get("name", ""),
        amount=Money(item.payable or 0, item.currency or first.currency),
        first_number=first.number,
        first_url=f"/admin/invoices/{first.address}",
        first_customer=customer or "",
        differences=tuple(differences(version.content, said)),
    )


def differences(first: dict[str, Any], held: dict[str, Any]) -> list[Difference]:
    """Where the held document says something else: parties, amounts, dates, lines."""
    found = []
    for party in ("seller", "buyer"):
        before, after = ((said.get(party) or {}).get("name") or "" for said in (first, held))
        if before != after:
            found.append(Difference(party, before, after))
    for name, is_amount in COMPARED:
        before, after = first.get(name), held.get(name)
        if before == after and first.get("currency") == held.get("currency"):
            continue
        if is_amount:
            found.append(Difference(name, Money(before or 0, first["currency"]), Money(after or 0, held["currency"])))
        elif before != after:
            found.append(Difference(name, str(before or ""), str(after or "")))
    return found + _lines_that_differ(first, held)


def _lines_that_differ(first: dict[str, Any], held: dict[str, Any]) -> list[Difference]:
    before = [_line(line, first["currency"]) for line in first.get("lines") or ()]
    after = [_line(line, held["currency"]) for line in held.get("lines") or ()]
    length = max(len(before), len(after))
    before += [""] * (length - len(before))
    after += [""] * (length - len(after))
    unlike = [Difference("line", b, a) for b, a in zip(before, after, strict=True) if b != a]
    return unlike[:MOST_LINES]


def _line(line: dict[str, Any], currency: str) -> str:
    return f"{line.get('name') or ''} {Money(line.get('net') or 0, currency).decimal}"


def _held_in(runs: list[int]) -> dict[int, int]:
    if not runs:
        return {}
    found: dict[int, int] = {}
    query = ImportItem.select(ImportItem.run).where(
        ImportItem.run.in_(runs), ImportItem.outcome == "held", ImportItem.decided_at.is_null()
    )
    for (run,) in query.tuples():
        found[run] = found.get(run, 0) + 1
    return found


def _row(run: Import, held: int) -> ImportRow:
    return ImportRow(
        id=run.public_id,
        url=f"/admin/imports/{run.public_id}",
        at=run.created_at,
        origin=run.origin,
        who=run.staff.name if run.staff_id else "",
        state=run.state,
        done=run.done,
        total=run.total,
        counts=tuple((outcome, run.counts[outcome]) for outcome in OUTCOMES if run.counts.get(outcome)),
        held=held,
        failure=run.failure or "",
        undone_at=run.undone_at,
    )


def _item(item: ImportItem) -> ItemRow:
    address = item.at.address if item.invoice_id and getattr(item, "at", None) else ""
    return ItemRow(
        id=item.id,
        file_name=Path(item.file_name).name,
        number=item.number or "",
        amount=Money(item.payable, item.currency) if item.payable is not None and item.currency else None,
        outcome=item.outcome,
        line=item.line,
        reason=item.reason or "",
        decision=item.decision or "",
        waits=item.outcome == "held" and item.decided_at is None,
        url=f"/admin/invoices/{address}" if address and item.decision != "undone" else "",
    )
