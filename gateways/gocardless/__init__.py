"""GoCardless: bank debits by mandate, and one-off bank payments on its page. Its words and ids stay in this room.

Settings: `access_token`, `webhook_secret`, `account` (the creditor's id), `live` ("1" or ""); optionally `base`
(another address of its API), `timeout` (seconds, default 20) and `maximum_EUR`, … (minor units) for raised limits.
Built after https://developer.gocardless.com/api-reference/ (version 2015-07-06); see docs/gateways.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from gocardless_pro import webhooks
from gocardless_pro.errors import InvalidSignatureError

from gateways.contract import (
    Attempt,
    BadSignature,
    Capabilities,
    ChargeRequest,
    ClientStep,
    Decline,
    Event,
    MethodKind,
    Outcome,
    Page,
    PaymentRequest,
    RefundRequest,
    Setup,
    SetupRequest,
    SetupState,
    Severity,
    Unreachable,
)
from gateways.gocardless.wire import (
    ACCOUNTS,
    EVENTS,
    FLOWS,
    MANDATES,
    PAYMENTS,
    REFUNDS,
    REQUESTS,
    Conflict,
    Found,
    Lost,
    NotSent,
    Refused,
    Wire,
)
from gateways.gocardless.words import (
    LANGUAGES,
    OURS,
    PAYABLE_ON_PAGE,
    REFUND_REFUSALS,
    SCHEMES,
    SETUPS,
    USE,
    USELESS_MANDATES,
    WEIGHT,
    abilities,
    amount_of,
    event,
    instant,
    method,
    ours_in,
    payment,
    refund,
)

PROVIDER = "gocardless"
LIVE, REHEARSAL = "https://api.gocardless.com", "https://api-sandbox.gocardless.com"
TIMEOUT = 20.0  # seconds
PAGE_LIFE = timedelta(minutes=30)  # a billing request stays open until it is cancelled; its page for 7 days
LOOK_BACK = timedelta(days=30)  # how far a search for our reference goes; there is no filter for metadata
OVERLAP = timedelta(days=1)  # an event may show in the list later than its time says
LONGEST_PAGE = 500  # entries of a list
LONGEST_DESCRIPTION = 100  # characters

REQUEST_ID, PAYMENT_ID, REFUND_ID = "BRQ", "PM", "RF"

SETUP_WEIGHT = (SetupState.STORED, SetupState.OPEN, SetupState.REFUSED, SetupState.EXPIRED)

Answer = TypeVar("Answer")
Trouble = (NotSent, Lost, Refused, Conflict, AttributeError, KeyError, TypeError, ValueError)


class KeyTaken(Exception):
    """The key made something else than what is now ordered under it."""


class NotOurs(Exception):
    """It belongs to another creditor of the same organisation."""


def connect(config: Mapping[str, str]) -> GoCardless:
    """The adapter of one creditor. Raises KeyError or ValueError for settings that cannot work."""
    live = config.get("live") == "1"
    base = config.get("base") or (LIVE if live else REHEARSAL)
    address = urlsplit(base)
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
        raise ValueError("base")
    for name in ("access_token", "webhook_secret", "account"):
        if not config[name]:
            raise ValueError(name)
    maxima = {currency: int(config[f"maximum_{currency}"]) for currency in SCHEMES if config.get(f"maximum_{currency}")}
    return GoCardless(config["access_token"], config["webhook_secret"], config["account"], live, base,
                      float(config.get("timeout") or TIMEOUT), maxima)  # fmt: skip


@dataclass(frozen=True)
class GoCardless:
    token: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    account: str
    live: bool
    base: str
    timeout: float
    maxima: Mapping[str, int] = field(default_factory=dict)
    provider: str = PROVIDER

    def capabilities(self) -> Capabilities:
        return Capabilities(PROVIDER, abilities(self.maxima))

    # Pages

    def begin_setup(self, request: SetupRequest, *, key: str) -> ClientStep | Attempt:
        if MethodKind.BANK_DEBIT not in request.kinds or request.currency not in SCHEMES:
            return _cannot(request.ours, "no such method in this currency")
        order = {"mandate_request": self._mandate_request(request), **self._about(request, "method")}
        return self._ask(lambda wire: self._open(wire, order, request, key), request.ours)

    def begin_payment(self, request: PaymentRequest, *, key: str) -> ClientStep | Attempt:
        """A payment the customer approves at their bank. Only GBP and EUR; elsewhere a mandate has to come first."""
        if MethodKind.BANK_DEBIT not in request.kinds or request.currency not in PAYABLE_ON_PAGE:
            return _cannot(request.ours, "no payment on a page in this currency")
        order: dict[str, Any] = {
            "payment_request": {
                "amount": request.amount,
                "currency": request.currency,
                "description": request.description[:LONGEST_DESCRIPTION],
                "metadata": {OURS: request.ours},
            },
            **self._about(request, "payment"),
        }
        if request.keep:
            order["mandate_request"] = self._mandate_request(request)
        return self._ask(lambda wire: self._open(wire, order, request, key), request.ours)

    def lookup_setup(self, *, ours: str | None = None, theirs: str | None = None) -> Setup | None:
        """None also where GoCardless could not be asked: it is never a no. With `ours` an open page comes along."""
        wanted = theirs or _ours(ours)
        wire = self._wire()
        try:
            if theirs:
                return self._setup(wire, self._own(wire.get(REQUESTS, theirs)))
            found = list(self._search(wire, REQUESTS, wanted))
            told = [setup for made in found if (setup := self._setup(wire, made, page=True))]
            return min(told, key=lambda setup: SETUP_WEIGHT.index(setup.state), default=None)
        except (*Trouble, NotOurs):
            return None

    # Money

    def charge(self, request: ChargeRequest, *, key: str) -> Attempt:
        if request.kind is not MethodKind.BANK_DEBIT:
            return _cannot(request.ours, "no such method")
        order = {
            "amount": request.amount,
            "currency": request.currency,
            "description": request.description[:LONGEST_DESCRIPTION],
            "metadata": {OURS: request.ours},
            "retry_if_possible": False,  # tries again are ours to decide: each is a payment of its own
            "links": {"mandate": request.token},
        }

        def do(wire: Wire) -> Attempt:
            try:
                made = self._create(wire, PAYMENTS, order, key)
            except Refused as no:
                if "mandate_is_inactive" not in no.reasons:
                    raise
                earlier = self._earlier(wire, PAYMENTS, {"mandate": request.token}, request.ours)
                if earlier is None:
                    removed = Decline("method_removed", Severity.HARD, tell=True)
                    return Attempt(Outcome.DECLINED, ours=request.ours, decline=removed, raw=no.raw)
                made = earlier  # from a try whose answer was lost: an idle mandate says nothing about that
            return self._payment(wire, made)

        return self._ask(do, request.ours)

    def refund(self, request: RefundRequest, *, key: str) -> Attempt:
        """Give back a settled payment, in part or whole. Of two at once one is turned away and comes again."""

        def do(wire: Wire) -> Attempt:
            paid = self._paid(wire, request.theirs)
            if paid is None or paid["status"] not in ("confirmed", "paid_out"):
                return self._refund_declined(request, "not_refundable", paid)
            of_it = {"payment": paid["id"]}
            if earlier := self._earlier(wire, REFUNDS, of_it, request.ours):
                if amount_of(earlier) != request.amount:
                    raise KeyTaken
                return refund(earlier)
            total = amount_of(paid, "amount_refunded") + request.amount
            if total > amount_of(paid):
                return self._refund_declined(request, "refund_too_large", paid)
            order = {
                "amount": request.amount,
                "total_amount_confirmation": total,
                "metadata": {OURS: request.ours},
                "links": of_it,
            }
            try:
                return refund(self._create(wire, REFUNDS, order, key))
            except Refused as no:
                # the total moved under us, or the first answer to this order was lost: the list knows
                if earlier := self._earlier(wire, REFUNDS, of_it, request.ours):
                    return refund(earlier)
                if "total_amount_confirmation_invalid" in no.reasons:
                    return Attempt(Outcome.NOT_SUBMITTED, ours=request.ours, raw=no.raw)
                if severity := next((REFUND_REFUSALS[why] for why in no.reasons if why in REFUND_REFUSALS), None):
                    decline = Decline("not_refundable", severity)
                    return Attempt(Outcome.DECLINED, ours=request.ours, decline=decline, raw=no.raw)
                raise

        return self._ask(do, request.ours)

    def cancel(self, theirs: str, *, key: str) -> Attempt:
        service = {REQUEST_ID: REQUESTS, PAYMENT_ID: PAYMENTS}.get(_kind_of(theirs))

        def do(wire: Wire) -> Attempt:
            try:
                if service is None:
                    raise Refused(422, {})
                return self._told(wire, wire.act(service, "cancel", theirs, key), theirs)
            except (Refused, Conflict) as no:
                if isinstance(no, Refused) and no.status in (401, 403, 429):
                    raise
                return self._known(wire, theirs) or Attempt(Outcome.UNKNOWN, theirs=theirs)

        return self._ask(do, None, theirs)

    def lookup(self, *, ours: str | None = None, theirs: str | None = None) -> Attempt | None:
        """By our reference the page of an open payment comes along: who asks so has lost its address."""
        if not theirs:
            _ours(ours)
        wire = self._wire()
        try:
            return self._known(wire, theirs) if theirs else self._found(wire, _ours(ours))
        except Trouble as error:
            fault = isinstance(error, Refused) and error.our_fault
            return Attempt(Outcome.UNKNOWN, theirs=theirs, ours=ours, our_fault=fault, raw=_raw(error))

    def detach(self, token: str, *, key: str) -> None:
        """Cancel a mandate; again: no change. Payments of it not yet sent to the bank are cancelled with it."""
        wire = self._wire()
        try:
            try:
                wire.act(MANDATES, "cancel", token, key)
            except (Refused, Conflict) as no:
                if isinstance(no, Refused) and no.status == 404:
                    return
                if wire.get(MANDATES, token)["status"] not in USELESS_MANDATES:
                    raise
        except Trouble as error:
            raise Unreachable(str(error)) from error

    # What it tells

    def events(self, body: bytes, headers: Mapping[str, str]) -> list[Event]:
        """Those of this creditor. No time is signed, so an old webhook is as good as a new one: stored once by its id.

        Live and sandbox have secrets of their own; nothing else in a webhook tells them apart.
        """
        signature = next((v for k, v in headers.items() if k.lower() == "webhook-signature"), "")
        try:
            told = [each.attributes for each in webhooks.parse(body, self.webhook_secret, signature)]
            found = [event(each, self.account, self.live) for each in told if self._concerns(each)]
        except InvalidSignatureError as error:
            raise BadSignature("signature") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadSignature("unreadable") from error
        if told and not found:
            raise BadSignature("account")
        return found

    def changes(self, since: str | None) -> Page[Event]:
        """Events from a day before a time on. Its list runs from new to old: `since` keeps the place in between.

        Unreachable gives an empty page that leads back to the same place.
        """
        begin, top, cursor = _place(since)
        filters = {"created_at[gte]": _written(begin - OVERLAP), "limit": LONGEST_PAGE}
        try:
            items, older = self._wire().list(EVENTS, filters | ({"after": cursor} if cursor else {}))
            told = tuple(event(each, self.account, self.live) for each in reversed(items) if self._concerns(each))
        except Trouble:
            return Page((), next=since)
        top = max([top or begin, *(each.at for each in told)])
        if older:
            return Page(told, next=f"{_written(begin)} {_written(top)} {older}", more=True)
        return Page(told, next=_written(top))

    # How a page is opened

    def _about(self, request: SetupRequest | PaymentRequest, use: str) -> dict[str, Any]:
        links = {"creditor": self.account}
        if request.payer.profile:
            links["customer"] = request.payer.profile
        return {"metadata": {OURS: request.ours, USE: use}, "links": links}

    def _mandate_request(self, request: SetupRequest | PaymentRequest) -> dict[str, Any]:
        scheme = SCHEMES[request.currency].name
        return {"currency": request.currency, "scheme": scheme, "metadata": {OURS: request.ours}}

    def _open(
        self, wire: Wire, order: Mapping[str, Any], request: SetupRequest | PaymentRequest, key: str
    ) -> ClientStep | Attempt:
        made = self._create(wire, REQUESTS, order, key)
        if made["status"] != "pending":
            return self._told(wire, made, made["id"])
        words: dict[str, Any] = {
            "redirect_uri": request.return_url,
            "exit_uri": request.return_url,
            "lock_currency": True,
            "prefilled_customer": {"company_name": request.payer.name, "email": request.payer.email},
        }
        if request.language in LANGUAGES:
            words["language"] = request.language
        return self._page(wire, made, words)

    def _page(self, wire: Wire, made: Found, words: Mapping[str, Any]) -> ClientStep:
        """The one page of a billing request: its key is made of its id, and a second order reads back the first."""
        order = {**words, "links": {"billing_request": made["id"]}}
        try:
            flow = wire.create(FLOWS, order, f"page of {made['id']}")
        except Conflict as conflict:
            if conflict.first is None:
                raise
            flow = wire.act(FLOWS, "initialise", conflict.first)
        ends = min(instant(flow["expires_at"]), instant(made["created_at"]) + PAGE_LIFE)
        return ClientStep(made["id"], str(flow["authorisation_url"]), ends)

    # How orders are made

    def _create(self, wire: Wire, service: Any, order: Mapping[str, Any], key: str) -> Found:
        """Order something under a key; a key used before leads to what it made then, if that is what is ordered."""
        try:
            made = wire.create(service, order, key)
        except Conflict as conflict:
            if conflict.first is None:
                raise Lost("key at work") from conflict
            made = wire.get(service, conflict.first)
        if not _is_as_ordered(made, order):
            raise KeyTaken
        return made

    def _earlier(self, wire: Wire, service: Any, filters: Mapping[str, Any], ours: str) -> Found | None:
        """What was made before with our reference, among those of one mandate or payment."""
        return next(self._search(wire, service, ours, filters), None)

    def _paid(self, wire: Wire, theirs: str) -> Found | None:
        """The payment behind a reference, which may be a page's."""
        if _kind_of(theirs) == REQUEST_ID:
            found = (wire.get(REQUESTS, theirs).get("links") or {}).get("payment_request_payment")
            return wire.get(PAYMENTS, found) if found else None
        try:
            return wire.get(PAYMENTS, theirs)
        except Refused as no:
            if no.status == 404:
                return None
            raise

    def _refund_declined(self, request: RefundRequest, code: str, paid: Found | None) -> Attempt:
        raw = {"status": str(paid["status"])} if paid else {}
        return Attempt(Outcome.DECLINED, ours=request.ours, decline=Decline(code, Severity.HARD), raw=raw)

    # How answers are read

    def _known(self, wire: Wire, theirs: str) -> Attempt | None:
        service = {REQUEST_ID: REQUESTS, PAYMENT_ID: PAYMENTS, REFUND_ID: REFUNDS}.get(_kind_of(theirs))
        if service is None:
            return None
        try:
            return self._told(wire, wire.get(service, theirs), theirs)
        except NotOurs:
            return None
        except Refused as no:
            if no.status == 404:
                return None
            raise

    def _found(self, wire: Wire, ours: str) -> Attempt | None:
        """Of everything that carries our reference what says most about the money."""
        told: list[Attempt] = []
        paid_on_page = set()
        for made in list(self._search(wire, REQUESTS, ours)):
            paid_on_page.add((made.get("links") or {}).get("payment_request_payment"))
            if made.get("payment_request"):
                told.append(self._on_page(wire, made, page=True))
        for made in list(self._search(wire, PAYMENTS, ours, {"creditor": self.account})):
            if made["id"] not in paid_on_page:
                told.append(self._payment(wire, made))
        told += [refund(made) for made in self._search(wire, REFUNDS, ours)]
        return min(told, key=lambda attempt: WEIGHT.index(attempt.outcome), default=None)

    def _told(self, wire: Wire, made: Found, theirs: str) -> Attempt:
        kind = _kind_of(theirs)
        if kind == REQUEST_ID:
            return self._on_page(wire, self._own(made))
        return self._payment(wire, self._own(made)) if kind == PAYMENT_ID else refund(made)

    def _on_page(self, wire: Wire, made: Found, *, page: bool = False) -> Attempt:
        """What became of a billing request. It keeps the page's reference, also once there is a payment."""
        links, status = made.get("links") or {}, made["status"]
        kept = made["id"] if made.get("mandate_request") else None
        told = Attempt(Outcome.UNKNOWN, made["id"], ours_in(made), raw={"status": status})
        if status == "cancelled":
            return replace(told, outcome=Outcome.CANCELLED)
        if paid := links.get("payment_request_payment"):
            became = self._payment(wire, wire.get(PAYMENTS, paid))
            return replace(became, theirs=made["id"], ours=ours_in(made), setup=kept if status == "fulfilled" else None)
        if status in ("pending", "ready_to_fulfil"):
            step = self._page(wire, made, {}) if page and status == "pending" else None
            return replace(told, outcome=Outcome.ACTION_REQUIRED, client_step=step)
        if status == "fulfilling":
            return replace(told, outcome=Outcome.PROCESSING)
        if status == "fulfilled" and not made.get("payment_request"):
            return replace(told, outcome=Outcome.SUCCEEDED, setup=kept)
        raise Lost("unreadable answer")

    def _payment(self, wire: Wire, made: Found) -> Attempt:
        """A payment; one that failed or went back is asked for its events: only they say why, and what came before."""
        if made["status"] in ("failed", "charged_back"):
            return payment(made, wire.list(EVENTS, {"payment": made["id"], "limit": LONGEST_PAGE})[0])
        return payment(made, [])

    def _setup(self, wire: Wire, made: Found, *, page: bool = False) -> Setup | None:
        if not made.get("mandate_request"):
            return None
        state, links = SETUPS[made["status"]], made.get("links") or {}
        mandate_id = links.get("mandate_request_mandate") or (made["mandate_request"].get("links") or {}).get("mandate")
        if state is SetupState.STORED and mandate_id is None:
            state = SetupState.OPEN  # it is being made
        told = Setup(state, made["id"], ours_in(made))
        if state is SetupState.OPEN and page and made["status"] == "pending":
            return replace(told, client_step=self._page(wire, made, {}))
        if state is not SetupState.STORED or mandate_id is None:
            return told
        mandate = wire.get(MANDATES, mandate_id)
        if mandate["status"] in USELESS_MANDATES:
            return replace(told, state=SetupState.REFUSED, decline=Decline("refused", Severity.HARD))
        account = (made.get("resources") or {}).get("customer_bank_account")
        return replace(
            told, method=method(mandate, account or wire.get(ACCOUNTS, mandate["links"]["customer_bank_account"]))
        )

    def _search(self, wire: Wire, service: Any, ours: str, filters: Mapping[str, Any] | None = None) -> Any:
        """Everything of the last 30 days that carries our reference, newest first; there is no filter for it.

        Raises Lost where the time is over before the list is.
        """
        asked: dict[str, Any] = {"limit": LONGEST_PAGE, **(filters or {})}
        if not filters or "creditor" in filters:
            asked["created_at[gte]"] = _written(datetime.now(UTC) - LOOK_BACK)
        while True:
            found, older = wire.list(service, asked)
            yield from (each for each in found if ours_in(each) == ours)
            if not older:
                return
            asked["after"] = older

    def _own(self, made: Found) -> Found:
        """Raises NotOurs for something of another creditor of the same organisation."""
        creditor = (made.get("links") or {}).get("creditor")
        if creditor is not None and creditor != self.account:
            raise NotOurs
        return made

    def _concerns(self, told: Mapping[str, Any]) -> bool:
        return (told.get("links") or {}).get("creditor") in (None, self.account)

    def _wire(self) -> Wire:
        return Wire(self.base, self.token, self.timeout)

    def _ask(self, do: Callable[[Wire], Answer], ours: str | None, theirs: str | None = None) -> Answer | Attempt:
        """Have something done, and say what is known where that goes wrong."""
        wire = self._wire()
        try:
            answer = do(wire)
        except KeyTaken:
            return Attempt(Outcome.UNKNOWN, theirs, ours, our_fault=True, raw={"error": "key used for another order"})
        except NotOurs:
            return Attempt(Outcome.UNKNOWN, theirs, ours, our_fault=True, raw={"error": "of another creditor"})
        except Trouble as error:
            nothing = isinstance(error, (NotSent, Refused)) and not wire.ordered
            fault = isinstance(error, Refused) and error.our_fault
            outcome = Outcome.NOT_SUBMITTED if nothing else Outcome.UNKNOWN
            return Attempt(outcome, theirs, ours, our_fault=fault, raw=_raw(error))
        return answer


def _cannot(ours: str, why: str) -> Attempt:
    return Attempt(Outcome.NOT_SUBMITTED, ours=ours, our_fault=True, raw={"error": why})


def _ours(ours: str | None) -> str:
    if not ours:
        raise ValueError("lookup needs ours or theirs")
    return ours


def _kind_of(theirs: str) -> str:
    """Which sort of thing a reference names, by how it begins."""
    return next((kind for kind in (REQUEST_ID, PAYMENT_ID, REFUND_ID) if theirs.startswith(kind)), "")


def _is_as_ordered(made: Found, order: Mapping[str, Any]) -> bool:
    """Whether what a key made is what is ordered under it: they compare keys alone, not what they came with."""
    if ours_in(made) != order["metadata"][OURS]:
        return False
    asked, given = order.get("payment_request"), made.get("payment_request")
    if asked is not None or given is not None:
        order, made = asked or {}, given or {}
    return amount_of(made) == amount_of(order) and order.get("currency") in (None, made.get("currency"))


def _place(since: str | None) -> tuple[datetime, datetime | None, str | None]:
    """Where `changes` goes on: from which time, up to which it has read, and the cursor within."""
    try:
        begin, *rest = (since or "").split(" ")
        return instant(begin), instant(rest[0]) if rest else None, rest[1] if rest else None
    except (ValueError, IndexError):
        return datetime.now(UTC) - LOOK_BACK, None, None


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _raw(error: Exception) -> Mapping[str, Any]:
    """Why, for staff: never the text of an error that may repeat what was sent."""
    if isinstance(error, Refused):
        return error.raw
    return {"error": str(error) if isinstance(error, (NotSent, Lost)) else "unreadable answer"}
