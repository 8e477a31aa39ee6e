"""The provider's API: JSON over HTTP, a bearer secret, idempotency keys, and trouble on demand."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, current_app, request

from sandbox import intents
from sandbox.descriptions import describe, describe_event, describe_refusal
from sandbox.instruments import INSTRUMENTS, Instrument
from sandbox.intents import Declined, Refused
from sandbox.store import TROUBLES, Row, Store, instant

KEY_HOURS = 24
PAGE = 100

Answer = tuple[int, dict[str, Any]]

bp = Blueprint("api", __name__, url_prefix="/v1")
_in_progress: set[tuple[int, str]] = set()
_guard = threading.Lock()


def store() -> Store:
    found: Store = current_app.extensions["store"]
    return found


def require_secret() -> Response | None:
    """401 for anybody without the secret."""
    given = request.headers.get("Authorization", "").encode()
    if compare_digest(given, b"Bearer " + current_app.extensions["secret"]):
        return None
    return answer(401, {"error": "wrong_secret"})


bp.before_request(require_secret)


@bp.errorhandler(Refused)
def refused(error: Refused) -> Response:
    return answer(error.status, {"error": str(error)})


@bp.post("/payments")
def open_payment() -> Response:
    return order(lambda given: told(intents.open_page(store(), "payment", given)))


@bp.post("/setups")
def open_setup() -> Response:
    return order(lambda given: told(intents.open_page(store(), "setup", given)))


@bp.post("/charges")
def charge() -> Response:
    return order(lambda given: told(intents.charge(store(), given)), token=body().get("token"))


@bp.post("/refunds")
def refund() -> Response:
    return order(lambda given: told(intents.refund(store(), given)))


@bp.post("/objects/<name>/cancel")
def cancel(name: str) -> Response:
    intents.catch_up(store())
    return order(lambda given: told(intents.cancel(store(), name)))


@bp.post("/methods/<token>/detach")
def detach(token: str) -> Response:
    def work(given: Mapping[str, Any]) -> Answer:
        intents.detach(store(), token)
        return 200, {"token": token}

    return order(work)


@bp.get("/objects/<name>")
def show(name: str) -> Response:
    intents.catch_up(store())
    return answer(*told(intents.get(store(), name)))


@bp.get("/objects")
def index() -> Response:
    """Payments, setups and refunds by `ours`, or by when they were made (`since`, `until`), newest first.

    As with real providers this search may lag behind the books: the setting `search_lag_ms`.
    """
    intents.catch_up(store())
    lag = timedelta(milliseconds=store().settings()["search_lag_ms"])
    seen = instant(store().clock() - lag) if lag else "9"
    sql, values = "created_at <= ? AND created_at >= ?", [min(request.args.get("until", "9"), seen),
                                                         request.args.get("since", "")]  # fmt: skip
    if ours := request.args.get("ours"):
        sql, values = sql + " AND ours = ?", [*values, ours]
    rows = [row for table in ("intents", "refunds") for row in store().all(
        f"SELECT * FROM {table} WHERE {sql} ORDER BY created_at DESC LIMIT {PAGE}", *values)]  # fmt: skip
    rows.sort(key=lambda row: str(row["created_at"]), reverse=True)
    return answer(200, {"items": [told(row)[1] for row in rows[:PAGE]]})


@bp.get("/events")
def events() -> Response:
    """Events after a position, oldest first."""
    intents.catch_up(store())
    after = request.args.get("after", "0")
    if not after.isascii() or not after.isdigit():
        raise Refused("after")
    rows = store().all("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", int(after), PAGE + 1)
    account = current_app.extensions["account"]
    return answer(200, {"items": [describe_event(row, account) for row in rows[:PAGE]],
                        "next": str(rows[:PAGE][-1]["id"]) if rows else after, "more": len(rows) > PAGE})  # fmt: skip


def told(row: Row) -> Answer:
    """A row with the HTTP status that goes with it."""
    status = {"open": 201, "processing": 202, "declined": 402}.get(row["status"], 200)
    return status, describe(store(), row, request.host_url.rstrip("/"))


def order(work: Callable[[Mapping[str, Any]], Answer], *, token: object = None) -> Response:
    """Carry out an order once per idempotency key, in whatever weather is set.

    The answer is stored under the key in the transaction that does the work: after a kill -9 there are both or
    neither. A stored error is replayed like any answer, as Stripe does; 401, 422 and 429 are not stored.
    https://docs.stripe.com/api/idempotent_requests
    """
    given, key = body(), request.headers.get("Idempotency-Key", "")
    if not key:
        raise Refused("idempotency_key")
    settings = store().settings()
    trouble = _trouble(settings)
    if trouble == "busy":
        return answer(429, {"error": "too_many_requests"})
    if trouble == "drop_before":
        return drop()
    mine = (id(store()), key)
    with _guard:
        if mine in _in_progress:
            return answer(409, {"error": "key_in_progress"})
        _in_progress.add(mine)
    try:
        fingerprint = sha256(json.dumps([request.path, given], sort_keys=True).encode()).hexdigest()
        if first := _replay(key, fingerprint):
            return answer(*first)
        instrument = _stored_instrument(token)
        _sleep(settings["latency_ms"] + random.randint(0, settings["jitter_ms"]))
        if instrument and instrument.slow:
            _sleep(settings["slow_ms"])
        status, found = _carry_out(work, given, key, fingerprint, trouble)
    finally:
        with _guard:
            _in_progress.discard(mine)
    if instrument and instrument.hangs:
        _sleep(settings["hang_ms"])
        return drop()
    return drop() if trouble == "drop_after" else answer(status, found)


def body() -> Mapping[str, Any]:
    """The order as JSON. Raises Refused."""
    given = request.get_json(force=True, silent=True) if request.get_data() else {}
    if not isinstance(given, dict):
        raise Refused("json")
    return given


def answer(status: int, found: Mapping[str, Any]) -> Response:
    return Response(json.dumps(found), status, mimetype="application/json")


def drop() -> Response:
    """Hang up without an answer."""
    connection: socket.socket | None = request.environ.get("werkzeug.socket")
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    return answer(500, {"error": "dropped"})


def _carry_out(work: Callable[[Mapping[str, Any]], Answer], given: Mapping[str, Any], key: str, fingerprint: str,
               trouble: str | None) -> Answer:  # fmt: skip
    books = store()
    with books.transaction():
        try:
            status, found = (500, {"error": "trouble"}) if trouble == "error_before" else work(given)
        except Declined as no:
            status, found = 402, {"status": "declined", "decline": describe_refusal(str(no))}
        if trouble == "error_after":
            status, found = 500, {"error": "trouble"}
        books.insert("answers", {"key": key, "fingerprint": fingerprint, "status": status, "body": json.dumps(found),
                                 "created_at": books.now()})  # fmt: skip
    return status, found


def _replay(key: str, fingerprint: str) -> Answer | None:
    oldest = instant(store().clock() - timedelta(hours=KEY_HOURS))
    first = store().one("SELECT * FROM answers WHERE key = ?", key)
    if first is None:
        return None
    if first["created_at"] < oldest:
        store().run("DELETE FROM answers WHERE key = ?", key)
        return None
    if first["fingerprint"] != fingerprint:
        return 409, {"error": "key_conflict"}
    return first["status"], json.loads(first["body"])


def _trouble(settings: Mapping[str, int]) -> str | None:
    for trouble in TROUBLES:
        if settings[trouble] and store().take(trouble):
            return trouble
    return random.choice(TROUBLES) if random.randrange(100) < settings["fault_percent"] else None


def _stored_instrument(token: object) -> Instrument | None:
    method = store().one("SELECT instrument FROM methods WHERE token = ?", token) if isinstance(token, str) else None
    return INSTRUMENTS[method["instrument"]] if method else None


def _sleep(milliseconds: int) -> None:
    if milliseconds:
        time.sleep(milliseconds / 1000)
