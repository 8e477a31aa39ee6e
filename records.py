"""Frozen view records that pages, letters and PDFs share: ready answers, never rows or settings, and no queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from money import Money


@dataclass(frozen=True)
class MerchantView:
    """Who the merchant is, as customers read it. Empty strings where nothing is known."""

    name: str
    phone: str = ""
    email: str = ""
    address: tuple[str, ...] = ()
    vat_number: str = ""
    registration_number: str = ""
    website: str = ""
    accent: str = "#1d4e80"
    rehearsal: bool = False  # only the sandbox is connected: no money moves


@dataclass(frozen=True)
class PartyView:
    name: str
    lines: tuple[str, ...] = ()  # the address, ready to print line by line
    vat_number: str = ""
    registration_number: str = ""
    contact: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True)
class AdjustmentView:
    text: str  # the document's reason; empty where it gives none
    is_charge: bool
    amount: Money
    percent: str = ""


@dataclass(frozen=True)
class LineView:
    number: str
    name: str
    net: Money
    description: str = ""
    note: str = ""
    quantity: str = ""  # as written: "6", "1.5"
    unit: str = ""  # a short word, or the code where we know no word
    price: str = ""
    tax_rate: str = ""  # "19"
    period: tuple[date | None, date | None] | None = None
    adjustments: tuple[AdjustmentView, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    level: int = 0


@dataclass(frozen=True)
class TaxView:
    category: str
    rate: str
    basis: Money
    amount: Money
    reason: str = ""


@dataclass(frozen=True)
class FileView:
    """A file to download: `size` in bytes."""

    id: int
    name: str
    media_type: str
    size: int
    url: str


@dataclass(frozen=True)
class BadgeView:
    """The status badge: `shape` is the CSS class, `code` picks the word, `days` completes it ("Overdue by 19 days")."""

    shape: str  # paid due overdue part moving asked failed closed
    code: str
    days: int = 0


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice in a list."""

    number: str
    address: str
    issued_on: date
    due_on: date
    total: Money
    open: Money
    free: Money
    badge: BadgeView
    can_pay: bool
    kind: str = "invoice"
    settled_on: date | None = None
    customer: str = ""
    url: str = ""


@dataclass(frozen=True)
class InvoicePaymentView:
    """Money that went towards an invoice: a payment, something settled elsewhere, a credit."""

    code: str  # payment, prepaid, elsewhere, credit, credit_note, refund
    on: date
    amount: Money
    reference: str = ""
    url: str = ""


@dataclass(frozen=True)
class InvoiceView:
    """Everything an invoice's page, letter and PDF may show."""

    id: int
    number: str
    address: str
    kind: str  # invoice, credit_note
    status: str
    issued_on: date
    due_on: date
    due_on_receipt: bool
    currency: str
    net: Money
    tax: Money
    total: Money
    prepaid: Money
    payable: Money
    open: Money
    free: Money
    line_total: Money
    allowances: Money
    charges: Money
    rounding: Money
    badge: BadgeView
    seller: PartyView
    buyer: PartyView
    delivery: PartyView | None
    lines: tuple[LineView, ...]
    adjustments: tuple[AdjustmentView, ...]
    taxes: tuple[TaxView, ...]
    terms: str
    notes: tuple[str, ...]
    po_number: str
    buyer_reference: str
    references: tuple[tuple[str, str], ...]  # ("contract", "…"), ("project", "…"), ("preceding invoice", "…")
    period: tuple[date | None, date | None] | None
    delivered_on: date | None
    payments: tuple[InvoicePaymentView, ...]
    originals: tuple[FileView, ...]
    attachments: tuple[FileView, ...]
    means: tuple[tuple[str, str], ...] = ()  # ("iban", "DE…"), ("reference", "…") as the document says
    third_party: tuple[tuple[str, Money], ...] = ()
    is_copy: bool = True  # imported: the original is the document, ours a copy
    pays_itself: bool = False
    held: bool = False
    version: int = 1
    settled_on: date | None = None
    pdf_url: str = ""
    pdf_size: int | None = None
    tax_in: Money | None = None  # BT-111, tax in the tax currency


@dataclass(frozen=True)
class MethodView:
    """A stored way to pay, masked: "Visa ending 4242"."""

    id: str
    kind: str
    brand: str
    last4: str
    expires: tuple[int, int] | None = None  # (year, month)
    is_default: bool = False
    usable: bool = True


@dataclass(frozen=True)
class PayView:
    """The pay panel on an invoice's own page: what one may pay with, which is chosen, and the form's token."""

    methods: tuple[MethodView, ...]
    method: str  # a method's id, "new", or empty: none is chosen yet
    token: str


@dataclass(frozen=True)
class PasskeyView:
    """A passkey as its owner sees it."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = None


@dataclass(frozen=True)
class AllocationView:
    number: str
    address: str
    amount: Money
    url: str = ""


@dataclass(frozen=True)
class PaymentView:
    """One payment as its status page, list row, receipt and letters show it."""

    reference: str  # P-7K3M-92
    url: str
    state: str  # models.Payment's states
    amount: Money
    captured: Money
    created_at: datetime
    created_on: date  # the merchant's date
    paid_on: date | None
    badge: BadgeView
    allocations: tuple[AllocationView, ...]
    method: MethodView | None = None
    credited: Money | None = None  # the part that became credit
    step_url: str | None = None  # the provider's page, while it is open
    step_expires_at: datetime | None = None
    decline_tell: str = ""  # a reason customers may read (docs/gateways.md): insufficient_funds, expired …; else empty
    decline_hard: bool = False
    long_unknown: bool = False  # unknown for two minutes and more
    can_cancel: bool = False
    can_try_again: bool = False  # "try the same payment again; you cannot be charged twice"
    payer: str = ""
    customer: str = ""
    pdf_url: str = ""
    at: str = ""  # 14:02, the merchant's time
    came_by: str = "portal"  # portal, guest, form
    guest_name: str = ""  # who paid without an account, as they wrote it; as is:
    guest_email: str = ""
    written: str = ""  # the reference they wrote on the payment form
    refunds: tuple[RefundView, ...] = ()  # what went back of it, told to who paid without an account


@dataclass(frozen=True)
class GroupView:
    """A company a person may look at."""

    id: str
    name: str
    currency: str


@dataclass(frozen=True)
class PersonView:
    id: str
    name: str
    email: str
    groups: tuple[GroupView, ...] = field(default=())


@dataclass(frozen=True)
class SessionView:
    """A browser that somebody is signed in with. `browser` is its name, `device` a code of billing/devices.py."""

    id: int
    browser: str
    device: str
    since: datetime
    seen_at: datetime
    address: str
    is_this: bool


@dataclass(frozen=True)
class PreviewView:
    """Staff look at a company's pages as its customers see them: whose, and until when."""

    company: str
    until: datetime


@dataclass(frozen=True)
class MemberView:
    """Somebody who may see a company's account: role is view, pay or manage."""

    name: str
    email: str
    role: str
    until: datetime | None = None
    group: str = ""  # the account's name and currency; only for the merchant, as is:
    last_sign_in_at: datetime | None = None
    url: str = ""  # where the merchant finds them


# --- Letters ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RefundView:
    """Money that goes back to who paid."""

    reference: str  # R-7K3M-92
    amount: Money
    on: date
    payment: str  # the reference of what was paid: P-7K3M-92
    moving: bool = False  # the bank still has it


@dataclass(frozen=True)
class LetterView:
    """Everything a letter may say: who it is for, what it is about, and every address in it, ready to be written.

    `portal_url` is empty where mails carry no way to the portal; `url` is what the letter's one button opens, empty
    where there is nothing to open.
    """

    kind: str
    message_id: str  # stable: a letter that went twice by mischance is shown once
    to: str
    name: str
    language: str
    timezone: str
    now: datetime
    merchant: MerchantView
    host: str  # of PORTAL_URL
    url: str = ""
    portal_url: str = ""
    for_staff: bool = False
    invoice: InvoiceView | None = None
    payment: PaymentView | None = None
    code: str = ""  # six digits; empty where only the link is left
    link_minutes: int = 0
    code_minutes: int = 0
    checked: bool = False  # the customer was told that we were checking this payment
    today: date | None = None
    refund: RefundView | None = None
    at: datetime | None = None  # when that happened which the letter tells of
    device: str = ""  # the kind of machine it was done on, as billing/devices.py names it; empty: not known
    until: datetime | None = None  # the end of what the letter offers, or of a lock
    access_until: datetime | None = None  # of a pass that ends
    what: str = ""  # what changed about somebody's second factor or passkeys
    company: str = ""  # whose account it is about
    role: str = ""  # view, pay, manage
    inviter: str = ""  # the person who invites; empty: the merchant
    masked: str = ""  # somebody's new address, as far as the old one may know it
    password: str = field(default="", repr=False)
    signs_in_by_mail: bool = True  # who opens the invoice is mailed a link, and needs no password


@dataclass(frozen=True)
class PaperView:
    """A file that goes with a letter."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Delivery:
    """What became of handing a letter over. `said`: the other side's words or a code of ours, for staff."""

    ACCEPTED = "accepted"
    TRY_AGAIN = "try_again"  # certainly not delivered; later it may be
    REFUSED = "refused"  # certainly not delivered; again would be refused again
    LOST = "lost"  # all or part of it was sent and no answer came: it may have been delivered
    NOT_OURS = "not_ours"  # another worker has the letter; nothing was sent

    end: str
    said: str = ""
