"""What a reader of documents gives: a frozen `Document` in the words of EN 16931 (BT numbers beside each field).

Amounts are whole minor units of `currency`; prices, quantities and rates are decimal strings, because they may be finer
than a minor unit. Dates are the document's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    INVOICE = "invoice"  # type codes 380, 326, 384, 389, 875, 876, 877 …
    CREDIT_NOTE = "credit_note"  # 381, 261, 262, 296, 308, 396, 420, 458, 532


@dataclass(frozen=True)
class Party:
    """A seller or buyer (BG-4, BG-7)."""

    name: str  # BT-27, BT-44
    trading_name: str | None = None  # BT-28, BT-45
    ids: tuple[tuple[str, str], ...] = ()  # BT-29, BT-46: (scheme or "", identifier)
    vat_number: str | None = None  # BT-31, BT-48: upper case, no spaces
    tax_number: str | None = None  # BT-32
    registration_number: str | None = None  # BT-30, BT-47
    lines: tuple[str, ...] = ()  # BT-35 36 162, BT-50 51 163
    postcode: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2
    contact: str | None = None  # BT-41, BT-56
    phone: str | None = None  # BT-42, BT-57
    email: str | None = None  # BT-43, BT-58


@dataclass(frozen=True)
class Adjustment:
    """An allowance (below zero for the payer) or a charge, of the document or of a line (BG-20, 21, 27, 28)."""

    is_charge: bool
    amount: int  # positive as written
    reason: str | None = None
    percent: str | None = None
    base: int | None = None
    tax_category: str | None = None
    tax_rate: str | None = None


@dataclass(frozen=True)
class Line:
    """An invoice line (BG-25). `net` already contains its adjustments. `level` is the depth of a sub-invoice line."""

    number: str
    name: str
    net: int
    description: str | None = None
    note: str | None = None
    quantity: str | None = None
    unit: str | None = None  # UN/ECE Recommendation 20 code
    price: str | None = None
    price_base: str | None = None
    tax_category: str | None = None
    tax_rate: str | None = None
    period: tuple[date | None, date | None] | None = None
    adjustments: tuple[Adjustment, ...] = ()
    references: tuple[tuple[str, str], ...] = ()  # ("article", "246"), ("order line", "6171175.1") …
    properties: tuple[tuple[str, str], ...] = ()  # BG-32: (name, value)
    level: int = 0


@dataclass(frozen=True)
class Tax:
    """A VAT breakdown (BG-23)."""

    category: str
    rate: str | None
    basis: int
    amount: int
    reason: str | None = None


@dataclass(frozen=True)
class ThirdPartyItem:
    """An amount collected for somebody else, or paid by a third party (XRechnung extension: BG-DEX-09)."""

    kind: str
    text: str
    amount: int


@dataclass(frozen=True)
class Attachment:
    """A supporting document (BG-24): embedded (`content`) or somewhere else (`url`)."""

    name: str
    description: str | None = None
    media_type: str | None = None
    content: bytes | None = field(default=None, repr=False)
    url: str | None = None


@dataclass(frozen=True)
class PaymentMeans:
    """How the document says it is to be paid (BG-16). `code` is UNTDID 4461."""

    code: str
    text: str | None = None
    iban: str | None = None
    bic: str | None = None
    account_name: str | None = None
    reference: str | None = None  # BT-83
    mandate: str | None = None  # BT-89
    card_last: str | None = None  # BT-87, last four only


@dataclass(frozen=True)
class Document:
    """One invoice or credit note, whatever syntax it came in: two syntaxes of the same one are equal but for `syntax`.

    A credit note's amounts are positive and take off. The sums always satisfy EN 16931's BR-CO-10…16: a reader refuses
    a document that does not add up.
    """

    number: str  # BT-1
    kind: Kind
    type_code: str  # BT-3
    issued_on: date  # BT-2
    currency: str  # BT-5
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    net: int  # BT-109
    tax: int  # BT-110
    total: int  # BT-112
    payable: int  # BT-115
    line_total: int  # BT-106
    allowances: int = 0  # BT-107
    charges: int = 0  # BT-108
    prepaid: int = 0  # BT-113
    rounding: int = 0  # BT-114
    due_on: date | None = None  # BT-9; None: on receipt
    terms: str | None = None  # BT-20
    notes: tuple[str, ...] = ()  # BT-22
    buyer_reference: str | None = None  # BT-10
    po_number: str | None = None  # BT-13
    contract_number: str | None = None  # BT-12
    project: str | None = None  # BT-11
    tax_point: date | None = None  # BT-7
    tax_currency: str | None = None  # BT-6
    tax_in_currency: int | None = None  # BT-111, minor units of tax_currency
    delivered_on: date | None = None  # BT-72
    period: tuple[date | None, date | None] | None = None  # BG-14
    preceding: tuple[tuple[str, date | None], ...] = ()  # BG-3: (number, issue date)
    adjustments: tuple[Adjustment, ...] = ()
    taxes: tuple[Tax, ...] = ()
    third_party: tuple[ThirdPartyItem, ...] = ()
    means: tuple[PaymentMeans, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    payee: str | None = None  # BT-59
    delivery: Party | None = None  # BG-13
    customer_id: str | None = None  # the source's own id of the customer, where it has one (CSV column, BT-46)
    source: str = "file"
    syntax: str = "ubl"  # csv, ubl, cii


class Refused(Exception):
    """A document that is not taken in: `code` and `values` make the sentence, `line` is where (1-based), if known."""

    def __init__(self, code: str, line: int | None = None, **values: Any) -> None:
        super().__init__(code)
        self.code, self.line, self.values = code, line, values
