"""What a letter is about: the frozen record its words are made from, and whether it is still right to send it.

Everything is read at the moment of sending, so that a letter that waited says what is so now.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from babel import Locale, UnknownLocaleError

from billing import access, dates, devices, files, invoices, links, merchant, passwords, people, sign_ins
from billing import settings as settings_of
from billing.payments import page_of, showing
from billing.settings import Settings
from models import (
    Allocation,
    Attention,
    History,
    Invoice,
    InvoiceFile,
    Letter,
    Payment,
    Person,
    Refund,
    Session,
    SignIn,
    Staff,
    StoredFile,
)
from money import Money
from records import LetterView, PaperView, RefundView

PLAIN_LANGUAGE = "en"
PDF = "application/pdf"

CARD_TESTING = "card_testing"
TO_STAFF = ("guests_closed",)
# A name that a mail program would make a link of: an invitation is no way to send strangers an address of one's own.
LOOKS_LIKE_A_LINK = re.compile(r"[/\\@]|\.\S")

# A letter about a payment that has moved on is not sent: another one tells what is so now.
STILL_SO = {
    "receipt": (Payment.PAID,),
    "on_its_way": (Payment.PROCESSING,),
    "action_needed": (Payment.NEEDS_CUSTOMER,),
    "declined": (Payment.DECLINED,),
    "being_checked": (Payment.UNKNOWN,),
    "not_taken": (Payment.CANCELLED, Payment.DECLINED),
}


def material(letter: Letter, *, now: datetime) -> LetterView | None:
    """Everything the letter may say; None where it is no longer right to send it. A handful of queries."""
    settings = settings_of.load()
    about = _about(letter, settings, now)
    if about is None:
        return None
    person, staff = letter.person, letter.staff
    name = about.pop("name", "")  # of who is no person of ours
    for_staff = staff is not None or letter.kind in TO_STAFF
    has_portal_link = not for_staff and settings.portal_enabled and settings.portal_link_in_mails
    return LetterView(
        kind=letter.kind,
        message_id=letter.message_id,
        to=letter.to,
        name=_name(letter, name),
        for_staff=for_staff,
        language=_language((person.language if person else None) or settings.language),
        timezone=settings.timezone,
        now=now,
        today=dates.day(now, settings.timezone),
        merchant=merchant.view(settings),
        host=links.host(),
        portal_url=links.portal() if has_portal_link else "",
        **about,
    )


def original(letter: Letter, *, most: int) -> PaperView | None:
    """The invoice as it came, where it came as a PDF of at most so many bytes. A lost one is left out."""
    found: InvoiceFile | None = (
        InvoiceFile.select(InvoiceFile, StoredFile)
        .join(StoredFile)
        .where(
            InvoiceFile.invoice == letter.invoice_id,
            InvoiceFile.version == letter.invoice.version,
            InvoiceFile.role == InvoiceFile.ORIGINAL,
            StoredFile.media_type == PDF,
            StoredFile.size <= most,
        )
        .first()
    )
    if found is None:
        return None
    try:
        return PaperView(f"{letter.invoice.address}.pdf", PDF, files.read(found.file))
    except OSError:
        return None


def is_pdf_original(letter: Letter) -> bool:
    """Whether the invoice came as a PDF, of whatever size: then no copy of ours goes in its place."""
    return bool(
        InvoiceFile.select()
        .join(StoredFile)
        .where(
            InvoiceFile.invoice == letter.invoice_id,
            InvoiceFile.role == InvoiceFile.ORIGINAL,
            StoredFile.media_type == PDF,
        )
        .exists()
    )


def _name(letter: Letter, theirs: str) -> str:
    """Who it is for; `theirs`: as who is nobody of ours calls themselves. Empty where we know only an address.

    Who gave no name is called by their address: a letter to another one must not say which.
    """
    who = letter.person or letter.staff
    if who is None and LOOKS_LIKE_A_LINK.search(theirs):
        return ""  # a payment without an account is no way either
    name = who.name if who else theirs
    return "" if "@" in name and name != letter.to else name


def _language(wanted: str) -> str:
    """A language amounts and dates can be written in."""
    try:
        Locale.parse(wanted.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return PLAIN_LANGUAGE
    return wanted


def _about(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    return ABOUT.get(letter.kind, _payment)(letter, settings, now)


# --- Getting in -------------------------------------------------------------------------------------------------------


def _link(letter: Letter, settings: Settings, now: datetime) -> SignIn | None:
    """The row whose link a letter brings; None where it was used or replaced, is too old, or meets a closed portal.

    An invitation lives two weeks: it may go out before the portal is on.
    """
    row: SignIn | None = SignIn.get_or_none(SignIn.id == letter.details.get("sign_in"))
    if row is None or not sign_ins.is_usable(row, now):
        return None
    is_open = settings.portal_enabled or row.staff_id is not None or row.purpose == SignIn.INVITE
    return row if is_open else None


def _sign_in(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    row = _link(letter, settings, now)
    if row is None:
        return None
    has_code = row.code_expires_at is not None and row.code_expires_at > now
    return {
        "name": row.name,
        "url": links.sign_in(row.id),
        "code": sign_ins.code_of(row) if has_code else "",
        "link_minutes": _minutes(row.link_expires_at - now),
        "code_minutes": _minutes(row.code_expires_at - now) if has_code else 0,
        "until": row.link_expires_at,
    }


def _reset(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """None for a customer too where none signs in by a password any more."""
    return _sign_in(letter, settings, now) if letter.staff_id or settings.by_password else None


def _temporary_password(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """None once it was used, or replaced by another one or by their own, or is too old."""
    person = letter.person
    if person is None or not settings.by_password:
        return None
    password = passwords.still_good(person, str(letter.details.get("nonce", "")), now=now)
    if not password:
        return None
    # The way to sign in is the portal link, which a switch takes out of every mail.
    has_link = settings.portal_enabled and settings.portal_link_in_mails
    return {
        "password": password,
        "until": person.password_temporary_until,
        "url": links.portal() if has_link else "",
    }


def _invitation(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    row = _link(letter, settings, now)
    if row is None or row.group is None or row.role is None:
        return None
    return {
        "name": row.name,
        "url": links.sign_in(row.id),
        "until": row.link_expires_at,
        "company": row.group.name,
        "role": row.role,
        "access_until": row.member_until,
        "inviter": _inviter(row),
    }


def _inviter(row: SignIn) -> str:
    """The customer who invites, as the history has it; empty: the merchant."""
    line: History | None = (
        _lines("sign_in", row.id).where(History.actor_kind == "person", History.at == row.created_at).first()
    )
    person: Person | None = Person.get_or_none(Person.id == line.actor_id) if line else None
    if person is None:
        return ""
    return person.email if LOOKS_LIKE_A_LINK.search(person.name) else person.name


def _locked(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """None once it is unlocked."""
    who = letter.person or letter.staff
    if who is None or not access.is_locked(who, now, settings):
        return None
    ends = settings.lockout_ends_by == settings_of.TIMER
    return {"at": who.locked_at, "until": who.locked_at + access.LOCK_LASTS if ends else None}


def _change(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """Something about how they sign in was changed: told whatever happened since."""
    at = _moment(letter)
    return {
        "at": at,
        "device": _device(letter, at),
        "what": str(letter.details.get("what", "")),
        "masked": str(letter.details.get("masked", "")),
    }


def _moment(letter: Letter) -> datetime:
    """When that was which a letter tells of: when it was owed, before anybody sent it again."""
    said = letter.details.get("at")
    return datetime.fromisoformat(said) if said else letter.created_at


def _device(letter: Letter, at: datetime) -> str:
    """What they did it on, where they did it themselves and were signed in on one kind of device alone."""
    who: Person | Staff | None = letter.person or letter.staff
    if who is None:
        return ""
    kind = who._meta.table_name
    if not (
        _lines(kind, who.id).where(History.at == at, History.actor_kind == kind, History.actor_id == who.id).exists()
    ):
        return ""
    rows = Session.select(Session.agent).where(
        (Session.person if isinstance(who, Person) else Session.staff) == who.id,
        Session.created_at <= at,
        Session.expires_at > at,
        Session.ended_at.is_null() | (Session.ended_at > at),
        Session.preview == False,  # noqa: E712
    )
    kinds = {devices.kind(row.agent) for row in rows}
    return kinds.pop() if len(kinds) == 1 else ""


def _lines(kind: str, id: int) -> Any:
    return History.select().where(History.subject_kind == kind, History.subject_id == id)


def _allowed(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """None where they may no longer see it, or not yet."""
    person, group = letter.person or people.person_by_email(letter.to), letter.group
    if person is None or group is None:
        return None
    role = access.role_in(access.groups(person, now, settings), group)
    if role is None or not access.may_sign_in(person, now, settings):
        return None
    return {"name": person.name, "url": links.company(group.public_id), "company": group.name, "role": role}


def _nothing_more(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    return {}


# --- Guests and money that goes back ----------------------------------------------------------------------------------


def _guests_closed(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """None once staff have opened them again."""
    is_closed = Attention.select().where(Attention.kind == CARD_TESTING, Attention.settled_at.is_null()).exists()
    return {"url": links.staff_to_do(), "at": _moment(letter)} if is_closed else None


def _refunded(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    """None where the provider has not said yes to it, or took it back since."""
    refund: Refund | None = Refund.get_or_none(Refund.id == letter.details.get("refund"))
    if refund is None or refund.state not in (Refund.DONE, Refund.PROCESSING):
        return None
    payment = refund.payment
    return {
        "name": payment.guest_name,
        "refund": RefundView(
            reference=refund.public_id,
            amount=Money(refund.amount, refund.currency),
            on=dates.day(refund.ended_at or refund.created_at, settings.timezone),
            payment=payment.public_id,
        ),
        "url": page_of(payment),
    }


def _minutes(left: timedelta) -> int:
    """Rounded up: what was asked for a moment ago works for 30 minutes, not 29."""
    return max(1, -(-int(left.total_seconds()) // 60))


def _invoice(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    invoice = letter.invoice
    if invoice is None or invoice.status != Invoice.OPEN:
        return None
    return {
        "invoice": invoices.view(
            invoice, seen_by="customer", settings=settings, today=dates.day(now, settings.timezone)
        ),
        "url": links.pay(invoice.id, letter.person_id or 0),
        "signs_in_by_mail": settings.by_mail,
    }


def _payment(letter: Letter, settings: Settings, now: datetime) -> dict[str, Any] | None:
    payment = letter.payment
    if payment is None or payment.state not in STILL_SO[letter.kind]:
        return None
    if letter.kind == "receipt" and payment.captured <= 0:
        return None  # another currency arrived: that lies before the staff, and there is no amount to confirm yet
    page = page_of(payment)
    return {
        "name": payment.guest_name,
        "payment": (
            showing.view(payment, now=now, settings=settings)
            if payment.came_by == Payment.PORTAL
            else showing.view_for_guest(payment, url=page, now=now, settings=settings)
        ),
        "checked": bool(letter.details.get("checked")) or payment.unknown_told_at is not None,
        "url": _pay_again(letter, payment) or page,
    }


def _pay_again(letter: Letter, payment: Payment) -> str:
    """After a payment that ended without money: the one invoice it was for. Several: its own page lists them.

    Of the payment form never: that would tell whoever wrote a number that there is such an invoice.
    """
    if letter.kind != "not_taken" or payment.came_by == Payment.FORM:
        return ""
    paid_for = [row.invoice_id for row in Allocation.select(Allocation.invoice).where(Allocation.payment == payment.id)]
    return links.pay(paid_for[0], letter.person_id or 0) if len(paid_for) == 1 else ""


ABOUT: dict[str, Callable[[Letter, Settings, datetime], dict[str, Any] | None]] = {
    "sign_in": _sign_in,
    "enrol": _sign_in,
    "email_confirm": _sign_in,
    "reset": _reset,
    "temporary_password": _temporary_password,
    "invitation": _invitation,
    "locked": _locked,
    "password_changed": _change,
    "email_changed": _change,
    "factor_changed": _change,
    "access_allowed": _allowed,
    "access_refused": _nothing_more,
    "guests_closed": _guests_closed,
    "refunded": _refunded,
    "invoice_issued": _invoice,
}
