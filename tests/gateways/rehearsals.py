"""What the shared contract tests need from each provider beside its adapter. A new adapter joins by one class here."""

from __future__ import annotations

import json
import time
from typing import Protocol

from stripe import WebhookSignature

from gateways.contract import Gateway
from gateways.registry import load
from sandbox.courier import sign
from sandbox.store import DEFAULTS
from tests.gateways.running import RunningSandbox
from tests.gateways.stripe_fake import ACCOUNT, SECRET, WEBHOOK_SECRET, StripeFake


class Rehearsal(Protocol):
    """A provider under rehearsal. Instruments have the sandbox's names, whatever the provider calls its own."""

    gateway: Gateway
    signature: str  # the header its webhooks are signed in
    keeps_errors: bool  # a 500 is answered again under the same key; else that key finds what was made
    page_is_final: bool  # a card refused on the page, or leaving it, ends it; else the customer may come back to it

    def token(self, instrument: str) -> str:
        """A stored method that behaves as named."""

    def press(self, page: str, do: str, instrument: str) -> None:
        """Act on the provider's page as the customer: do is pay, cancel, approve or refuse."""

    def settle(self, theirs: str) -> None:
        """A debit (or refund) arrives."""

    def fail(self, theirs: str) -> None:
        """A debit comes back before it arrived."""

    def give_back(self, theirs: str) -> None:
        """A debit comes back after it arrived."""

    def impatient(self) -> Gateway:
        """The same adapter with a timeout shorter than the provider's silence."""

    def trouble(self, name: str) -> None:
        """The next order meets drop_before, drop_after, error_before, error_after or busy."""

    def wrong_keys(self) -> Gateway: ...

    def nowhere(self) -> Gateway:
        """The same adapter with nothing listening at its address."""

    def signed(self, body: bytes, *, age: int = 0) -> dict[str, str]:
        """Headers of a webhook the provider would have sent `age` seconds ago."""

    def told(self, **changed: str | None) -> bytes:
        """A webhook's body: payment pay_1, ours o1, succeeded. Changed may be type, ours, account, mode, created_at."""

    def captured(self, ours: str) -> int:
        """How often money was really taken."""


class DebitsOnly(Rehearsal, Protocol):
    """One that takes bank accounts alone: its charges take days."""

    def standing(self, ours: str) -> int:
        """How many debits there are that took money, or will."""


class SandboxRehearsal:
    keeps_errors = True
    signature = "Sandbox-Signature"
    page_is_final = True

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.gateway = sandbox.gateway()
        self.settle = sandbox.settle
        self.fail = sandbox.fail
        self.give_back = sandbox.give_back
        self.token = sandbox.keep
        sandbox.set(**{**DEFAULTS, "slow_ms": 50, "hang_ms": 600, "settle_ms": 3_600_000})

    def press(self, page: str, do: str = "pay", instrument: str = "visa") -> None:
        self.sandbox.press(page, do, instrument)

    def impatient(self) -> Gateway:
        return self.sandbox.gateway(timeout="0.2")

    def trouble(self, name: str) -> None:
        self.sandbox.set(**{name: 1})

    def wrong_keys(self) -> Gateway:
        return self.sandbox.gateway(secret="not the secret")

    def nowhere(self) -> Gateway:
        return self.sandbox.gateway(url="http://127.0.0.1:1")

    def signed(self, body: bytes, *, age: int = 0) -> dict[str, str]:
        return {self.signature: sign(self.sandbox.secret.encode(), body, int(time.time()) - age)}

    def told(self, **changed: str | None) -> bytes:
        return json.dumps({"id": "evt_1", "type": "payment.succeeded", "object": "pay_1", "ours": "o1",
                           "account": "rehearsal", "mode": "test", "created_at": "2026-11-22T10:00:00+00:00",
                           **changed}).encode()  # fmt: skip

    def captured(self, ours: str) -> int:
        return self.sandbox.captured().get(ours, 0)


class StripeRehearsal:
    keeps_errors = True
    signature = "Stripe-Signature"
    page_is_final = False  # whoever was refused on Checkout's page takes another card there

    def __init__(self, fake: StripeFake) -> None:
        self.fake = fake
        self.gateway = self.adapter()
        self.settle = fake.settle
        self.fail = fake.fail
        self.give_back = fake.give_back
        self.captured = fake.captured

    def adapter(self, **changes: str) -> Gateway:
        return load("stripe", {"secret_key": SECRET, "webhook_secret": WEBHOOK_SECRET, "account": ACCOUNT, "live": "",
                               "base": self.fake.url, **changes})  # fmt: skip

    def token(self, instrument: str) -> str:
        method = self.fake.keep(instrument)
        return f"{method['customer']}/{method['id']}"

    def press(self, page: str, do: str = "pay", instrument: str = "visa") -> None:
        self.fake.press(page, do, instrument)

    def impatient(self) -> Gateway:
        return self.adapter(timeout="0.8")

    def trouble(self, name: str) -> None:
        self.fake.trouble = name

    def wrong_keys(self) -> Gateway:
        return self.adapter(secret_key="sk_test_other", webhook_secret="whsec_other")

    def nowhere(self) -> Gateway:
        return self.adapter(base="http://127.0.0.1:1")

    def signed(self, body: bytes, *, age: int = 0) -> dict[str, str]:
        text = body.decode(errors="replace")
        made = WebhookSignature.generate_signature_header(text, WEBHOOK_SECRET, int(time.time()) - age)
        return {self.signature: made}

    def told(self, **changed: str | None) -> bytes:
        words = {
            "type": "payment_intent.succeeded",
            "ours": "o1",
            "mode": "test",
            "created_at": 1_795_000_000,
            **changed,
        }
        item = {"id": "pay_1", "object": "payment_intent", "metadata": {"ours": words["ours"]} if words["ours"] else {}}
        event = {"id": "evt_1", "object": "event", "type": words["type"], "created": words["created_at"],
                 "livemode": words["mode"] == "live", "data": {"object": item}}  # fmt: skip
        return json.dumps(event | ({"account": changed["account"]} if "account" in changed else {})).encode()
