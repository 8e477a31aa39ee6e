"""What a pretend GoCardless holds and does, after its published API (version 2015-07-06). No HTTP here.

Written from https://developer.gocardless.com/api-reference/ and the shapes in its own client libraries; it has never
been compared with the real one.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

CREDITOR = "CR000REHEARSAL"
LANDS = {"sepa_core": "EUR", "bacs": "GBP", "ach": "USD", "pad": "CAD", "becs": "AUD", "becs_nz": "NZD",
         "autogiro": "SEK", "betalingsservice": "DKK"}  # fmt: skip
LIVING = ("pending_customer_approval", "pending_submission", "submitted", "active")
CANCELLABLE = {"payments": ("pending_submission",), "mandates": LIVING, "billing_requests": ("pending",)}
PREFIX = {"billing_requests": "BRQ", "billing_request_flows": "BRF", "payments": "PM", "refunds": "RF",
          "mandates": "MD", "customer_bank_accounts": "BA", "events": "EV"}  # fmt: skip

Thing = dict[str, Any]


class No(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, type: str, **why: Any) -> None:
        super().__init__(type)
        self.status = status
        error = {"message": "No", "documentation_url": "https://developer.gocardless.com/api-reference", "type": type}
        self.body = {"error": error | {"request_id": "rq-1", "errors": [{"message": "No", **why}], "code": status}}


class Books:
    """Everything one organisation has. Methods raise `No`; callers hold a lock."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in PREFIX}
        self.keys: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(1)

    # What the API offers

    def create(self, kind: str, given: Thing, key: str) -> Thing:
        """Keys are compared alone, and before anything else: a second order under one is a conflict, never a double."""
        self.use_key(kind, key)
        made: Thing = getattr(self, f"_create_{kind}")(given)
        self.keys[kind, key] = made["id"]
        return made

    def use_key(self, place: str, key: str, id: str = "") -> None:
        if first := self.keys.get((place, key)):
            links = {"conflicting_resource_id": first}
            raise No(409, "invalid_state", reason="idempotent_creation_conflict", links=links)
        if id:
            self.keys[place, key] = id

    def get(self, kind: str, id: str) -> Thing:
        if id not in self.things[kind]:
            raise No(404, "invalid_api_usage", reason="resource_not_found")
        return self.things[kind][id]

    def list(self, kind: str, asked: dict[str, str]) -> tuple[list[Thing], str | None]:
        """Newest first; `after` is the id a page ended with."""
        found = list(reversed(self.things[kind].values()))
        for name in ("mandate", "payment", "creditor"):
            if name in asked:
                found = [each for each in found if each["links"].get(name) == asked[name]]
        if since := asked.get("created_at[gte]"):
            found = [each for each in found if _at(each["created_at"]) >= _at(since)]
        if "after" in asked:
            ids = [each["id"] for each in found]
            found = found[ids.index(asked["after"]) + 1 :]
        limit = int(asked.get("limit", 50))
        return found[:limit], found[limit - 1]["id"] if len(found) > limit else None

    def cancel(self, kind: str, id: str) -> Thing:
        thing = self.get(kind, id)
        if thing["status"] not in CANCELLABLE[kind]:
            raise No(422, "invalid_state", reason="cancellation_failed")
        self.move(kind, thing, "cancelled")
        if kind == "mandates":
            for payment in self.things["payments"].values():
                if payment["links"].get("mandate") == id and payment["status"] == "pending_submission":
                    self.move("payments", payment, "cancelled", cause="mandate_cancelled")
        return thing

    # What a payer, a bank and time do

    def authorise(self, id: str) -> None:
        """The payer goes through the page to its end."""
        request = self.get("billing_requests", id)
        if request["status"] != "pending":
            return
        mandate = None
        currency = (request["mandate_request"] or request["payment_request"])["currency"]
        if request["mandate_request"]:
            mandate = self.mandate(request["mandate_request"]["scheme"])
            request["links"]["mandate_request_mandate"] = mandate["id"]
            request["mandate_request"]["links"] = {"mandate": mandate["id"]}
        if wanted := request["payment_request"]:
            payment = self._payment(int(wanted["amount"]), currency, wanted["metadata"], mandate)
            request["links"]["payment_request_payment"] = payment["id"]
        self.move("billing_requests", request, "fulfilled")

    def mandate(self, scheme: str = "sepa_core") -> Thing:
        account = self._add("customer_bank_accounts", bank_name="BANK OF REHEARSAL", account_number_ending="11",
                            links={"customer": "CU1"})  # fmt: skip
        return self._add("mandates", scheme=scheme, status="pending_submission", reference="TILL-1", metadata={},
                         links={"creditor": CREDITOR, "customer": "CU1",
                                "customer_bank_account": account["id"]})  # fmt: skip

    def move(self, kind: str, thing: Thing, status: str, cause: str = "", action: str = "") -> None:
        thing["status"] = status
        self._tell(kind, thing, action or status, cause)

    # How things are made

    def _create_billing_requests(self, given: Thing) -> Thing:
        wanted, kept = given.get("payment_request"), given.get("mandate_request")
        if wanted:
            self._check_amount(wanted)
            if wanted["currency"] not in ("GBP", "EUR"):
                raise No(422, "validation_failed", field="currency")
        if kept and LANDS.get(kept["scheme"]) != kept["currency"]:
            raise No(422, "validation_failed", field="scheme")
        if given["links"].get("creditor") != CREDITOR:
            raise No(422, "validation_failed", field="creditor")
        return self._add("billing_requests", status="pending", metadata=_small(given), mandate_request=kept,
                         payment_request=wanted and {**wanted, "amount": str(wanted["amount"])},
                         links={"creditor": CREDITOR, "organisation": "OR1"})  # fmt: skip

    def _create_billing_request_flows(self, given: Thing) -> Thing:
        request = self.get("billing_requests", given["links"]["billing_request"])
        if request["status"] != "pending":
            raise No(422, "invalid_state", reason="billing_request_not_pending")
        flow = self._add("billing_request_flows", redirect_uri=given.get("redirect_uri"), links=given["links"],
                         expires_at=_written(datetime.now(UTC) + timedelta(days=7)))  # fmt: skip
        flow["authorisation_url"] = f"{self.address}/flow?id={flow['id']}"
        return flow

    def _create_payments(self, given: Thing) -> Thing:
        self._check_amount(given)
        mandate = self.things["mandates"].get(given["links"]["mandate"])
        if mandate is None:
            raise No(422, "validation_failed", field="links.mandate")
        if mandate["status"] not in LIVING:
            raise No(422, "invalid_state", reason="mandate_is_inactive")
        if LANDS[mandate["scheme"]] != given["currency"]:
            raise No(422, "validation_failed", field="currency")
        assert given["retry_if_possible"] is False
        return self._payment(given["amount"], given["currency"], _small(given), mandate)

    def _create_refunds(self, given: Thing) -> Thing:
        payment = self.get("payments", given["links"]["payment"])
        if payment["status"] not in ("confirmed", "paid_out"):
            raise No(422, "invalid_state", reason="refund_payment_invalid_state")
        total = int(payment["amount_refunded"]) + given["amount"]
        if given["total_amount_confirmation"] != total:
            raise No(422, "invalid_state", reason="total_amount_confirmation_invalid")
        if total > int(payment["amount"]) or given["amount"] <= 0:
            raise No(422, "validation_failed", field="amount")
        payment["amount_refunded"] = str(total)
        refund = self._add("refunds", status="created", amount=str(given["amount"]), currency=payment["currency"],
                           metadata=_small(given), links=given["links"])  # fmt: skip
        self._tell("refunds", refund, "created")
        return refund

    def _payment(self, amount: int, currency: str, metadata: Thing, mandate: Thing | None) -> Thing:
        links = {"creditor": CREDITOR} | ({"mandate": mandate["id"]} if mandate else {})
        payment = self._add("payments", status="pending_submission", amount=str(amount), amount_refunded="0",
                            currency=currency, metadata=metadata, charge_date="2026-11-27",
                            scheme=mandate["scheme"] if mandate else "faster_payments", links=links)  # fmt: skip
        self._tell("payments", payment, "created", "payment_created")
        return payment

    def _check_amount(self, given: Thing) -> None:
        if not (isinstance(given["amount"], int) and 100 <= given["amount"] <= 5_000_000):
            raise No(422, "validation_failed", field="amount")

    def _tell(self, kind: str, thing: Thing, action: str, cause: str = "") -> None:
        links = {kind[:-1]: thing["id"]}
        if kind == "billing_requests":
            links |= {name: id for name, id in thing["links"].items() if name.endswith(("_mandate", "_payment"))}
        details = {"origin": "gocardless", "cause": cause or action, "description": "It happened."}
        self._add("events", resource_type=kind, action=action, links=links, metadata={}, details=details,
                  resource_metadata=thing.get("metadata") or {})  # fmt: skip

    def _add(self, kind: str, **attributes: Any) -> Thing:
        id = f"{PREFIX[kind]}{next(self._numbers):06}"
        self.things[kind][id] = {"id": id, "created_at": _written(datetime.now(UTC)), **attributes}
        return self.things[kind][id]


def _small(given: Thing) -> Thing:
    """Metadata as they take it: three entries of strings."""
    metadata: Thing = given.get("metadata") or {}
    if len(metadata) > 3 or not all(isinstance(value, str) for value in metadata.values()):
        raise No(422, "validation_failed", field="metadata")
    return metadata


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
