"""Send: staff mail an invoice, and who gets it may sign in, see it and pay it. Nothing else ever mails an invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from billing import history, ledger, letters, people
from billing.errors import Refusal
from billing.settings import Settings
from database import retried, transaction
from models import Invoice, InvoiceVersion, Letter, Membership, Person, Staff
from workers import queue

KIND = "invoice_issued"


class NotSendable(Refusal):
    """An invoice that is not to be mailed: `cancelled`, `dated_later` (customers do not see it yet), or `bad_email`."""

    code = "not_sendable"


class SentBefore(Refusal):
    """This address has had this invoice; `values["letter"]` is that letter. Ask, then send with `again`."""

    code = "sent_before"


@dataclass(frozen=True)
class Sent:
    """What a press of *Send* made. `new` is false where the same press had made it before."""

    person: Person
    letter: Letter
    new: bool


def count(invoice: Invoice) -> int:
    """How often it was sent, to whomever: what a form carries, so that one press sends one letter."""
    return int(Letter.select().where(Letter.invoice == invoice.id, Letter.kind == KIND).count())


def suggested(invoice: Invoice) -> str:
    """Where it probably goes: where it went last, else the customer's address, else the one the document names."""
    last = (
        Letter.select(Letter.to)
        .where(Letter.invoice == invoice.id, Letter.kind == KIND)
        .order_by(Letter.id.desc())
        .first()
    )
    if last is not None:
        return str(last.to)
    if invoice.group.customer.email:
        return str(invoice.group.customer.email)
    version = InvoiceVersion.get(InvoiceVersion.invoice == invoice.id, InvoiceVersion.version == invoice.version)
    return str((version.content.get("buyer") or {}).get("email") or "")


def hindrance(invoice: Invoice, *, settings: Settings, today: date) -> str:
    """Why it cannot be sent now; "" where it can."""
    if invoice.status != Invoice.OPEN:
        return "cancelled"
    if settings.hide_future_invoices and invoice.issued_on > today:
        return "dated_later"
    return ""


@retried
def send(
    invoice: Invoice,
    email: str,
    name: str = "",
    *,
    by: Staff | history.Actor,
    settings: Settings,
    now: datetime,
    today: date,
    nth: int | None = None,
    again: bool = False,
) -> Sent:
    """Mail an invoice: the addressee becomes a person with role pay in its group (a higher role stays).

    `nth` is `count()` as it was when the form was drawn: the same form sent twice sends one letter. Raises NotSendable,
    and SentBefore where this address has had it and nobody said `again`.
    """
    if code := hindrance(invoice, settings=settings, today=today):
        raise NotSendable(code, on=invoice.issued_on)
    try:
        folded = people.fold(email)
    except ValueError:
        raise NotSendable("bad_email") from None
    with transaction():
        invoice = ledger.locked(Invoice, invoice.id)  # two presses of one form: the second finds the first's letter
        if code := hindrance(invoice, settings=settings, today=today):  # undone meanwhile
            raise NotSendable(code, on=invoice.issued_on)
        known = Person.get_or_none(Person.email == folded)
        earlier = _letters_to(invoice, known) if known else []
        number = count(invoice) if nth is None else nth
        for letter in earlier:
            if letter.cause == _cause(invoice, known, number):
                return Sent(known, letter, new=False)
        if earlier and not again:
            raise SentBefore(letter=earlier[-1])
        person = people.make_member(
            folded,
            invoice.group,
            Membership.PAY,
            by=by,
            now=now,
            name=_cleaned(name),
        )
        id = letters.queue(
            KIND,
            cause=_cause(invoice, person, number),
            to=folded,
            person=person,
            group=invoice.group,
            invoice=invoice,
            now=now,
        )
        assert id is not None, "the cause was looked for above, in this transaction"
        Invoice.update(sent_at=now).where(Invoice.id == invoice.id, Invoice.sent_at.is_null()).execute()
        history.record(invoice, "sent", by=by, now=now, person=person.id, letter=id)
    queue.enqueue("workers.letters.send", id, queue="letters")
    return Sent(person, Letter.get_by_id(id), new=True)


def _letters_to(invoice: Invoice, person: Person) -> list[Letter]:
    return list(
        Letter.select()
        .where(Letter.invoice == invoice.id, Letter.kind == KIND, Letter.person == person.id)
        .order_by(Letter.id)
    )


def _cause(invoice: Invoice, person: Person, number: int) -> str:
    return f"invoice {invoice.id} issued {person.id} {number}"


def _cleaned(name: str) -> str:
    """A name on one line, without signs that nobody sees and PostgreSQL does not keep."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in name).split())
