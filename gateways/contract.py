"""What every payment provider's adapter takes and gives: frozen dataclasses and one Protocol.

Amounts are whole minor units with an ISO 4217 code; instants are aware UTC datetimes. An adapter returns an outcome
as a value and raises only for misuse: whatever happens on the wire is one of `Outcome`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar


class Outcome(StrEnum):
    """What became of one try, as `docs/gateways.md` explains each."""

    SUCCEEDED = "succeeded"  # money captured
    PROCESSING = "processing"  # a debit was accepted; it may still fail for days
    ACTION_REQUIRED = "action_required"  # a provider's page is open: 3-D Secure, a mandate, or the card form itself
    DECLINED = "declined"  # a definite no
    CANCELLED = "cancelled"  # proven closed: nothing was taken and nothing will be
    NOT_SUBMITTED = "not_submitted"  # provably never reached the provider's books
    UNKNOWN = "unknown"  # may have happened


class Severity(StrEnum):
    """Whether another try with the same method can ever succeed."""

    SOFT = "soft"
    HARD = "hard"


class Initiator(StrEnum):
    """Who is present when the charge is made, in the words card schemes use."""

    CUSTOMER = "customer"
    RECURRING = "recurring"
    UNSCHEDULED = "unscheduled"
    INSTALLMENT = "installment"


class MethodKind(StrEnum):
    CARD = "card"
    BANK_DEBIT = "bank_debit"


@dataclass(frozen=True)
class Capability:
    """What a provider can do for one (kind, currency)."""

    kind: MethodKind
    currency: str
    off_session: bool
    refund: bool
    cancel: bool
    lookup_by_ours: bool
    minimum: int  # minor units, like maximum and step
    maximum: int
    step: int
    key_window: int  # seconds for which the provider answers a repeated idempotency key with the first answer
    notice_days: int  # days of notice the scheme asks for before a charge without the customer
    notice_by: str  # "merchant" or "provider": who sends that notice
    retries: int  # further tries the scheme allows after a return
    retry_days: int  # days within which they must be made
    return_days: int  # days within which a settled charge can still come back
    on_page: bool = True  # a payment with the customer present can be made on the provider's page
    tells_fee: bool = True  # the fee is known with the capture, not only with the payout


@dataclass(frozen=True)
class Capabilities:
    provider: str
    items: tuple[Capability, ...]

    def of(self, kind: MethodKind, currency: str) -> Capability | None:
        """The capability for a kind and currency, or None where the provider cannot do it."""
        return next((c for c in self.items if c.kind == kind and c.currency == currency), None)


@dataclass(frozen=True)
class Payer:
    """Who pays, as far as a provider's page may show it."""

    ours: str
    name: str
    email: str | None = None
    profile: str | None = None  # the provider's own id of this customer, once there is one


@dataclass(frozen=True)
class SetupRequest:
    ours: str
    payer: Payer
    currency: str
    return_url: str
    kinds: tuple[MethodKind, ...] = (MethodKind.CARD, MethodKind.BANK_DEBIT)
    language: str = "en"


@dataclass(frozen=True)
class PaymentRequest:
    """A payment with the customer present, on the provider's page. `keep`: store the method for later use."""

    ours: str
    amount: int
    currency: str
    payer: Payer
    description: str
    return_url: str
    keep: bool = False
    kinds: tuple[MethodKind, ...] = (MethodKind.CARD, MethodKind.BANK_DEBIT)
    language: str = "en"


@dataclass(frozen=True)
class ChargeRequest:
    """A charge of a stored method. `return_url` only when `initiator` is the customer."""

    ours: str
    amount: int
    currency: str
    token: str
    kind: MethodKind
    initiator: Initiator
    description: str
    payer: Payer
    return_url: str | None = None
    mandate: str | None = None


@dataclass(frozen=True)
class RefundRequest:
    ours: str
    theirs: str  # the provider's reference of the payment that is refunded
    amount: int
    currency: str
    reason: str = ""


@dataclass(frozen=True)
class Decline:
    """A provider's no. `code` is ours (see docs/gateways.md); customers are told a code only where `tell` says so."""

    code: str
    severity: Severity
    retry_after_days: int | None = None
    tell: bool = False


@dataclass(frozen=True)
class ClientStep:
    """Somewhere the customer has to go: an address reached by GET."""

    theirs: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Method:
    """A stored method as the provider describes it. Never a full number."""

    token: str
    kind: MethodKind
    brand: str
    last4: str
    expires_year: int | None = None
    expires_month: int | None = None
    profile: str | None = None
    mandate: str | None = None


class SetupState(StrEnum):
    OPEN = "open"
    STORED = "stored"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Setup:
    """What became of storing a method: the only way one is ever stored."""

    state: SetupState
    theirs: str
    ours: str | None = None
    method: Method | None = None
    client_step: ClientStep | None = None
    decline: Decline | None = None


@dataclass(frozen=True)
class Attempt:
    """What became of one try to move money. `raw` is redacted by the adapter and safe to keep and show to staff."""

    outcome: Outcome
    theirs: str | None = None
    ours: str | None = None
    amount: int | None = None
    currency: str | None = None
    fee: int | None = None
    decline: Decline | None = None
    client_step: ClientStep | None = None
    setup: str | None = None  # what lookup_setup takes after a payment that was to keep its method
    our_fault: bool = False  # with not_submitted: our keys or our request are wrong; staff are told
    raw: Mapping[str, Any] = field(default_factory=dict)


class EventKind(StrEnum):
    PAYMENT = "payment"
    SETUP = "setup"
    REFUND = "refund"
    DISPUTE = "dispute"
    RETURN = "return"
    PAYOUT = "payout"
    METHOD = "method"
    OTHER = "other"


@dataclass(frozen=True)
class Event:
    """Something the provider told us. It is only a nudge to look the object up: its content is never booked."""

    id: str
    kind: EventKind
    theirs: str | None
    ours: str | None
    at: datetime
    account: str
    live: bool
    raw: Mapping[str, Any] = field(default_factory=dict)


Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list; `next` is what the following call passes as `since`, and `more` says whether to go on now."""

    items: tuple[Item, ...]
    next: str | None
    more: bool = False


class BadSignature(Exception):
    """A webhook whose signature, age or account is not right. Nothing of it is kept."""


class Unreachable(Exception):
    """A call that has no outcome to return may not have arrived. Say it again with the same key."""


class Gateway(Protocol):
    """A payment provider. Every call takes at most 20 seconds and never retries by itself."""

    provider: str

    def capabilities(self) -> Capabilities: ...

    def begin_setup(self, request: SetupRequest, *, key: str) -> ClientStep | Attempt:
        """Open the provider's page for storing a method; an Attempt says why it could not be opened."""

    def lookup_setup(self, *, ours: str | None = None, theirs: str | None = None) -> Setup | None: ...

    def begin_payment(self, request: PaymentRequest, *, key: str) -> ClientStep | Attempt: ...

    def charge(self, request: ChargeRequest, *, key: str) -> Attempt: ...

    def refund(self, request: RefundRequest, *, key: str) -> Attempt: ...

    def cancel(self, theirs: str, *, key: str) -> Attempt:
        """Close an open page or a debit not yet sent, and say what it became (it may have been paid meanwhile)."""

    def lookup(self, *, ours: str | None = None, theirs: str | None = None) -> Attempt | None:
        """What the provider knows. None is not a no: its search may lag. Unreachable gives an `unknown` Attempt."""

    def detach(self, token: str, *, key: str) -> None:
        """Have the provider forget a stored method; again: no change. Raises Unreachable."""

    def events(self, body: bytes, headers: Mapping[str, str]) -> list[Event]:
        """The events in a webhook. Raises BadSignature."""

    def changes(self, since: str | None) -> Page[Event]: ...
