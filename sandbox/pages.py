"""The hosted page, where a customer would type their card. Plain HTML; the address itself is the secret."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from flask import Blueprint, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from sandbox import intents
from sandbox.api import store
from sandbox.instruments import INSTRUMENTS, Instrument
from sandbox.intents import Refused
from sandbox.store import Row

ZERO = {"CLP", "ISK", "JPY", "KRW", "UGX", "VND", "XAF", "XOF", "XPF"}  # currencies without a smaller unit
THREE = {"BHD", "IQD", "JOD", "KWD", "OMR", "TND"}  # with thousandths

bp = Blueprint("pages", __name__)


@bp.get("/pay/<name>")
def show(name: str) -> tuple[str, int]:
    return page(fetch(name))


@bp.post("/pay/<name>")
def update(name: str) -> Answer | tuple[str, int]:
    """Pay, cancel, approve or refuse; then back to where the customer came from."""
    intent, wish = fetch(name), request.form.get("do")
    if intent["status"] != "open":
        return page(intent)
    if wish == "cancel":
        return back(intents.cancel(store(), name))
    if intent["step"] == "confirm":
        if wish not in ("approve", "refuse"):
            return page(intent, 422)
        with store().transaction():
            fresh = intents.get(store(), name)
            chosen = INSTRUMENTS[fresh["instrument"]]
            return back(intents.pay(store(), fresh, chosen, approved=True) if wish == "approve"
                        else intents.refuse(store(), fresh))  # fmt: skip
    instrument = next((i for i in offered(intent) if i.name == request.form.get("instrument")), None)
    if instrument is None:
        return page(intent, 422)
    if instrument.slow:
        time.sleep(store().settings()["slow_ms"] / 1000)
    with store().transaction():
        paid = intents.pay(store(), intents.get(store(), name), instrument)
    return redirect(request.path, 303) if paid["status"] == "open" else back(paid)


def fetch(name: str) -> Row:
    intents.catch_up(store())
    try:
        return intents.get(store(), name) if not name.startswith("re_") else abort(404)
    except Refused:
        abort(404)


def offered(intent: Row) -> list[Instrument]:
    return [i for i in INSTRUMENTS.values() if i.kind in intent["kinds"].split(",")]


def page(intent: Row, status: int = 200) -> tuple[str, int]:
    if intent["return_url"]:
        parts = urlsplit(intent["return_url"])
        # Browsers hold the redirect after a form to form-action as well.
        g.form_action = f"'self' {parts.scheme}://{parts.netloc}"
    template = "closed.html" if intent["status"] != "open" else f"{intent['step'] or 'choose'}.html"
    chosen = INSTRUMENTS.get(intent["instrument"] or "")
    return render_template(template, intent=intent, amount=format_amount(intent["amount"], intent["currency"]),
                           instruments=offered(intent), chosen=chosen, wrong=status == 422), status  # fmt: skip


def back(intent: Row) -> Answer | tuple[str, int]:
    """To the merchant; a charge nobody was waiting for ends on a page of ours instead."""
    return redirect(intent["return_url"], 303) if intent["return_url"] else page(intent)


def format_amount(amount: int | None, currency: str) -> str:
    if amount is None:
        return ""
    places = 0 if currency in ZERO else 3 if currency in THREE else 2
    whole, rest = divmod(amount, 10**places)
    return f"{currency} {whole:,}" + (f".{rest:0{places}d}" if places else "")
