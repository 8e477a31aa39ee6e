"""Staff prove again who they are: by password, passkey, or a link mailed now, which signs this browser in anew."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

import theming
from billing import passkeys, people, proofs, sessions, sign_ins
from billing.errors import FactorRefused, SignInRefused
from blueprints import ceremonies, guards, respond
from blueprints.guards import require_staff, safe_next
from blueprints.proving import TOO_MANY, ProofForm
from blueprints.throttles import limited, signed_in

bp = Blueprint("admin_proofs", __name__, url_prefix="/admin/prove")

USUAL = "/admin/settings/security"


def _again() -> Response:
    return _page(429, problem=theming.gettext(TOO_MANY)) if g.staff is not None else respond.sign_in("/admin/sign-in")


@bp.get("")
@require_staff
def new() -> Response:
    return _page(mailed="mailed" in request.args)


@bp.post("")
@limited("staff prove", (10, "minute"), (60, "hour"), key=signed_in, again=_again)
@require_staff
def create() -> Response:
    form = ProofForm()
    if not form.validate():
        return _page(422, form=form)
    try:
        proofs.by_password(g.session, form.password.data, by=guards.actor(), now=g.now, settings=g.settings)
    except SignInRefused:
        form.password.errors = [ProofForm.REFUSED]
        return _page(422, form=form)
    return _go_on()


@bp.post("/mail")
@limited("staff prove by mail", (3, "minute"), (12, "hour"), key=signed_in, again=_again)
@require_staff
def create_mail() -> Response:
    """The link leads to where they were going. It asks for a second factor as at the door."""
    next = _next()
    sign_ins.ask_as_staff(g.staff.email, next or USUAL, now=g.now, by=guards.actor())
    return respond.see_other("admin_proofs.new", next=next or None, mailed=1)


@bp.post("/passkey")
@limited("staff prove by passkey", (20, "minute"), (100, "hour"), key=signed_in, again=_again)
@require_staff
def create_by_passkey() -> Response:
    by = guards.actor()
    try:
        passkeys.authenticate(
            request.form.get("credential", ""),
            **ceremonies.place(),
            by=by,
            settings=g.settings,
            staff=True,
            who=g.staff,
        )
    except FactorRefused:
        return _page(422, problem=theming.gettext(ceremonies.REFUSED))
    sessions.prove(g.session, by=by, now=g.now, way="passkey")
    return _go_on()


def _go_on() -> Response:
    return respond.redirect(_next() or USUAL)


def _next() -> str:
    return safe_next(request.values.get("next"))


def _page(status: int = 200, *, form: ProofForm | None = None, problem: str = "", mailed: bool = False) -> Response:
    context: dict[str, Any] = ceremonies.to_sign_in(_next(), action="/admin/prove/passkey", who=g.staff)
    return respond.page(
        "admin/proofs/new.html",
        status=status,
        invalid=status != 200,
        current="settings",
        form=form or ProofForm(formdata=None),
        problems=[("", problem)] if problem else [],
        next=_next(),
        masked=people.mask(g.staff.email),
        mailed=mailed,
        by_password=bool(g.staff.password_hash),
        **context,
    )
