"""GoCardless under the shared contract tests. It takes bank accounts only: every instrument's name means a mandate."""

from __future__ import annotations

import json

from gateways.contract import Gateway
from tests.gateways.gocardless_books import CREDITOR
from tests.gateways.gocardless_fake import LIVE_SECRET, SECRET, FakeGoCardless, sign

STANDS = ("pending_customer_approval", "pending_submission", "submitted", "confirmed", "paid_out")
TYPES = {"payment.succeeded": ("payments", "confirmed")}


class GoCardlessRehearsal:
    signature = "Webhook-Signature"
    keeps_errors = False
    page_is_final = False

    def __init__(self, fake: FakeGoCardless) -> None:
        self.fake = fake
        self.gateway = fake.gateway()

    def token(self, instrument: str) -> str:
        return self.fake.keep(silent=instrument == "timeout")

    def press(self, page: str, do: str = "pay", instrument: str = "debit") -> None:
        if do == "pay":
            self.fake.authorise(page)

    def settle(self, theirs: str) -> None:
        self.fake.move(theirs, "paid" if theirs.startswith("RF") else "confirmed")

    def fail(self, theirs: str) -> None:
        self.fake.move(theirs, *(("bounced", "") if theirs.startswith("RF") else ("failed", "refer_to_payer")))

    def give_back(self, theirs: str) -> None:
        self.fake.move(theirs, "charged_back", "authorisation_disputed")

    def impatient(self) -> Gateway:
        return self.fake.gateway(timeout="0.4")

    def trouble(self, name: str) -> None:
        self.fake.trouble(name, orders_only=True)

    def wrong_keys(self) -> Gateway:
        return self.fake.gateway(access_token="not the token", webhook_secret="not the secret")

    def nowhere(self) -> Gateway:
        return self.fake.gateway(base="http://127.0.0.1:1")

    def signed(self, body: bytes, *, age: int = 0) -> dict[str, str]:
        """It signs no time. What its live endpoint sends is signed with another secret."""
        return sign(body, LIVE_SECRET if b"WB_LIVE" in body else SECRET)

    def told(self, **changed: str | None) -> bytes:
        told = {"type": "payment.succeeded", "object": "pay_1", "ours": "o1", "account": CREDITOR, "mode": "test",
                "created_at": "2026-11-22T10:00:00.000Z", **changed}  # fmt: skip
        resource, action = TYPES.get(str(told["type"]), ("weathers", "changed"))
        event = {"id": "evt_1", "created_at": told["created_at"], "resource_type": resource, "action": action,
                 "links": {"payment": told["object"], "creditor": told["account"]},
                 "details": {"origin": "gocardless", "cause": "payment_confirmed"},
                 "resource_metadata": {"tillhouse": told["ours"]} if told["ours"] else {}}  # fmt: skip
        webhook_id = "WB_LIVE" if told["mode"] == "live" else "WB_TEST"
        return json.dumps({"events": [event], "meta": {"webhook_id": webhook_id}}).encode()

    def captured(self, ours: str) -> int:
        return len(self.fake.payments(ours, "confirmed", "paid_out", "charged_back"))

    def standing(self, ours: str) -> int:
        """How many debits stand, settled or not."""
        return len(self.fake.payments(ours, *STANDS))
