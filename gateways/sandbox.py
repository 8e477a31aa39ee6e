"""The rehearsal provider. Talks HTTP to the program in `sandbox/` exactly as other adapters talk to theirs.

Settings: `url`, `secret` (signs webhooks too), `account` (default "rehearsal"), `timeout` in seconds (default 20).
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from gateways.contract import (
    Attempt,
    BadSignature,
    Capabilities,
    Capability,
    ChargeRequest,
    ClientStep,
    Decline,
    Event,
    EventKind,
    Method,
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

PROVIDER = "sandbox"
TIMEOUT = 20.0  # seconds
SIGNATURE_AGE = 300  # seconds, both ways
LARGEST_ANSWER = 4_000_000  # bytes
KEY_WINDOW = 24 * 3600

CURRENCIES = (
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR",
    "ISK", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SAR", "SEK", "SGD", "THB", "TRY",
    "TWD", "UAH", "USD", "ZAR",
)  # fmt: skip

# Days of notice and who sends it, further tries and the days for them, days in which a settled debit can come back.
# SEPA rulebook (14 days unless agreed otherwise, 8 weeks), Bacs (the provider writes), Nacha (10 days for varying
# amounts, two more tries in 180 days, 60 days).
DEBITS = {"EUR": (14, "merchant", 3, 30, 56), "GBP": (3, "provider", 3, 30, 56), "USD": (10, "merchant", 2, 180, 60)}
OTHER_DEBITS = (5, "merchant", 2, 30, 56)
CARDS = (3, "merchant", 4, 30, 0)

DECLINES = {
    "insufficient_funds": ("insufficient_funds", True),
    "expired_card": ("expired", True),
    "authentication_failed": ("not_approved", True),
    "account_closed": ("account_closed", True),
    "debit_not_authorised": ("not_authorised", True),
    "debit_failed": ("returned", True),
    "method_removed": ("method_removed", True),
    "stolen_card": ("lost_or_stolen", False),  # card schemes forbid telling the holder: it warns a thief
    "do_not_honor": ("refused", False),
    "refund_too_large": ("refund_too_large", False),
    "not_refundable": ("not_refundable", False),
}

OUTCOMES = {
    "open": Outcome.ACTION_REQUIRED,
    "processing": Outcome.PROCESSING,
    "succeeded": Outcome.SUCCEEDED,
    "declined": Outcome.DECLINED,
    "failed": Outcome.DECLINED,
    "cancelled": Outcome.CANCELLED,
    "expired": Outcome.CANCELLED,
}
SETUPS = {
    "open": SetupState.OPEN,
    "succeeded": SetupState.STORED,
    "declined": SetupState.REFUSED,
    "cancelled": SetupState.EXPIRED,
    "expired": SetupState.EXPIRED,
}
KINDS = {kind.value: kind for kind in EventKind}

# Of several orders that carry the same id of ours, the one that says most about the money.
WEIGHT = ("succeeded", "processing", "open", "declined", "failed", "cancelled", "expired")

SHOWN_TO_STAFF = ("object", "status", "error", "brand", "last4", "refunded", "returned", "returned_code", "created_at")


def connect(config: Mapping[str, str]) -> Sandbox:
    """The adapter for the sandbox at `url`. Raises KeyError or ValueError for settings that cannot work."""
    address = urlsplit(config["url"])
    if address.scheme != "http" or not address.hostname:
        raise ValueError("url")
    return Sandbox(address.hostname, address.port or 80, config["secret"], config.get("account") or "rehearsal",
                   float(config.get("timeout") or TIMEOUT))  # fmt: skip


@dataclass(frozen=True)
class Sandbox:
    host: str
    port: int
    secret: str = field(repr=False)
    account: str
    timeout: float
    provider: str = PROVIDER

    def capabilities(self) -> Capabilities:
        return Capabilities(PROVIDER, tuple(
            Capability(kind, currency, off_session=True, refund=True, cancel=True, lookup_by_ours=True, minimum=50,
                       maximum=99_999_999, step=1, key_window=KEY_WINDOW, notice_days=terms[0], notice_by=terms[1],
                       retries=terms[2], retry_days=terms[3], return_days=terms[4])
            for currency in CURRENCIES
            for kind, terms in ((MethodKind.CARD, CARDS),
                                (MethodKind.BANK_DEBIT, DEBITS.get(currency, OTHER_DEBITS)))
        ))  # fmt: skip

    def begin_setup(self, request: SetupRequest, *, key: str) -> ClientStep | Attempt:
        return self._open("/v1/setups", request, key)

    def lookup_setup(self, *, ours: str | None = None, theirs: str | None = None) -> Setup | None:
        """None also where the sandbox could not be asked: it is never a no."""
        try:
            found = self._find("setup", ours, theirs)
        except (_NotSent, _Lost, _Rejected):
            return None
        return None if found is None else _setup(found)

    def begin_payment(self, request: PaymentRequest, *, key: str) -> ClientStep | Attempt:
        return self._open("/v1/payments", request, key)

    def charge(self, request: ChargeRequest, *, key: str) -> Attempt:
        return self._order("/v1/charges", asdict(request), key)

    def refund(self, request: RefundRequest, *, key: str) -> Attempt:
        order = {"ours": request.ours, "payment": request.theirs, "amount": request.amount,
                 "currency": request.currency, "reason": request.reason}  # fmt: skip
        return self._order("/v1/refunds", order, key)

    def cancel(self, theirs: str, *, key: str) -> Attempt:
        return self._order(f"/v1/objects/{quote(theirs, safe='')}/cancel", {}, key)

    def lookup(self, *, ours: str | None = None, theirs: str | None = None) -> Attempt | None:
        try:
            found = self._find("payment", ours, theirs)
        except _Rejected as no:
            return no.attempt(ours, theirs, lookup=True)
        except (_NotSent, _Lost) as error:
            return Attempt(Outcome.UNKNOWN, theirs=theirs, ours=ours, raw={"error": str(error)})
        return None if found is None else _attempt(found)

    def detach(self, token: str, *, key: str) -> None:
        """Forget a stored method at the provider; again: no change. Raises Unreachable."""
        try:
            self._call("POST", f"/v1/methods/{quote(token, safe='')}/detach", {}, key)
        except (_NotSent, _Lost, _Rejected) as error:
            raise Unreachable(str(error)) from error

    def events(self, body: bytes, headers: Mapping[str, str]) -> list[Event]:
        signature = next((v for k, v in headers.items() if k.lower() == "sandbox-signature"), "")
        parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
        stamp = parts.get("t", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
            raise BadSignature("unsigned")
        expected = hmac.new(self.secret.encode(), stamp.encode() + b"." + body, "sha256").hexdigest()
        if not hmac.compare_digest(expected.encode(), parts.get("v1", "").encode()):
            raise BadSignature("signature")
        if abs(time.time() - int(stamp)) > SIGNATURE_AGE:
            raise BadSignature("age")
        try:
            event = _event(_readable(body))
        except ValueError as error:
            raise BadSignature("unreadable") from error
        if event.account != self.account or event.live:
            raise BadSignature("account")
        return [event]

    def changes(self, since: str | None) -> Page[Event]:
        """Events after a position. An unreachable sandbox gives an empty page that leads back to the same place."""
        try:
            _, found = self._call("GET", f"/v1/events?after={quote(since or '0', safe='')}")
            items = tuple(_event(item) for item in found["items"])
            return Page(items, next=str(found["next"]), more=bool(found["more"]))
        except (_NotSent, _Lost, _Rejected, KeyError, TypeError, ValueError):
            return Page((), next=since)

    def _open(self, path: str, request: SetupRequest | PaymentRequest, key: str) -> ClientStep | Attempt:
        attempt = self._order(path, asdict(request), key)
        if attempt.outcome is Outcome.ACTION_REQUIRED and attempt.client_step:
            return attempt.client_step
        return attempt

    def _order(self, path: str, order: Mapping[str, Any], key: str) -> Attempt:
        ours = order.get("ours")
        try:
            attempt = _attempt(self._call("POST", path, order, key)[1])
            return attempt if attempt.ours else replace(attempt, ours=ours)
        except _NotSent as error:
            return Attempt(Outcome.NOT_SUBMITTED, ours=ours, raw={"error": str(error)})
        except _Lost as error:
            return Attempt(Outcome.UNKNOWN, ours=ours, raw={"error": str(error)})
        except _Rejected as no:
            return no.attempt(ours, None)

    def _find(self, kind: str, ours: str | None, theirs: str | None) -> Mapping[str, Any] | None:
        """One object by their id, else the weightiest with our id; a search for payments finds refunds too."""
        if theirs:
            try:
                return self._call("GET", f"/v1/objects/{quote(theirs, safe='')}")[1]
            except _Rejected as no:
                if no.status == 404:
                    return None
                raise
        if not ours:
            raise ValueError("lookup needs ours or theirs")
        _, answer = self._call("GET", f"/v1/objects?ours={quote(ours, safe='')}")
        try:
            found = [item for item in answer["items"] if (item["object"] == "setup") == (kind == "setup")]
            return min(found, key=lambda item: WEIGHT.index(item["status"]), default=None)
        except (KeyError, TypeError, ValueError) as error:
            raise _Lost("unreadable answer") from error

    def _call(
        self, method: str, path: str, order: Mapping[str, Any] | None = None, key: str | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """One request, never repeated. Raises _NotSent before the first byte, _Lost after it, _Rejected for a 4xx.

        A new connection each time: only so does a reset mean that the provider may have read the order.
        """
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        body = None if order is None else json.dumps(order).encode()
        deadline = time.monotonic() + self.timeout
        connection = HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise _NotSent(type(error).__name__) from error
            try:
                connection.request(method, path, body, headers)
                if connection.sock:
                    connection.sock.settimeout(max(0.01, deadline - time.monotonic()))
                response = connection.getresponse()
                status, text = response.status, response.read(LARGEST_ANSWER)
            except (OSError, HTTPException) as error:
                raise _Lost(type(error).__name__) from error
        finally:
            connection.close()
        if 400 <= status < 500 and status not in (402, 408):
            raise _Rejected(status, text)
        if status not in (200, 201, 202, 402):
            raise _Lost(f"answered {status}")
        try:
            return status, _readable(text)
        except ValueError as error:
            raise _Lost("unreadable answer") from error


class _NotSent(Exception):
    """Nothing went out."""


class _Lost(Exception):
    """Something went out, and nothing that can be believed came back."""


class _Rejected(Exception):
    """The provider understood who asks and did not carry it out."""

    def __init__(self, status: int, text: bytes) -> None:
        super().__init__(f"answered {status}")
        self.status = status
        try:
            self.error = str(_readable(text).get("error"))
        except ValueError:
            self.error = "unreadable"

    def attempt(self, ours: str | None, theirs: str | None, *, lookup: bool = False) -> Attempt:
        """409 means the key is at work, or was used for another order: either may have moved money."""
        unknown = lookup or self.status == 409
        fault = self.status != 429 and self.error != "key_in_progress"
        return Attempt(Outcome.UNKNOWN if unknown else Outcome.NOT_SUBMITTED, theirs=theirs, ours=ours,
                       our_fault=fault, raw={"http": self.status, "error": self.error})  # fmt: skip


def _attempt(found: Mapping[str, Any]) -> Attempt:
    try:
        outcome = OUTCOMES[found["status"]]
        return Attempt(
            outcome,
            theirs=found.get("id"),
            ours=found.get("ours"),
            amount=found.get("amount"),
            currency=found.get("currency"),
            fee=found.get("fee"),
            decline=_decline(found, outcome),
            client_step=_step(found),
            setup=found["id"] if found.get("object") == "setup" else found.get("setup"),
            raw={name: found[name] for name in SHOWN_TO_STAFF if found.get(name) is not None},
        )
    except (KeyError, TypeError, ValueError):
        return Attempt(Outcome.UNKNOWN, raw={"error": "unreadable answer"})


def _setup(found: Mapping[str, Any]) -> Setup | None:
    try:
        state = SETUPS[found["status"]]
        decline = _decline(found, Outcome.DECLINED) if state is SetupState.REFUSED else None
        return Setup(state, theirs=found["id"], ours=found.get("ours"), method=_method(found.get("method")),
                     client_step=_step(found), decline=decline)  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None


def _step(found: Mapping[str, Any]) -> ClientStep | None:
    if found["status"] != "open":
        return None
    return ClientStep(str(found["id"]), str(found["url"]), datetime.fromisoformat(found["expires_at"]))


def _decline(found: Mapping[str, Any], outcome: Outcome) -> Decline | None:
    if outcome is not Outcome.DECLINED:
        return None
    told = found.get("decline") or {"code": "do_not_honor", "severity": "hard"}  # a refund that failed says no more
    code, tell = DECLINES.get(told["code"], ("refused", False))
    return Decline(code, Severity(told["severity"]), told.get("retry_after_days"), tell)


def _method(told: Mapping[str, Any] | None) -> Method | None:
    if told is None:
        return None
    year, month = told["expires"].split("-") if told.get("expires") else (None, None)
    return Method(
        token=told["token"],
        kind=MethodKind(told["kind"]),
        brand=told["brand"],
        last4=told["last4"],
        expires_year=int(year) if year else None,
        expires_month=int(month) if month else None,
        profile=told.get("profile"),
        mandate=told.get("mandate"),
    )


def _event(told: Mapping[str, Any]) -> Event:
    """An event as sent or listed. Raises ValueError for one that cannot be read."""
    try:
        kind = KINDS.get(told["type"].partition(".")[0], EventKind.OTHER)
        return Event(told["id"], kind, told["object"], told["ours"], datetime.fromisoformat(told["created_at"]),
                     told["account"], told["mode"] != "test", {"type": told["type"]})  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("unreadable event") from error


def _readable(text: bytes) -> Mapping[str, Any]:
    """JSON with an object at its root. Raises ValueError."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found
