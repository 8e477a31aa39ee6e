"""Getting in and out for the merchant's people: a link by mail or a password, then a second factor; or a passkey."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request

import theming
from billing import passkeys, passwords, second_factors, sign_ins
from billing.errors import FactorRefused, SignInRefused
from blueprints import ceremonies, cookies, guards, respond
from blueprints.admin.login.forms import FactorForm, StaffForm
from blueprints.asking import asked_of
from blueprints.guards import safe_next
from blueprints.throttles import limited
from models import Session

bp = Blueprint("admin_login", __name__)

HOME = "/admin"
FACTOR = "/admin/sign-in/factor"
PASSKEY = "/admin/sign-in/passkey"


def _again() -> Response:
    return _page(StaffForm(), problems=[("", _too_many())])


@bp.get("/admin/sign-in")
def new() -> Response:
    next = safe_next(request.args.get("next"))
    if g.staff is not None:
        return respond.redirect(next or HOME)
    return _page(StaffForm(formdata=None, next=next), signed_out="signed_out" in request.args)


@bp.post("/admin/sign-in")
@limited("staff", (10, "minute"), (60, "hour"), again=_again)
@limited("staff address", (5, "minute"), (20, "hour"), key=lambda: asked_of(request.form), again=_again)
def create() -> Response:
    """By password where that button was pressed, else by mail. Unknown, wrong and locked read and take the same."""
    form = StaffForm()
    if not form.validate():
        return _page(form, status=422)
    next = safe_next(form.next.data)
    if not form.by_password:
        sign_ins.ask_as_staff(form.address, next, by=guards.actor(), now=g.now)
        return respond.see_other("admin_login.sent")
    try:
        staff = passwords.check_staff(
            form.address, form.password.data, by=guards.actor(), now=g.now, settings=g.settings
        )
    except SignInRefused:
        form.password.errors = [StaffForm.REFUSED]
        return _page(form, status=422)
    if not second_factors.is_owed(staff):
        cookies.sign_in(staff, way="password")
        return respond.redirect(next or HOME)
    cookies.sign_in(staff, way="password", stage=Session.FACTOR)
    return respond.redirect(f"{FACTOR}?{urlencode({'next': next})}" if next else FACTOR)


@bp.get("/admin/sign-in/sent")
def sent() -> Response:
    return respond.page("admin/login/sent.html")


# --- The second factor ------------------------------------------------------------------------------------------------


def _again_factor() -> Response:
    if g.owing is None:
        return respond.redirect("/admin/sign-in")
    return _factor_page(FactorForm(), problems=[("", _too_many())])


@bp.get(FACTOR)
def factor() -> Response:
    """After a password or a mail's link: what is owed still. Who owes nothing has nothing to do here."""
    next = safe_next(request.args.get("next"))
    if g.owing is None:
        return respond.redirect((next or HOME) if g.staff is not None else "/admin/sign-in")
    return _factor_page(FactorForm(formdata=None, next=next))


@bp.post(FACTOR)
@limited("factor", (20, "minute"), (60, "hour"), again=_again_factor)
def use_factor() -> Response:
    if g.owing is None:
        return respond.redirect(HOME if g.staff is not None else "/admin/sign-in")
    form = FactorForm()
    if not form.validate():
        return _factor_page(form, status=422)
    try:
        what = second_factors.check(
            g.owing, form.code.data, seconds=time.time(), by=guards.actor(), now=g.now, settings=g.settings
        )
    except FactorRefused:
        form.code.errors = [FactorForm.REFUSED]
        return _factor_page(form, status=422)
    staff = g.owing
    g.session = cookies.sign_in(staff, way=g.session.way)
    if what == second_factors.RECOVERY:
        left = second_factors.codes_left(staff)
        guards.tell("warn", theming.gettext("That recovery code is used up. %(count)d are left.", count=left))
    return respond.redirect(safe_next(form.next.data) or HOME)


@bp.post(PASSKEY)
@limited("passkey", (20, "minute"), (100, "hour"), again=lambda: _passkey_refused(_too_many()))
def use_passkey() -> Response:
    """Both factors in one: whoever owes the second one, or has not begun to sign in."""
    try:
        staff = passkeys.authenticate(
            request.form.get("credential", ""),
            **ceremonies.place(),
            by=guards.actor(),
            settings=g.settings,
            staff=True,
            who=g.owing,
        )
    except FactorRefused:
        return _passkey_refused(theming.gettext(ceremonies.REFUSED))
    cookies.sign_in(staff, way="passkey")
    return respond.redirect(safe_next(request.form.get("next")) or HOME)


def _passkey_refused(problem: str) -> Response:
    next = safe_next(request.form.get("next"))
    if g.owing is not None:
        return _factor_page(FactorForm(formdata=None, next=next), status=422, problems=[("", problem)])
    return _page(StaffForm(formdata=None, next=next), status=422, problems=[("", problem)])


def _factor_page(form: FactorForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page(
        "admin/login/factor.html",
        status=status,
        form=form,
        invalid=status != 200,
        email=g.owing.email,
        **ceremonies.to_sign_in(form.next.data or "", action=PASSKEY, who=g.owing),
        **context,
    )


# --- Out again --------------------------------------------------------------------------------------------------------


@bp.post("/admin/sign-out")
def sign_out() -> Response:
    cookies.sign_out()
    answer = respond.redirect("/admin/sign-in?signed_out=1")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _too_many() -> str:
    return theming.gettext("Too many tries. Wait a few minutes, then try again.")


def _page(form: StaffForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page(
        "admin/login/new.html",
        status=status,
        form=form,
        invalid=status != 200,
        **ceremonies.to_sign_in(form.next.data or "", action=PASSKEY),
        **context,
    )
