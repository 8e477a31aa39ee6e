"""Stripe, through its own library. Cards everywhere; bank debits in US dollars (ACH) and in euros (SEPA).

Settings: `secret_key`, `webhook_secret`, `account` (acct_…), `live` ("1" or ""), and if wanted `timeout` in seconds
(default 20) and `base` (another address of the API, for tests). How to set it up, what was proven: docs/gateways.md.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import stripe

from gateways.contract import (
    Attempt,
    BadSignature,
    Capabilities,
    Capability,
    ChargeRequest,
    ClientStep,
    Decline,
    Event,
    Initiator,
    MethodKind,
    Outcome,
    Page,
    PaymentRequest,
    RefundRequest,
    Setup,
    SetupRequest,
    Severity,
    Unreachable,
)
from gateways.stripe import answers, finding, news
from gateways.stripe.amounts import CARD, DEBITS, LEAST, OTHERS, TERMS, most, sent, step
from gateways.stripe.declines import Found
from gateways.stripe.finding import INTENT, SESSION
from gateways.stripe.wire import Wire

PROVIDER = "stripe"
TIMEOUT = 20.0  # seconds for all requests of one call together
SIGNATURE_AGE = 300  # seconds, both ways
KEY_WINDOW = 24 * 3600  # https://docs.stripe.com/api/idempotent_requests: kept for at least 24 hours

LANGUAGES = set("""
bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv th
tr vi zh zh-HK zh-TW
""".split())  # fmt: skip  # noqa: SIM905


stripe.enable_telemetry = False  # tells how long our requests take, and what machine this is
logging.getLogger("stripe").setLevel(logging.WARNING)  # it logs addresses with ids, and bodies with e-mail addresses


def connect(config: Mapping[str, str]) -> Stripe:
    """The adapter for one account. Raises KeyError or ValueError for settings that cannot work."""
    live = config.get("live") == "1"
    key = config["secret_key"]
    if not key.isascii() or not key.isprintable() or ("_test_" in key and live) or ("_live_" in key and not live):
        raise ValueError("secret_key")
    wire = Wire(float(config.get("timeout") or TIMEOUT))
    base: dict[str, Any] = {"base_addresses": {"api": config["base"]}} if config.get("base") else {}
    client = stripe.StripeClient(key, max_network_retries=0, http_client=wire, **base)
    return Stripe(client, wire, config["webhook_secret"], config["account"], live)


@dataclass(frozen=True)
class Stripe:
    api: stripe.StripeClient = field(repr=False)
    wire: Wire = field(repr=False)
    webhook_secret: str = field(repr=False)
    account: str
    live: bool
    provider: str = PROVIDER

    def capabilities(self) -> Capabilities:
        kinds = [(MethodKind.CARD, CARD, currency) for currency in (*LEAST, *OTHERS)]
        kinds += [(MethodKind.BANK_DEBIT, name, currency) for currency, name in DEBITS.items()]
        return Capabilities(PROVIDER, tuple(
            Capability(kind, currency, off_session=True, refund=True, cancel=True, lookup_by_ours=True,
                       minimum=LEAST.get(currency, step(currency)), maximum=most(currency), step=step(currency),
                       key_window=KEY_WINDOW, notice_days=notice, notice_by="merchant", retries=retries,
                       retry_days=days, return_days=back)
            for kind, name, currency in kinds
            for notice, retries, days, back in [TERMS[name]]
        ))  # fmt: skip

    def account_of_key(self) -> str:
        """The account that the secret key belongs to, to be compared with `account`. Raises Unreachable."""
        self.wire.begin()
        try:
            return str(self.api.v1.accounts.retrieve_current().id)
        except (stripe.StripeError, AttributeError) as error:
            raise Unreachable(type(error).__name__) from error

    def begin_setup(self, request: SetupRequest, *, key: str) -> ClientStep | Attempt:
        page = self._page(request)
        page["mode"] = "setup"
        page["currency"] = request.currency.lower()
        page["setup_intent_data"] = {"metadata": {"ours": request.ours}}
        if not request.payer.profile:
            page["customer_creation"] = "always"
        return self._open(page, request.ours, key)

    def begin_payment(self, request: PaymentRequest, *, key: str) -> ClientStep | Attempt:
        try:
            amount = sent(request.amount, request.currency)
        except ValueError as error:
            return answers.mistake(request.ours, str(error))
        page = self._page(request)
        intent: stripe.params.checkout.SessionCreateParamsPaymentIntentData = {
            "capture_method": "automatic",
            "description": request.description,
            "metadata": {"ours": request.ours, "page": "1"},
        }
        if request.keep:
            intent["setup_future_usage"] = "off_session"
            if not request.payer.profile:
                page["customer_creation"] = "always"
        page["mode"] = "payment"
        page["submit_type"] = "pay"
        page["payment_intent_data"] = intent
        page["adaptive_pricing"] = {"enabled": False}  # else the customer might pay in another currency
        page["line_items"] = [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.currency.lower(),
                    "unit_amount": amount,
                    "product_data": {"name": request.description},
                },
            }
        ]
        return self._open(page, request.ours, key)

    def lookup_setup(self, *, ours: str | None = None, theirs: str | None = None) -> Setup | None:
        """None also where Stripe could not be asked: it is never a no."""
        if not ours and not theirs:
            raise ValueError("lookup needs ours or theirs")
        self.wire.begin()
        try:
            if theirs and theirs.startswith("cs_"):
                return answers.setup(self.api.v1.checkout.sessions.retrieve(theirs, {"expand": SESSION}).to_dict())
            if theirs and theirs.startswith("seti_"):
                found = self.api.v1.setup_intents.retrieve(theirs, {"expand": ["payment_method"]})
                return answers.setup_intent(found.to_dict())
            if theirs:
                return None
            pages = finding.pages(self.api, ours or "")
            return next((answers.setup(page) for page in pages if page["mode"] == "setup"), None)
        except (stripe.StripeError, KeyError, TypeError, AttributeError, ValueError):
            return None

    def charge(self, request: ChargeRequest, *, key: str) -> Attempt:
        """In two steps: nothing is taken until the second, and a look-up by the first one's id is exact."""
        self.wire.begin()
        try:
            order = _order(request)
        except ValueError as error:
            return answers.mistake(request.ours, str(error))
        try:
            theirs = self.api.v1.payment_intents.create(order, {"idempotency_key": f"{key}-create"}).id
        except stripe.StripeError as error:
            return answers.refusal(error, request.ours)
        except (AttributeError, TypeError):
            return answers.unreadable(request.ours)
        confirm: stripe.params.PaymentIntentConfirmParams = {"expand": INTENT}
        if request.initiator is Initiator.CUSTOMER and request.return_url:
            confirm["return_url"] = request.return_url
        else:
            confirm["off_session"] = True
        if request.mandate:
            confirm["mandate"] = request.mandate
        try:
            done = self.api.v1.payment_intents.confirm(theirs, confirm, {"idempotency_key": f"{key}-confirm"})
            return replace(answers.payment(done.to_dict()), theirs=theirs, ours=request.ours)
        except stripe.InvalidRequestError as error:
            if error.code == "payment_intent_unexpected_state":  # somebody was faster: what has it become?
                return self._known(theirs) or Attempt(Outcome.UNKNOWN, theirs=theirs, ours=request.ours)
            return answers.refusal(error, request.ours, theirs)
        except stripe.StripeError as error:
            return answers.refusal(error, request.ours, theirs)
        except (AttributeError, TypeError):
            return answers.unreadable(request.ours, theirs)

    def refund(self, request: RefundRequest, *, key: str) -> Attempt:
        """Only of a payment that was captured. How much of it is left is for Stripe to say: we may be repeating."""
        self.wire.begin()
        try:
            amount = sent(request.amount, request.currency)
            paid = finding.found(self.api, request.theirs)
            if paid is None:
                return answers.mistake(request.ours, "no such payment")
            intent = answers.intent_of(paid)
            if intent is None or intent["status"] != "succeeded":
                return Attempt(Outcome.DECLINED, ours=request.ours, raw={"code": "not_captured"},
                               decline=Decline("not_refundable", Severity.HARD))  # fmt: skip
        except ValueError as error:
            return answers.mistake(request.ours, str(error))
        except (stripe.StripeError, KeyError, TypeError, AttributeError) as error:
            known = answers.refusal(error, request.ours) if isinstance(error, stripe.StripeError) else None
            return Attempt(Outcome.NOT_SUBMITTED, ours=request.ours, our_fault=bool(known and known.our_fault),
                           raw=known.raw if known else {"error": "unreadable answer"})  # fmt: skip
        order: stripe.params.RefundCreateParams = {
            "payment_intent": intent["id"],
            "amount": amount,
            "metadata": {"ours": request.ours},
        }
        try:
            return answers.refund(self.api.v1.refunds.create(order, {"idempotency_key": key}).to_dict())
        except stripe.InvalidRequestError as error:
            too_much = error.param == "amount" and error.code in (None, "amount_too_large")
            if too_much or error.code == "charge_already_refunded":
                return Attempt(Outcome.DECLINED, ours=request.ours, raw=answers.said(error),
                               decline=Decline("refund_too_large", Severity.HARD))  # fmt: skip
            return answers.refusal(error, request.ours)
        except stripe.StripeError as error:
            return answers.refusal(error, request.ours)
        except (AttributeError, TypeError):
            return answers.unreadable(request.ours)

    def cancel(self, theirs: str, *, key: str) -> Attempt:
        self.wire.begin()
        try:
            if theirs.startswith("cs_"):
                closed = self.api.v1.checkout.sessions.expire(theirs, {"expand": SESSION}, {"idempotency_key": key})
                return answers.page(closed.to_dict())
            if theirs.startswith("pi_"):
                ended = self.api.v1.payment_intents.cancel(theirs, {"expand": INTENT}, {"idempotency_key": key})
                return answers.payment(ended.to_dict())
        except stripe.InvalidRequestError as error:
            # not open any more, or not to be cancelled: what is it?
            return self._known(theirs) or answers.unanswered(error, None, theirs)
        except stripe.StripeError as error:
            return answers.unanswered(error, None, theirs)
        except (AttributeError, TypeError):
            return answers.unreadable(None, theirs)
        return answers.mistake(None, "no such page or payment", theirs)

    def lookup(self, *, ours: str | None = None, theirs: str | None = None) -> Attempt | None:
        """By their id exactly. By ours: the search, which lags about a minute, and the newest objects of each kind."""
        if not ours and not theirs:
            raise ValueError("lookup needs ours or theirs")
        self.wire.begin()
        return self._known(theirs, ours)

    def detach(self, token: str, *, key: str) -> None:
        """Have Stripe forget a stored method; again: no change. Raises Unreachable."""
        self.wire.begin()
        method = token.rpartition("/")[2]
        try:
            try:
                _ = self.api.v1.payment_methods.detach(method, {}, {"idempotency_key": key}).id
            except stripe.InvalidRequestError as error:
                if error.http_status == 404:
                    return
                if self.api.v1.payment_methods.retrieve(method).to_dict().get("customer"):
                    raise
        except (stripe.StripeError, AttributeError) as error:
            raise Unreachable(type(error).__name__) from error

    def events(self, body: bytes, headers: Mapping[str, str]) -> list[Event]:
        signature = next((v for k, v in headers.items() if k.lower() == "stripe-signature"), "")
        try:
            stripe.WebhookSignature.verify_header(body.decode(), signature, self.webhook_secret, SIGNATURE_AGE)
            # the library refuses what is too old, not what comes from the future
            stamp = next(part for part in signature.split(",") if part.startswith("t="))
            if int(stamp[2:]) > time.time() + SIGNATURE_AGE:
                raise BadSignature("age")
            event = self._event(json.loads(body))
        except (stripe.SignatureVerificationError, StopIteration) as error:
            raise BadSignature("signature") from error
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
            raise BadSignature("unreadable") from error
        if event.account != self.account or event.live != self.live:
            raise BadSignature("account")
        return [event]

    def changes(self, since: str | None) -> Page[Event]:
        """Events after a position, and every hour those of the day before it once more.

        Where Stripe does not answer: an empty page that leads back to the same place.
        """
        self.wire.begin()
        try:
            told, following, more = news.read(self.api, since, int(time.time()))
            return Page(tuple(self._event(item) for item in told), following, more)
        except (stripe.StripeError, KeyError, TypeError, AttributeError, ValueError):
            return Page((), next=since)

    def _event(self, told: Found) -> Event:
        """Raises KeyError, TypeError, AttributeError or ValueError for one that cannot be read."""
        kind, theirs, ours = answers.speaks_of(
            told["type"], told["data"]["object"], told["data"].get("previous_attributes")
        )
        return Event(
            id=told["id"],
            kind=kind,
            theirs=theirs,
            ours=ours,
            at=datetime.fromtimestamp(told["created"], UTC),
            account=told.get("account") or self.account,  # named only for accounts connected to a platform
            live=told["livemode"],
            raw={"type": told["type"]},
        )

    def _page(self, request: SetupRequest | PaymentRequest) -> stripe.params.checkout.SessionCreateParams:
        """What both kinds of page have in common. The same request makes the same page, whenever it is said.

        Stripe offers those of the allowed methods that the account has switched on and that fit the currency.
        """
        names = {MethodKind.CARD: CARD, MethodKind.BANK_DEBIT: DEBITS.get(request.currency)}
        wanted = [name for kind in request.kinds if (name := names[kind])]
        page: stripe.params.checkout.SessionCreateParams = {
            "allowed_payment_method_types": cast(Any, wanted),
            "success_url": request.return_url,
            "cancel_url": request.return_url,
            "metadata": {"ours": request.ours},
            "locale": cast(Any, request.language if request.language in LANGUAGES else "auto"),
            "wallet_options": {"link": {"display": "never"}},  # a method kept at Link is none of ours
            "expand": SESSION,
        }
        if request.payer.profile:
            page["customer"] = request.payer.profile
        elif request.payer.email:
            page["customer_email"] = request.payer.email
        return page

    def _open(self, page: stripe.params.checkout.SessionCreateParams, ours: str, key: str) -> ClientStep | Attempt:
        if not page.get("allowed_payment_method_types"):
            return answers.mistake(ours, "no such method in this currency")
        self.wire.begin()
        try:
            attempt = answers.page(self.api.v1.checkout.sessions.create(page, {"idempotency_key": key}).to_dict())
        except stripe.StripeError as error:
            return answers.refusal(error, ours)
        except (AttributeError, TypeError):
            return answers.unreadable(ours)
        return attempt.client_step or attempt

    def _known(self, theirs: str | None, ours: str | None = None) -> Attempt | None:
        """What Stripe knows, within the time that the call has left."""
        try:
            if theirs:
                found = finding.found(self.api, theirs)
                return None if found is None else answers.attempt(found)
            return finding.search(self.api, ours or "")
        except stripe.StripeError as error:
            return answers.unanswered(error, ours, theirs)
        except (KeyError, TypeError, AttributeError, ValueError):
            return answers.unreadable(ours, theirs)


def _order(request: ChargeRequest) -> stripe.params.PaymentIntentCreateParams:
    """Raises ValueError for what Stripe cannot be asked."""
    customer, _, method = request.token.rpartition("/")
    name = CARD if request.kind is MethodKind.CARD else DEBITS.get(request.currency)
    if name is None:
        raise ValueError("no such method in this currency")
    order: stripe.params.PaymentIntentCreateParams = {
        "amount": sent(request.amount, request.currency),
        "currency": request.currency.lower(),
        "payment_method": method,
        "allowed_payment_method_types": [name],
        "capture_method": "automatic",  # at once: else the fee is not known yet in the answer
        "description": request.description,
        "metadata": {"ours": request.ours},
    }
    if owner := customer or request.payer.profile:
        order["customer"] = owner
    return order
