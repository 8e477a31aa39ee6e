"""What staff see behind a thing: where an invoice came from, every try of a payment, its ledger lines, its history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from peewee import JOIN

from billing import history_shown, inbox, refunds, suspense
from billing.customers import LetterRow, letters_where
from billing.history_shown import LINES, HistoryLine
from models import (
    Allocation,
    Attempt,
    BillingGroup,
    Customer,
    GatewayEvent,
    Import,
    ImportItem,
    Invoice,
    InvoiceFile,
    InvoiceVersion,
    LedgerEntry,
    LedgerLine,
    Letter,
    Payment,
    StoredFile,
)
from money import Money
from records import BadgeView, FileView


@dataclass(frozen=True)
class VersionView:
    version: int
    arrived_at: datetime
    total: Money
    payable: Money
    current: bool
    files: tuple[FileView, ...]


@dataclass(frozen=True)
class OriginView:
    """The import that brought an invoice."""

    id: str
    at: datetime
    file_name: str
    url: str


@dataclass(frozen=True)
class InFlight:
    """A payment that is to pay an invoice, or did."""

    reference: str
    url: str
    amount: Money
    at: datetime
    badge: BadgeView


@dataclass(frozen=True)
class InvoiceDossier:
    customer: str
    customer_url: str
    portal_hidden: bool  # dated after today, and such invoices are hidden from customers
    claimed: Money
    brought_forward: bool
    held_reason: str
    held_since: datetime | None
    sent_at: datetime | None
    viewed_at: datetime | None
    arrived_at: datetime
    credits: inbox.Subject | None  # of a credit note: the invoice it reduces
    credited_by: tuple[inbox.Subject, ...]
    origins: tuple[OriginView, ...]
    versions: tuple[VersionView, ...]
    payments: tuple[InFlight, ...]
    letters: tuple[LetterRow, ...]
    history: tuple[HistoryLine, ...]
    to_do: tuple[inbox.Item, ...]


@dataclass(frozen=True)
class AttemptView:
    """One try at the provider. `evidence` is what it said, as text, without secrets."""

    number: int
    operation: str
    state: str
    provider: str
    key: str  # the beginning of it: enough to find it at the provider
    theirs: str
    started_at: datetime
    ended_at: datetime | None
    tries: int
    asked: int
    ask_at: datetime | None
    fee: Money | None
    evidence: str


@dataclass(frozen=True)
class LedgerRow:
    on: date
    event: str
    account: str
    debit: Money | None
    credit: Money | None
    invoice: str


@dataclass(frozen=True)
class EventView:
    """Something the provider told us that names this payment."""

    at: datetime
    kind: str
    event_id: str
    result: str  # matched, foreign, or "" while nobody looked


@dataclass(frozen=True)
class PaymentDossier:
    customer: str  # empty while nobody knows whose payment it is
    customer_url: str
    came_by: str  # portal, guest, form
    guest_name: str
    guest_email: str
    typed: str  # the reference somebody wrote on the payment form
    waits: Money | None  # what of it lies in suspense, to be matched or sent back
    stuck: str  # why it cannot be sent back from here; empty where it can
    refunds: tuple[refunds.RefundView, ...]
    initiator: str
    rehearsal: bool
    cancel_asked_at: datetime | None
    again_asked_at: datetime | None
    unknown_since: datetime | None
    decline_code: str
    attempts: tuple[AttemptView, ...]
    ledger: tuple[LedgerRow, ...]
    events: tuple[EventView, ...]
    letters: tuple[LetterRow, ...]
    history: tuple[HistoryLine, ...]
    to_do: tuple[inbox.Item, ...]

    @property
    def wants_decision(self) -> bool:
        """Whether every question was asked in vain: now staff may say what they saw at the provider."""
        return any(item.kind == "unknown_payment" for item in self.to_do)


def of_invoice(invoice: Invoice, *, badges: dict[str, BadgeView], hidden_from: date | None) -> InvoiceDossier:
    """What stands behind an invoice. `hidden_from`: customers see nothing dated later; None: they see all."""
    group: BillingGroup = invoice.group
    related = inbox.subjects(
        [("invoice", id) for (id,) in Invoice.select(Invoice.id).where(Invoice.credits == invoice.id).tuples()]
        + ([("invoice", invoice.credits_id)] if invoice.credits_id else [])
    )
    return InvoiceDossier(
        customer=group.customer.name,
        customer_url=f"/admin/customers/{group.customer.public_id}",
        portal_hidden=hidden_from is not None and invoice.issued_on > hidden_from,
        claimed=Money(invoice.claimed, invoice.currency),
        brought_forward=invoice.brought_forward,
        held_reason=invoice.held_reason or "",
        held_since=invoice.held_since,
        sent_at=invoice.sent_at,
        viewed_at=invoice.viewed_at,
        arrived_at=invoice.created_at,
        credits=related.get(("invoice", invoice.credits_id)),
        credited_by=tuple(subject for (_, id), subject in related.items() if id != invoice.credits_id),
        origins=_origins(invoice),
        versions=_versions(invoice),
        payments=_in_flight(invoice, badges),
        letters=letters_where(Letter.invoice == invoice.id, limit=LINES),
        history=history_shown.of(invoice),
        to_do=inbox.about(invoice),
    )


def of_payment(payment: Payment) -> PaymentDossier:
    customer: Customer | None = payment.group.customer if payment.group_id else None
    waits = suspense.waits(payment)
    attempts = list(Attempt.select().where(Attempt.payment == payment.id).order_by(Attempt.number))
    return PaymentDossier(
        customer=customer.name if customer else "",
        customer_url=f"/admin/customers/{customer.public_id}" if customer else "",
        came_by=payment.came_by,
        guest_name=payment.guest_name,
        guest_email=payment.guest_email or "",
        typed=payment.reference,
        waits=Money(payment.suspense, payment.currency) if waits else None,
        stuck=refunds.hindrance(payment) if waits else "",
        refunds=refunds.of(payment),
        initiator=payment.initiator,
        rehearsal=not payment.connection.live,
        cancel_asked_at=payment.cancel_asked_at,
        again_asked_at=payment.again_asked_at,
        unknown_since=payment.unknown_since,
        decline_code=payment.decline_code or "",
        attempts=tuple(_attempt(attempt, payment) for attempt in attempts),
        ledger=_ledger(payment),
        events=_events(payment, [attempt.theirs for attempt in attempts if attempt.theirs]),
        letters=letters_where(Letter.payment == payment.id, limit=LINES),
        history=history_shown.of(payment),
        to_do=inbox.about(payment),
    )


def file_of(invoice: Invoice, id: int) -> tuple[StoredFile, str] | None:
    """An original or attachment of any version of an invoice, with its name."""
    row = (
        InvoiceFile.select(InvoiceFile, StoredFile)
        .join(StoredFile)
        .where(InvoiceFile.id == id, InvoiceFile.invoice == invoice.id)
        .first()
    )
    return (row.file, row.name) if row else None


def _origins(invoice: Invoice) -> tuple[OriginView, ...]:
    query = (
        ImportItem.select(Import.public_id, Import.created_at, ImportItem.file_name, ImportItem.id)
        .join(Import)
        .where(
            ImportItem.invoice == invoice.id,
            ImportItem.outcome.in_(("new", "revised")) | ImportItem.decision.in_(("another", "revision")),
        )
        .order_by(ImportItem.id)
        .limit(LINES)
        .tuples()
    )
    return tuple(
        OriginView(run, at, Path(file_name).name, f"/admin/imports/{run}#item-{id}") for run, at, file_name, id in query
    )


def _versions(invoice: Invoice) -> tuple[VersionView, ...]:
    files: dict[int, list[FileView]] = {}
    query = (
        InvoiceFile.select(
            InvoiceFile.version, InvoiceFile.id, InvoiceFile.name, StoredFile.media_type, StoredFile.size
        )
        .join(StoredFile)
        .where(InvoiceFile.invoice == invoice.id)
        .order_by(InvoiceFile.id)
        .tuples()
    )
    for version, id, name, media_type, size in query:
        url = f"/admin/invoices/{invoice.address}/files/{id}"
        files.setdefault(version, []).append(FileView(id, name, media_type, size, url))
    rows = (
        InvoiceVersion.select(
            InvoiceVersion.version, InvoiceVersion.arrived_at, InvoiceVersion.total, InvoiceVersion.payable
        )
        .where(InvoiceVersion.invoice == invoice.id)
        .order_by(InvoiceVersion.version.desc())
        .tuples()
    )
    return tuple(
        VersionView(
            version=version,
            arrived_at=at,
            total=Money(total, invoice.currency),
            payable=Money(payable, invoice.currency),
            current=version == invoice.version,
            files=tuple(files.get(version, ())),
        )
        for version, at, total, payable in rows
    )


def _in_flight(invoice: Invoice, badges: dict[str, BadgeView]) -> tuple[InFlight, ...]:
    query = (
        Allocation.select(Payment.public_id, Allocation.amount, Payment.created_at, Payment.state)
        .join(Payment)
        .where(Allocation.invoice == invoice.id)
        .order_by(Payment.id.desc())
        .limit(LINES)
        .tuples()
    )
    return tuple(
        InFlight(reference, f"/admin/payments/{reference}", Money(amount, invoice.currency), at, badges[state])
        for reference, amount, at, state in query
    )


def _attempt(attempt: Attempt, payment: Payment) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        operation=attempt.operation,
        state=attempt.state,
        provider=payment.connection.provider,
        key=attempt.key[:12],
        theirs=attempt.theirs or "",
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        tries=attempt.tries,
        asked=attempt.asked,
        ask_at=attempt.ask_at if attempt.live else None,
        fee=Money(attempt.fee, payment.currency) if attempt.fee is not None else None,
        evidence=json.dumps(attempt.raw, ensure_ascii=False, indent=2, sort_keys=True) if attempt.raw else "",
    )


def _ledger(payment: Payment) -> tuple[LedgerRow, ...]:
    query = (
        LedgerLine.select(
            LedgerEntry.on,
            LedgerEntry.event,
            LedgerLine.account,
            LedgerLine.amount,
            LedgerLine.currency,
            Invoice.number,
        )
        .join(LedgerEntry)
        .switch(LedgerLine)
        .join(Invoice, JOIN.LEFT_OUTER)
        .where(LedgerLine.payment == payment.id)
        .order_by(LedgerLine.id)
        .tuples()
    )
    return tuple(
        LedgerRow(
            on=date.fromisoformat(on) if isinstance(on, str) else on,
            event=event,
            account=account,
            debit=Money(amount, currency) if amount > 0 else None,
            credit=Money(-amount, currency) if amount < 0 else None,
            invoice=number or "",
        )
        for on, event, account, amount, currency, number in query
    )


def _events(payment: Payment, theirs: list[str]) -> tuple[EventView, ...]:
    named = GatewayEvent.ours == payment.secret
    if theirs:
        named |= GatewayEvent.theirs.in_(theirs)
    query = (
        GatewayEvent.select(GatewayEvent.received_at, GatewayEvent.kind, GatewayEvent.event_id, GatewayEvent.result)
        .where(GatewayEvent.connection == payment.connection_id, named)
        .order_by(GatewayEvent.id)
        .limit(LINES)
        .tuples()
    )
    return tuple(EventView(at, kind, event_id, result or "") for at, kind, event_id, result in query)
