"""A server that behaves like Stripe for what our adapter calls: states, keys, metadata, expansion, lists, events.

It is made from Stripe's published description of its API, holds every request to the types its library is published
with, and is reached by that library over HTTP. It is not Stripe: docs/gateways.md says what that proves.
"""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import stripe

from tests.gateways.stripe_params import Unallowed, allow, parsed

SECRET, WEBHOOK_SECRET, ACCOUNT = "sk_test_rehearsal", "whsec_rehearsal", "acct_rehearsal"

# Brand, last four, and what a charge is refused with: code and decline code.
CARDS: dict[str, tuple[str, str, tuple[str, str | None] | None]] = {
    "visa": ("visa", "4242", None),
    "mastercard": ("mastercard", "4444", None),
    "secure": ("visa", "3220", None),
    "timeout": ("visa", "5126", None),
    "slow": ("visa", "5134", None),
    "no_funds": ("visa", "9995", ("card_declined", "insufficient_funds")),
    "stolen": ("visa", "9979", ("card_declined", "stolen_card")),
    "expired": ("mastercard", "0069", ("expired_card", None)),
    "refused": ("visa", "0002", ("card_declined", "generic_decline")),
}
REFERENCES = {
    "payment_intent": "intents",
    "setup_intent": "setup_intents",
    "latest_charge": "charges",
    "payment_method": "methods",
    "balance_transaction": "balance",
}


class Refused(Exception):
    """An answer of 4xx."""

    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(str(error))
        self.status = status
        self.body = {"error": {"type": "invalid_request_error", "message": "Refused.", **error}}


class Hang(Exception):
    """The answer is lost: the connection ends without one, after so many seconds."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        self.seconds = seconds


class StripeFake:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.numbers = count(1)
        self.intents: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.setup_intents: dict[str, dict[str, Any]] = {}
        self.charges: dict[str, dict[str, Any]] = {}
        self.balance: dict[str, dict[str, Any]] = {}
        self.methods: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.keys: dict[str, tuple[str, int, Any] | None] = {}
        self.orders: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []  # what was called, in order
        self.trouble: str | None = None  # what the next confirmation meets
        self.search_lag = 60.0  # seconds until the search finds an intent, as documented
        self.has_search = True
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # What a test does

    def keep(self, instrument: str, currency: str = "eur") -> dict[str, Any]:
        """Store an instrument with a customer of its own."""
        with self.lock:
            return self._method(instrument, currency, self._id("cus"))

    def press(self, page: str, do: str, instrument: str) -> None:
        """Act on a page of ours as the customer would. Leaving it changes nothing: the customer may come back."""
        with self.lock:
            theirs = urlsplit(page).path.rpartition("/")[2]
            if theirs in self.intents:
                self._approve(self.intents[theirs], do)
                return
            session = self.sessions[theirs]
            if session["status"] != "open" or do == "cancel":
                return
            if session["mode"] == "setup":
                self._store_on_page(session, instrument)
            elif do in ("approve", "refuse"):
                self._approve(self.intents[session["payment_intent"]], do)
            else:
                self._pay_on_page(session, instrument)
            self._close_if_done(session)

    def settle(self, theirs: str) -> None:
        with self.lock:
            if theirs in self.refunds:
                self._refund_is(self.refunds[theirs], "succeeded")
                return
            self._capture(self._intent_named(theirs))

    def fail(self, theirs: str) -> None:
        with self.lock:
            if theirs in self.refunds:
                self._refund_is(self.refunds[theirs], "failed")
                return
            intent = self._intent_named(theirs)
            self.charges[intent["latest_charge"]].update(status="failed", failure_code="could_not_process")
            intent["last_payment_error"] = {"type": "card_error", "code": "payment_intent_payment_attempt_failed"}
            intent["status"] = "requires_payment_method"
            self._emit("payment_intent.payment_failed", intent)

    def give_back(self, theirs: str) -> None:
        with self.lock:
            intent = self._intent_named(theirs)
            self.charges[intent["latest_charge"]]["disputed"] = True
            dispute = {"id": self._id("du"), "object": "dispute", "payment_intent": intent["id"], "metadata": {},
                       "charge": intent["latest_charge"], "reason": "insufficient_funds"}  # fmt: skip
            self._emit("charge.dispute.created", dispute)

    def captured(self, ours: str) -> int:
        with self.lock:
            return sum(intent["metadata"].get("ours") == ours and intent["status"] == "succeeded"
                       for intent in self.intents.values())  # fmt: skip

    # HTTP

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else the second half of each answer waits 40 ms

            def do_GET(self) -> None:
                self._answer("GET", urlsplit(self.path).query)

            def do_POST(self) -> None:
                self._answer("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

            def _answer(self, method: str, form: str) -> None:
                try:
                    status, body = fake.answer(method, urlsplit(self.path).path, form, dict(self.headers))
                except Hang as hang:
                    time.sleep(hang.seconds)
                    self.close_connection = True
                    return
                text = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text)))
                    self.send_header("Request-Id", "req_rehearsal")
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    self.close_connection = True  # the caller did not wait

            def log_message(self, format: str, *args: Any) -> None:
                return None

        return Handler

    def answer(self, method: str, path: str, form: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Authentication, parameters, then the key, as Stripe does: what fails before it ran uses up no key."""
        key = headers.get("Idempotency-Key")
        try:
            if headers.get("Authorization") != f"Bearer {SECRET}":
                raise Refused(401, message="Invalid API Key provided")
            given = parsed(form)
            with self.lock:
                self.asked.append((method, path, given))
            run, kind, parts = self._route(method, path)
            try:
                allow(given, kind)
            except Unallowed as error:
                raise Refused(400, code="parameter_unknown", param=error.param) from error
            if method == "GET":
                with self.lock:
                    return 200, self._expanded(run(given, *parts), given.get("expand"))
            if not key:
                raise Refused(400, message="a request without a key")
        except Refused as no:
            return no.status, no.body
        trouble = None
        with self.lock:
            if self.orders.setdefault(key, f"{path} {form}") != f"{path} {form}":
                return 400, {"error": {"type": "idempotency_error", "message": "Keys are for one request."}}
            if key in self.keys:
                stored = self.keys[key]
                if stored is None:
                    return 409, {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}}
                return stored[1], copy.deepcopy(stored[2])
            if path.endswith("/confirm"):
                trouble, self.trouble = self.trouble, None
            if trouble == "busy":
                return 429, {"error": {"type": "invalid_request_error", "code": "rate_limit"}}
            if trouble == "drop_before":
                raise Hang()
            self.keys[key] = None
        if path.endswith("/confirm") and self._instrument(parts[0]) == "slow":
            time.sleep(0.05)
        with self.lock:
            status, body = self._ran(run, given, parts, trouble)
            if status == 400 or status == 404:
                del self.keys[key]  # a request that was not carried out may be said again
            else:
                self.keys[key] = (path, status, copy.deepcopy(body))
        if trouble == "drop_after":
            raise Hang()
        if path.endswith("/confirm") and self._instrument(parts[0]) == "timeout":
            raise Hang(1.2)
        return status, body

    def _ran(
        self, run: Callable[..., Any], given: dict[str, Any], parts: list[str], trouble: str | None
    ) -> tuple[int, Any]:
        broken = 500, {"error": {"type": "api_error", "message": "Something went wrong."}}
        if trouble == "error_before":
            return broken
        try:
            answer = 200, self._expanded(run(given, *parts), given.get("expand"))
        except Refused as no:
            answer = no.status, no.body
        return broken if trouble == "error_after" else answer

    def _route(self, method: str, path: str) -> tuple[Callable[..., Any], Any, list[str]]:
        params = stripe.params
        routes: dict[str, tuple[Callable[..., Any], Any]] = {
            "POST checkout sessions": (self._open, params.checkout.SessionCreateParams),
            "GET checkout sessions": (self._list_sessions, params.checkout.SessionListParams),
            "GET checkout sessions *": (self._one(self.sessions), params.checkout.SessionRetrieveParams),
            "POST checkout sessions * expire": (self._expire, params.checkout.SessionExpireParams),
            "POST payment_intents": (self._create, params.PaymentIntentCreateParams),
            "GET payment_intents": (self._list(self.intents), params.PaymentIntentListParams),
            "GET payment_intents search": (self._search, params.PaymentIntentSearchParams),
            "GET payment_intents *": (self._one(self.intents), params.PaymentIntentRetrieveParams),
            "POST payment_intents * confirm": (self._confirm, params.PaymentIntentConfirmParams),
            "POST payment_intents * cancel": (self._cancel, params.PaymentIntentCancelParams),
            "GET setup_intents *": (self._one(self.setup_intents), params.SetupIntentRetrieveParams),
            "GET payment_methods *": (self._one(self.methods), params.PaymentMethodRetrieveParams),
            "POST payment_methods * detach": (self._detach, params.PaymentMethodDetachParams),
            "POST refunds": (self._refund, params.RefundCreateParams),
            "GET refunds": (self._list(self.refunds), params.RefundListParams),
            "GET refunds *": (self._one(self.refunds), params.RefundRetrieveParams),
            "GET account": (lambda given: {"id": ACCOUNT, "object": "account"}, params.AccountRetrieveCurrentParams),
            "GET events": (self._list_events, params.EventListParams),
        }
        words = path.strip("/").split("/")[1:]
        for pattern, (run, kind) in routes.items():
            verb, *wanted = pattern.split()
            pairs = list(zip(wanted, words, strict=False))
            if verb == method and len(wanted) == len(words) and all(want in ("*", word) for want, word in pairs):
                return run, kind, [word for want, word in pairs if want == "*"]
        raise Refused(404, message=f"Unrecognized request URL ({method}: {path})")

    # Pages

    def _open(self, given: dict[str, Any]) -> dict[str, Any]:
        wanted = list(given["allowed_payment_method_types"].values())
        now = int(time.time())
        session: dict[str, Any] = {
            "id": self._id("cs_test"), "object": "checkout.session", "mode": given["mode"], "status": "open",
            "created": now, "expires_at": now + 86_400, "metadata": given["metadata"], "livemode": False,
            "customer": given.get("customer"), "payment_intent": None, "setup_intent": None, "amount_total": None,
            "currency": given.get("currency"), "payment_method_types": wanted,
            "_creates_customer": given.get("customer_creation") == "always",
            "_intent": given.get("payment_intent_data") or {},
        }  # fmt: skip
        session["url"] = f"{self.url}/c/pay/{session['id']}"
        if given["mode"] == "setup":
            if not (session["customer"] or session["_creates_customer"]):
                raise Refused(400, param="customer")
            intent: dict[str, Any] = {
                "id": self._id("seti"), "object": "setup_intent", "status": "requires_payment_method", "created": now,
                "metadata": given["setup_intent_data"]["metadata"], "payment_method": None, "mandate": None,
                "last_setup_error": None, "next_action": None,
            }  # fmt: skip
            self.setup_intents[intent["id"]] = intent
            session["setup_intent"] = intent["id"]
        else:
            item = given["line_items"]["0"]
            session["currency"] = item["price_data"]["currency"]
            session["amount_total"] = self._amount(item["price_data"]["unit_amount"], session["currency"])
        self.sessions[session["id"]] = session
        return session

    def _store_on_page(self, session: dict[str, Any], instrument: str) -> None:
        intent = self.setup_intents[session["setup_intent"]]
        if instrument == "refused":
            intent["last_setup_error"] = {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": "generic_decline",
            }
            self._emit("setup_intent.setup_failed", intent)
            return
        session["customer"] = session["customer"] or self._id("cus")
        method = self._method(instrument, session["currency"], session["customer"])
        intent.update(status="succeeded", payment_method=method["id"])
        if method["type"] != "card":
            intent["mandate"] = self._id("mandate")
        self._emit("setup_intent.succeeded", intent)

    def _pay_on_page(self, session: dict[str, Any], instrument: str) -> None:
        if session["payment_intent"] is None:
            wanted = session["_intent"]
            intent = self._intent(session["amount_total"], session["currency"], wanted.get("metadata") or {})
            intent["setup_future_usage"] = wanted.get("setup_future_usage")
            session["payment_intent"] = intent["id"]
        intent = self.intents[session["payment_intent"]]
        if session["_creates_customer"]:
            session["customer"] = session["customer"] or self._id("cus")
        customer = session["customer"] if intent["setup_future_usage"] else None
        intent["payment_method"] = self._method(instrument, session["currency"], customer)["id"]
        self._attempt(intent, f"{self.url}/3ds/{intent['id']}", off_session=False)

    def _close_if_done(self, session: dict[str, Any]) -> None:
        intent = self.intents.get(session["payment_intent"]) or self.setup_intents.get(session["setup_intent"])
        if intent and intent["status"] in ("succeeded", "processing"):
            session.update(status="complete", url=None)
            self._emit("checkout.session.completed", session)

    def _expire(self, given: dict[str, Any], theirs: str) -> dict[str, Any]:
        session: dict[str, Any] = self._one(self.sessions)({}, theirs)
        if session["status"] != "open":
            raise Refused(400, message="Only Checkout Sessions with a status in [open] can be expired.")
        session.update(status="expired", url=None)
        if intent := self.intents.get(session["payment_intent"]):
            intent["status"] = "canceled"
        self._emit("checkout.session.expired", session)
        return session

    # Intents

    def _create(self, given: dict[str, Any]) -> dict[str, Any]:
        amount = self._amount(given["amount"], given["currency"])
        method = self.methods.get(given["payment_method"])
        if method is None or method["customer"] is None or method["customer"] != given.get("customer"):
            raise Refused(400, code="resource_missing", param="payment_method")
        if method["type"] not in given["allowed_payment_method_types"].values():
            raise Refused(400, code="payment_method_types_mismatch", param="allowed_payment_method_types")
        intent = self._intent(amount, given["currency"], given.get("metadata") or {})
        intent.update(payment_method=method["id"], customer=given["customer"], status="requires_confirmation")
        return intent

    def _intent(self, amount: int, currency: str, metadata: dict[str, str]) -> dict[str, Any]:
        intent: dict[str, Any] = {
            "id": self._id("pi"), "object": "payment_intent", "amount": amount, "amount_received": 0,
            "currency": currency, "metadata": metadata, "status": "requires_payment_method", "latest_charge": None,
            "payment_method": None, "customer": None, "last_payment_error": None, "next_action": None,
            "setup_future_usage": None, "created": int(time.time()), "livemode": False,
        }  # fmt: skip
        self.intents[intent["id"]] = intent
        return intent

    def _confirm(self, given: dict[str, Any], theirs: str) -> dict[str, Any]:
        intent: dict[str, Any] = self._one(self.intents)({}, theirs)
        if intent["status"] != "requires_confirmation":
            raise Refused(400, code="payment_intent_unexpected_state")
        url = f"{self.url}/3ds/{theirs}" if given.get("return_url") else None
        self._attempt(intent, url, off_session=given.get("off_session") == "true")
        if intent["last_payment_error"]:
            raise Refused(402, **intent["last_payment_error"])
        return intent

    def _attempt(self, intent: dict[str, Any], approval: str | None, *, off_session: bool) -> None:
        method = self.methods[intent["payment_method"]]
        instrument = method["_instrument"]
        intent["last_payment_error"] = None
        if method["type"] != "card":
            intent["status"] = "processing"
            self._charge(intent, method, "pending")
            self._emit("payment_intent.processing", intent)
        elif refusal := CARDS[instrument][2]:
            self._refuse(intent, *refusal)
        elif instrument == "secure" and off_session:
            self._refuse(intent, "authentication_required", "authentication_required")
        elif instrument == "secure":
            redirect = {"type": "redirect_to_url", "redirect_to_url": {"url": approval}}
            library = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
            intent.update(status="requires_action", next_action=redirect if approval else library)
        else:
            self._charge(intent, method, "pending")
            self._capture(intent)

    def _approve(self, intent: dict[str, Any], do: str) -> None:
        if intent["status"] != "requires_action":
            return
        intent["next_action"] = None
        if do == "approve":
            self._charge(intent, self.methods[intent["payment_method"]], "pending")
            self._capture(intent)
        else:
            self._refuse(intent, "payment_intent_authentication_failure", None)

    def _refuse(self, intent: dict[str, Any], code: str, decline_code: str | None) -> None:
        error = {"type": "card_error", "code": code, "decline_code": decline_code, "message": "Your card was declined."}
        intent.update(status="requires_payment_method", last_payment_error=error)
        self._charge(intent, self.methods[intent["payment_method"]], "failed")
        self._emit("payment_intent.payment_failed", intent)

    def _charge(self, intent: dict[str, Any], method: dict[str, Any], status: str) -> None:
        kind = method["type"]
        charge: dict[str, Any] = {
            "id": self._id("ch" if kind == "card" else "py"), "object": "charge", "status": status, "disputed": False,
            "balance_transaction": None, "amount_refunded": 0, "failure_code": None, "metadata": intent["metadata"],
            "payment_method_details": {"type": kind, kind: {**method[kind], "mandate": "mandate_1"}},
        }  # fmt: skip
        self.charges[charge["id"]] = charge
        intent["latest_charge"] = charge["id"]

    def _capture(self, intent: dict[str, Any]) -> None:
        charge = self.charges[intent["latest_charge"]]
        booked = {"id": self._id("txn"), "object": "balance_transaction", "currency": intent["currency"],
                  "fee": (intent["amount"] * 14 + 500) // 1000 + 20}  # fmt: skip
        self.balance[booked["id"]] = booked
        charge.update(status="succeeded", balance_transaction=booked["id"])
        intent.update(status="succeeded", amount_received=intent["amount"])
        self._emit("payment_intent.succeeded", intent)

    def _cancel(self, given: dict[str, Any], theirs: str) -> dict[str, Any]:
        intent: dict[str, Any] = self._one(self.intents)({}, theirs)
        if intent["status"] in ("succeeded", "canceled"):
            raise Refused(400, code="payment_intent_unexpected_state")
        intent["status"] = "canceled"
        self._emit("payment_intent.canceled", intent)
        return intent

    def _intent_named(self, theirs: str) -> dict[str, Any]:
        return self.intents[self.sessions[theirs]["payment_intent"] if theirs in self.sessions else theirs]

    def _instrument(self, theirs: str) -> str | None:
        with self.lock:
            intent = self.intents.get(theirs) or {}
            instrument: str | None = self.methods.get(intent.get("payment_method") or "", {}).get("_instrument")
            return instrument

    # Refunds and methods

    def _refund(self, given: dict[str, Any]) -> dict[str, Any]:
        intent: dict[str, Any] = self._one(self.intents)({}, given["payment_intent"])
        charge, amount = (
            self.charges[intent["latest_charge"]],
            self._amount(given["amount"], intent["currency"], least=1),
        )
        left = intent["amount_received"] - charge["amount_refunded"]
        if left <= 0:
            raise Refused(400, code="charge_already_refunded", message="Charge has already been refunded.")
        if amount > left:
            raise Refused(400, param="amount", message="Refund amount is greater than unrefunded amount on charge.")
        charge["amount_refunded"] += amount
        bank = charge["id"].startswith("py_")
        refund: dict[str, Any] = {
            "id": self._id("pyr" if bank else "re"), "object": "refund", "amount": amount,
            "currency": intent["currency"], "payment_intent": intent["id"], "charge": charge["id"],
            "status": "pending" if bank else "succeeded", "metadata": given.get("metadata") or {},
            "created": int(time.time()), "failure_reason": None,
        }  # fmt: skip
        self.refunds[refund["id"]] = refund
        self._emit("refund.created", refund)
        return refund

    def _refund_is(self, refund: dict[str, Any], status: str) -> None:
        refund["status"] = status
        if status == "failed":
            refund["failure_reason"] = "lost_or_stolen_card"
            self.charges[refund["charge"]]["amount_refunded"] -= refund["amount"]
        self._emit("refund.failed" if status == "failed" else "refund.updated", refund)

    def _method(self, instrument: str, currency: str, customer: str | None) -> dict[str, Any]:
        method: dict[str, Any] = {"id": self._id("pm"), "object": "payment_method", "customer": customer,
                                  "_instrument": instrument}  # fmt: skip
        if instrument.startswith("debit"):
            kind = "us_bank_account" if currency == "usd" else "sepa_debit"
            details = {"bank_name": "TEST BANK"} if kind == "us_bank_account" else {"bank_code": "37040044"}
            method |= {"type": kind, kind: {**details, "last4": "3000"}}
        else:
            brand, last4, _ = CARDS[instrument]
            method |= {"type": "card", "card": {"brand": brand, "display_brand": brand, "last4": last4,
                                                "exp_month": 12, "exp_year": 2031}}  # fmt: skip
        self.methods[method["id"]] = method
        return method

    def _detach(self, given: dict[str, Any], theirs: str) -> dict[str, Any]:
        method: dict[str, Any] = self._one(self.methods)({}, theirs)
        if method["customer"] is None:
            raise Refused(400, message="The payment method you provided is not attached to a customer.")
        before, method["customer"] = method["customer"], None
        self._emit("payment_method.detached", method, {"customer": before})
        return method

    # Lists

    def _one(self, kept: dict[str, dict[str, Any]]) -> Callable[..., Any]:
        def one(given: dict[str, Any], theirs: str) -> dict[str, Any]:
            if theirs not in kept:
                raise Refused(404, code="resource_missing", param="id")
            return kept[theirs]

        return one

    def _list(self, kept: dict[str, dict[str, Any]]) -> Callable[..., Any]:
        return lambda given: self._page(list(kept.values()), given)

    def _list_sessions(self, given: dict[str, Any]) -> dict[str, Any]:
        of = given.get("payment_intent")
        return self._page([item for item in self.sessions.values() if of in (None, item["payment_intent"])], given)

    def _list_events(self, given: dict[str, Any]) -> dict[str, Any]:
        wanted = given.get("types", {}).values()
        if len(wanted) > 20:
            raise Refused(400, param="types")
        since = int(given.get("created", {}).get("gte", 0))
        found = [item for item in self.events if item["created"] >= since and (not wanted or item["type"] in wanted)]
        return self._page(found, given)

    def _search(self, given: dict[str, Any]) -> dict[str, Any]:
        if not self.has_search:
            raise Refused(400, message="Search is not available in your region.")
        ours = given["query"].removeprefix("metadata['ours']:'").removesuffix("'")
        seen = time.time() - self.search_lag
        found = [item for item in self.intents.values() if item["metadata"].get("ours") == ours]
        return {
            "object": "search_result",
            "data": [item for item in found if item["created"] <= seen],
            "has_more": False,
        }

    def _page(self, oldest_first: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
        """Newest first. `ending_before` gives the page that lies just above that object."""
        items, limit = oldest_first[::-1], int(given.get("limit", 10))
        ids = [item["id"] for item in items]
        for name in ("starting_after", "ending_before"):
            if name in given and given[name] not in ids:
                raise Refused(400, code="resource_missing", param=name)
        if "ending_before" in given:
            above = items[: ids.index(given["ending_before"])]
            return {"object": "list", "data": above[-limit:], "has_more": len(above) > limit, "url": "/"}
        below = items[ids.index(given["starting_after"]) + 1 :] if "starting_after" in given else items
        return {"object": "list", "data": below[:limit], "has_more": len(below) > limit, "url": "/"}

    def _expanded(self, found: dict[str, Any], wanted: Mapping[str, str] | None) -> Any:
        """A copy, with what `expand` names in the place of its id, and nothing of ours."""
        shown = {name: value for name, value in copy.deepcopy(found).items() if not name.startswith("_")}
        paths = [path.split(".") for path in (wanted or {}).values()]
        if isinstance(shown.get("data"), list):
            inner = {str(n): ".".join(path[1:]) for n, path in enumerate(paths)}
            return {**shown, "data": [self._expanded(item, inner) for item in shown["data"]]}
        for name in {path[0] for path in paths if path[0]}:
            if name not in REFERENCES:
                raise Refused(400, param="expand", message=f"This property cannot be expanded ({name}).")
            if shown.get(name):
                inner = {str(n): ".".join(path[1:]) for n, path in enumerate(paths) if path[0] == name}
                shown[name] = self._expanded(getattr(self, REFERENCES[name])[shown[name]], inner)
        return shown

    def _amount(self, told: str, currency: str, least: int | None = None) -> int:
        if not told.isdigit() or int(told) < 1:
            raise Refused(400, code="parameter_invalid_integer", param="amount")
        if int(told) < (50 if least is None else least):
            raise Refused(400, code="amount_too_small", param="amount")
        return int(told)

    def _emit(self, kind: str, item: dict[str, Any], before: dict[str, Any] | None = None) -> None:
        told = {"object": self._expanded(item, None)} | ({"previous_attributes": before} if before else {})
        self.events.append({"id": self._id("evt"), "object": "event", "type": kind, "created": int(time.time()),
                            "livemode": False, "data": told})  # fmt: skip

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self.numbers):06}"
