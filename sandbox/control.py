"""The control page, where somebody rehearsing decides what goes wrong next, and the same as JSON for tests."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from sandbox import intents
from sandbox.api import answer, body, require_secret, store, told
from sandbox.descriptions import describe_method
from sandbox.instruments import INSTRUMENTS
from sandbox.intents import Refused
from sandbox.pages import format_amount
from sandbox.store import DEFAULTS, Row

SHOWN = 50
VERBS = {"settle": intents.settle, "fail": intents.fail, "return": intents.give_back, "cancel": intents.cancel}

bp = Blueprint("control", __name__)
tests = Blueprint("tests", __name__, url_prefix="/test")
tests.before_request(require_secret)


@bp.get("/")
def show() -> str:
    intents.catch_up(store())
    rows = store().all("SELECT * FROM intents WHERE object = 'payment' ORDER BY created_at DESC LIMIT ?", SHOWN)
    return render_template("control.html", settings=store().settings(), payments=rows, format_amount=format_amount,
                           instruments=INSTRUMENTS)  # fmt: skip


@bp.post("/settings")
def update() -> Answer | tuple[str, int]:
    try:
        store().set({name: int(request.form[name]) for name in DEFAULTS if name in request.form})
    except ValueError:
        return render_template("message.html", title="Whole numbers from 0, please"), 422
    return redirect("/", 303)


@bp.post("/payments/<name>/<verb>")
def act(name: str, verb: str) -> Answer | tuple[str, int]:
    try:
        _act(name, verb)
    except Refused:
        return render_template("message.html", title="There is no such payment"), 404
    return redirect("/", 303)


@tests.errorhandler(Refused)
def refused(error: Refused) -> Response:
    return answer(error.status, {"error": str(error)})


@tests.get("/charges")
def charges() -> Response:
    """All payments, and per `ours` how many of them captured money (refunded later or not)."""
    intents.catch_up(store())
    rows = store().all("SELECT * FROM intents WHERE object = 'payment' ORDER BY created_at")
    captured: dict[str, int] = {}
    for row in rows:
        if row["status"] == "succeeded":
            captured[row["ours"]] = captured.get(row["ours"], 0) + 1
    return answer(200, {"captured": captured, "charges": [told(row)[1] for row in rows]})


@tests.get("/settings")
def settings() -> Response:
    return answer(200, store().settings())


@tests.post("/settings")
def change() -> Response:
    try:
        store().set(body())
    except (ValueError, TypeError) as error:
        raise Refused(str(error)) from error
    return answer(200, store().settings())


@tests.post("/methods")
def keep() -> Response:
    """Store a named instrument without a page, for tests and seeds: {"instrument": …, "payer": …}."""
    instrument = INSTRUMENTS.get(str(body().get("instrument")))
    if instrument is None:
        raise Refused("instrument")
    with store().transaction():
        token = intents.keep(store(), instrument, str(body().get("payer", "")))
        method = store().one("SELECT * FROM methods WHERE token = ?", token)
        assert method is not None
        return answer(200, describe_method(method))


@tests.post("/objects/<name>/<verb>")
def act_json(name: str, verb: str) -> Response:
    return answer(200, told(_act(name, verb, *([str(body()["code"])] if "code" in body() else [])))[1])


def _act(name: str, verb: str, *code: str) -> Row:
    if verb not in VERBS:
        raise Refused("not_found", 404)
    return VERBS[verb](store(), name, *code)
