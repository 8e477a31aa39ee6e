"""A customer proves again who they are, before what protects their account is changed: by password, passkey or a mailed
code.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

import theming
from billing import passkeys, people, proofs, sessions, sign_ins
from billing.errors import FactorRefused, SignInRefused, WrongCode
from blueprints import ceremonies, guards, respond
from blueprints.guards import require_signed_in, safe_next
from blueprints.proving import TOO_MANY, CodeForm, ProofForm
from blueprints.throttles import limited, signed_in

bp = Blueprint("proofs", __name__, url_prefix="/account/prove")

USUAL = "/account/sign-in"


def _again() -> Response:
    return _page(429, problem=theming.gettext(TOO_MANY)) if g.person is not None else _stranger()


@bp.get("")
@require_signed_in
def new() -> Response:
    return _page(mailed="mailed" in request.args)


@bp.post("")
@limited("prove", (10, "minute"), (60, "hour"), key=signed_in, again=_again)
@require_signed_in
def create() -> Response:
    """By password. Wrong ones count as they do at the door."""
    form = ProofForm()
    if not g.settings.by_password:
        abort(404)
    if not form.validate():
        return _page(422, form=form)
    try:
        proofs.by_password(g.session, form.password.data, by=guards.actor(), now=g.now, settings=g.settings)
    except SignInRefused:
        form.password.errors = [ProofForm.REFUSED]
        return _page(422, form=form)
    return _go_on()


@bp.post("/mail")
@limited("prove by mail", (3, "minute"), (12, "hour"), key=signed_in, again=_again)
@require_signed_in
def create_mail() -> Response:
    """Mail a code now, with a link that does the same in this browser."""
    if not g.settings.by_mail:
        abort(404)
    next = _next()
    sign_ins.ask(g.person.email, next or USUAL, now=g.now, by=guards.actor(), settings=g.settings)
    return respond.see_other("proofs.new", next=next or None, mailed=1)


@bp.post("/code")
@limited("prove by code", (10, "minute"), (40, "hour"), key=signed_in, again=_again)
@require_signed_in
def create_by_code() -> Response:
    code = CodeForm()
    if not g.settings.by_mail:
        abort(404)
    if not code.validate():
        return _page(422, code=code, mailed=True)
    try:
        proofs.by_code(g.session, code.code.data, by=guards.actor(), now=g.now, settings=g.settings)
    except WrongCode:
        code.code.errors = [CodeForm.WRONG]
        return _page(422, code=code, mailed=True)
    return _go_on()


@bp.post("/passkey")
@limited("prove by passkey", (20, "minute"), (100, "hour"), key=signed_in, again=_again)
@require_signed_in
def create_by_passkey() -> Response:
    by = guards.actor()
    try:
        passkeys.authenticate(
            request.form.get("credential", ""),
            **ceremonies.place(),
            by=by,
            settings=g.settings,
            staff=False,
            who=g.person,
        )
    except FactorRefused:
        return _page(422, problem=theming.gettext(ceremonies.REFUSED))
    sessions.prove(g.session, by=by, now=g.now, way="passkey")
    return _go_on()


def _go_on() -> Response:
    return respond.redirect(_next() or USUAL)


def _next() -> str:
    return safe_next(request.values.get("next"))


def _stranger() -> Response:
    return respond.sign_in("/sign-in")


def _page(
    status: int = 200,
    *,
    form: ProofForm | None = None,
    code: CodeForm | None = None,
    problem: str = "",
    mailed: bool = False,
) -> Response:
    context: dict[str, Any] = ceremonies.to_sign_in(_next(), action="/account/prove/passkey", who=g.person)
    return respond.page(
        "proofs/new.html",
        status=status,
        invalid=status != 200,
        current="account",
        form=form or ProofForm(formdata=None),
        code=code or CodeForm(formdata=None),
        problems=[("", problem)] if problem else [],
        next=_next(),
        masked=people.mask(g.person.email) if g.person.email else "",
        mailed=mailed,
        by_mail=g.settings.by_mail,
        by_password=g.settings.by_password and bool(g.person.password_hash),
        **context,
    )
