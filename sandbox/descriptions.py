"""Payments, setups, refunds, methods and events as the API tells them."""

from __future__ import annotations

from typing import Any

from sandbox.instruments import INSTRUMENTS, REFUSALS
from sandbox.store import Row, Store

REFUND_TOLD = ("id", "ours", "payment", "status", "amount", "currency", "created_at")
INTENT_TOLD = ("object", "id", "ours", "status", "amount", "currency", "fee", "setup", "refunded", "returned",
               "returned_code", "expires_at", "created_at", "updated_at")  # fmt: skip


def describe(store: Store, row: Row, base: str) -> dict[str, Any]:
    """A payment, setup or refund as the API tells it. `base` is the provider's own address."""
    if row["id"].startswith("re_"):
        return {"object": "refund", **{name: row[name] for name in REFUND_TOLD}}
    instrument = INSTRUMENTS.get(row["instrument"] or "")
    method = store.one("SELECT * FROM methods WHERE token = ?", row["method"]) if row["object"] == "setup" else None
    return {
        **{name: row[name] for name in INTENT_TOLD},
        "url": f"{base}/pay/{row['id']}" if row["status"] == "open" else None,
        "decline": describe_refusal(row["decline"]) if row["decline"] else None,
        "brand": instrument and instrument.brand,
        "last4": instrument and instrument.last4,
        "method": method and describe_method(method),
    }


def describe_refusal(code: str) -> dict[str, Any]:
    refusal = REFUSALS[code]
    return {"code": code, "severity": refusal.severity, "message": refusal.message,
            "retry_after_days": refusal.retry_after_days}  # fmt: skip


def describe_method(row: Row) -> dict[str, Any]:
    instrument = INSTRUMENTS[row["instrument"]]
    return {"token": row["token"], "kind": instrument.kind, "brand": instrument.brand, "last4": instrument.last4,
            "expires": row["expires"], "profile": row["profile"], "mandate": row["mandate"]}  # fmt: skip


def describe_event(row: Row, account: str) -> dict[str, Any]:
    return {"id": row["name"], "type": row["type"], "object": row["object"], "ours": row["ours"],
            "account": account, "mode": "test", "created_at": row["created_at"]}  # fmt: skip
