"""What may happen to payments, setups, refunds and stored methods at the pretend provider. One function per verb."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from sandbox.instruments import INSTRUMENTS, Instrument
from sandbox.store import Row, Store, instant

PAGE_MINUTES = 30
AWAY_HOURS = 24  # 3-D Secure for a charge nobody was waiting for: the customer first has to read a mail
MINIMUM = 50  # minor units, as card companies ask
FEE_PER_MILLE, FEE_FIXED = 14, 20  # 1.4 % and 20 minor units
KINDS = {"card", "bank_debit"}
HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")  # goes into a header of the hosted page
BLANK = re.compile(r"[\x00-\x20\x7f]")


class Refused(Exception):
    """An order that cannot be understood. `status` is the HTTP status of the answer."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


class Declined(Exception):
    """An order that is understood and refused, by one of the codes in REFUSALS."""


def open_page(store: Store, object_: str, order: Mapping[str, Any]) -> Row:
    """Open the hosted page of a payment or a setup."""
    kinds = order.get("kinds") or sorted(KINDS)
    if not isinstance(kinds, list) or not set(kinds) <= KINDS:
        raise Refused("kinds")
    values = {**_common(order), "kinds": ",".join(kinds), "return_url": _address(order.get("return_url")),
              "keep": int(bool(order.get("keep"))), "step": "choose", "initiator": "customer"}  # fmt: skip
    if object_ == "payment":
        values["amount"] = _amount(order)
    return _open(store, object_, values)


def charge(store: Store, order: Mapping[str, Any]) -> Row:
    """Charge a stored method. Raises Declined for one that was removed; every other no is a row that says so."""
    method = store.one("SELECT * FROM methods WHERE token = ?", order.get("token"))
    if method is None or method["detached_at"]:
        raise Declined("method_removed")
    instrument = INSTRUMENTS[method["instrument"]]
    address = _address(order["return_url"]) if order.get("return_url") else None
    values = {**_common(order), "amount": _amount(order), "kinds": instrument.kind, "return_url": address,
              "method": method["token"], "initiator": order.get("initiator") or "unscheduled"}  # fmt: skip
    return pay(store, _open(store, "payment", values), instrument)


def pay(store: Store, intent: Row, instrument: Instrument, *, approved: bool = False) -> Row:
    """Use an instrument on an open intent. One that is open no longer stays as it is."""
    chosen = {"instrument": instrument.name}
    if instrument.secure and not approved:
        _move(store, intent["id"], "open", "open", event="action_required", step="confirm", **chosen)
    elif intent["object"] == "setup":
        if instrument.storable:
            token = intent["method"] or keep(store, instrument, intent["payer_ours"])
            _move(store, intent["id"], "open", "succeeded", event="stored", method=token, **chosen)
        else:
            _move(store, intent["id"], "open", "declined", event="refused", decline=instrument.decline, **chosen)
    elif instrument.decline:
        _move(store, intent["id"], "open", "declined", decline=instrument.decline, **chosen)
    elif instrument.debit:
        due = None if instrument.debit == "waits" else _later(store, store.settings()["settle_ms"])
        if _move(store, intent["id"], "open", "processing", settles_at=due, **chosen):
            _keep_after(store, intent, instrument)
    elif _move(store, intent["id"], "open", "succeeded", fee=_fee(intent["amount"]), **chosen):
        _keep_after(store, intent, instrument)
    return get(store, intent["id"])


def refuse(store: Store, intent: Row) -> Row:
    """The holder said no to 3-D Secure."""
    _move(store, intent["id"], "open", "declined", decline="authentication_failed",
          event="refused" if intent["object"] == "setup" else None)  # fmt: skip
    return get(store, intent["id"])


def cancel(store: Store, name: str) -> Row:
    """Close an open page or take back a debit on its way. What is finished stays as it is."""
    if not _move(store, name, "open", "cancelled"):
        _move(store, name, "processing", "cancelled", settles_at=None)
    return get(store, name)


def settle(store: Store, name: str) -> Row:
    """The money of a debit, or of a refund to a bank account, arrived."""
    if name.startswith("re_"):
        if store.run("UPDATE refunds SET status = 'succeeded', settles_at = NULL"
                     " WHERE id = ? AND status = 'processing'", name):  # fmt: skip
            tell(store, "refund.done", name, get(store, name)["ours"])
    else:
        _move(store, name, "processing", "succeeded", settles_at=None, fee=_fee(get(store, name)["amount"]))
    return get(store, name)


def fail(store: Store, name: str, code: str = "debit_failed") -> Row:
    """A debit on its way comes back before it settled, or a refund (even one already done) fails."""
    if name.startswith("re_"):
        with store.transaction():
            refund = get(store, name)
            if store.run("UPDATE refunds SET status = 'failed', settles_at = NULL"
                         " WHERE id = ? AND status != 'failed'", name):  # fmt: skip
                store.run("UPDATE intents SET refunded = refunded - ? WHERE id = ?",
                          refund["amount"], refund["payment"])  # fmt: skip
                tell(store, "refund.failed", name, refund["ours"])
    else:
        _move(store, name, "processing", "declined", settles_at=None, decline=code)
    return get(store, name)


def give_back(store: Store, name: str, code: str = "debit_failed") -> Row:
    """A settled debit is returned by the bank: what was not refunded of it goes back."""
    with store.transaction():
        changed = store.run(
            "UPDATE intents SET returned = amount - refunded, returned_code = ?, updated_at = ?"
            " WHERE id = ? AND status = 'succeeded' AND returned = 0 AND refunded < amount",
            code, store.now(), name,
        )  # fmt: skip
        if changed:
            tell(store, "return.posted", name, get(store, name)["ours"])
    return get(store, name)


def refund(store: Store, order: Mapping[str, Any]) -> Row:
    """Give back all or part of a payment: at once to a card, in some time to a bank account. Raises Declined."""
    payment = get(store, str(order.get("payment")))
    amount, ours = _whole(order.get("amount")), _text(order, "ours")
    if payment["object"] != "payment" or payment["status"] != "succeeded":
        raise Declined("not_refundable")
    if order.get("currency") != payment["currency"]:
        raise Refused("currency")
    card = INSTRUMENTS[payment["instrument"]].kind == "card"
    with store.transaction():
        if not store.run("UPDATE intents SET refunded = refunded + ?, updated_at = ?"
                         " WHERE id = ? AND refunded + returned + ? <= amount",
                         amount, store.now(), payment["id"], amount):  # fmt: skip
            raise Declined("refund_too_large")
        row = {"id": _name("re"), "ours": ours, "payment": payment["id"], "amount": amount,
               "currency": payment["currency"], "status": "succeeded" if card else "processing",
               "settles_at": None if card else _later(store, store.settings()["settle_ms"]),
               "created_at": store.now()}  # fmt: skip
        store.insert("refunds", row)
        tell(store, "refund.done" if card else "refund.processing", row["id"], ours)
    return get(store, row["id"])


def keep(store: Store, instrument: Instrument, payer: str) -> str:
    """Store an instrument for later; returns its token."""
    token, now = _name("tok"), store.clock()
    years = -1 if instrument.decline == "expired_card" else 3
    store.insert("methods", {
        "token": token, "instrument": instrument.name, "created_at": instant(now),
        "expires": f"{now.year + years}-12" if instrument.kind == "card" else None,
        "profile": "cus_" + sha256(payer.encode()).hexdigest()[:16],
        "mandate": _name("mand") if instrument.kind == "bank_debit" else None,
    })  # fmt: skip
    return token


def detach(store: Store, token: str) -> None:
    """Forget a stored method. Again: no change."""
    with store.transaction():
        if store.run("UPDATE methods SET detached_at = ? WHERE token = ? AND detached_at IS NULL", store.now(), token):
            tell(store, "method.detached", token, None)


def catch_up(store: Store) -> None:
    """Let time do what it does: pages expire, debits and refunds arrive or come back."""
    now = store.now()
    for row in store.all("SELECT id FROM intents WHERE status = 'open' AND expires_at <= ?", now):
        _move(store, row["id"], "open", "expired")
    for row in store.all("SELECT * FROM intents WHERE status = 'processing' AND settles_at <= ?", now):
        if INSTRUMENTS[row["instrument"]].debit == "comes back":
            fail(store, row["id"], "insufficient_funds")
        else:
            settle(store, row["id"])
    for row in store.all("SELECT id FROM refunds WHERE status = 'processing' AND settles_at <= ?", now):
        settle(store, row["id"])


def get(store: Store, name: str) -> Row:
    """A payment, setup or refund. Raises Refused (404)."""
    table = "refunds" if name.startswith("re_") else "intents"
    row = store.one(f"SELECT * FROM {table} WHERE id = ?", name)
    if row is None:
        raise Refused("not_found", 404)
    return row


def tell(store: Store, type_: str, object_: str, ours: str | None) -> None:
    """Record an event; the courier sends it."""
    send_at = time.time() + store.settings()["webhook_delay_ms"] / 1000
    store.insert("events", {"name": _name("evt"), "type": type_, "object": object_, "ours": ours,
                            "created_at": store.now(), "send_at": send_at})  # fmt: skip
    store.news.set()


def _open(store: Store, object_: str, values: Mapping[str, Any]) -> Row:
    now = store.clock()
    away = values["initiator"] != "customer"
    life = timedelta(hours=AWAY_HOURS) if away else timedelta(minutes=PAGE_MINUTES)
    # The name is also the address of the page, hence long enough that nobody can guess it.
    row = {"id": _name("set" if object_ == "setup" else "pay"), "object": object_, "status": "open",
           "expires_at": instant(now + life), "created_at": instant(now), "updated_at": instant(now),
           **values}  # fmt: skip
    store.insert("intents", row)
    return get(store, row["id"])


def _move(store: Store, name: str, old: str, new: str, *, event: str | None = None, **columns: Any) -> bool:
    """Change the status if it still is `old`, and tell. Two that press at once: only one gets True."""
    with store.transaction():
        columns = {"status": new, "updated_at": store.now(), **columns}
        sets = ", ".join(f"{column} = ?" for column in columns)
        if not store.run(f"UPDATE intents SET {sets} WHERE id = ? AND status = ?", *columns.values(), name, old):
            return False
        row = get(store, name)
        tell(store, f"{row['object']}.{event or new}", name, row["ours"])
        return True


def _keep_after(store: Store, payment: Row, instrument: Instrument) -> None:
    """The payment was to keep its method: that is a setup of its own, already stored."""
    if payment["keep"]:
        setup = _open(store, "setup", {name: payment[name] for name in (
            "ours", "currency", "kinds", "payer_ours", "payer_name", "return_url", "initiator")})  # fmt: skip
        pay(store, setup, instrument, approved=True)
        store.run("UPDATE intents SET setup = ? WHERE id = ?", setup["id"], payment["id"])


def _fee(amount: int | None) -> int | None:
    """Rounded half up, in minor units; never more than the amount."""
    return None if amount is None else min(amount, (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED)


def _later(store: Store, milliseconds: int) -> str:
    return instant(store.clock() + timedelta(milliseconds=milliseconds))


def _common(order: Mapping[str, Any]) -> dict[str, Any]:
    payer = order.get("payer")
    if not isinstance(payer, dict):
        raise Refused("payer")
    currency = _text(order, "currency")
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise Refused("currency")
    return {"ours": _text(order, "ours"), "currency": currency, "description": str(order.get("description") or ""),
            "payer_ours": _text(payer, "ours"), "payer_name": str(payer.get("name") or "")}  # fmt: skip


def _text(order: Mapping[str, Any], name: str) -> str:
    value = order.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(name)
    return value


def _amount(order: Mapping[str, Any]) -> int:
    amount = _whole(order.get("amount"))
    if amount < MINIMUM:
        raise Refused("amount_too_small")
    return amount


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0 or value > 99_999_999_999:
        raise Refused("amount")
    return value


def _address(value: Any) -> str:
    """An address to go back to; anything but plain http or https would be a way to run script."""
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not HOST.fullmatch(parts.netloc):
        raise Refused("return_url")
    if BLANK.search(value):
        raise Refused("return_url")
    return str(value)


def _name(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(16)}"
