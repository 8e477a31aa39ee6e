"""Getting in and out for the merchant's people: a link by mail, or a password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

import theming
from billing import sign_ins
from billing.errors import SignInRefused
from blueprints import cookies, respond
from blueprints.admin.login.forms import StaffForm
from blueprints.asking import asked_of
from blueprints.guards import safe_next
from blueprints.throttles import limited

bp = Blueprint("admin_login", __name__)

HOME = "/admin"


def _again() -> Response:
    too_many = theming.gettext("Too many tries. Wait a few minutes, then try again.")
    return _page(StaffForm(), problems=[("", too_many)])


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
        sign_ins.ask_as_staff(form.address, next, now=g.now)
        return respond.see_other("admin_login.sent")
    try:
        staff = sign_ins.check_password(form.address, form.password.data, now=g.now)
    except SignInRefused:
        form.password.errors = [StaffForm.REFUSED]
        return _page(form, status=422)
    cookies.sign_in(staff)
    return respond.redirect(next or HOME)


@bp.get("/admin/sign-in/sent")
def sent() -> Response:
    return respond.page("admin/login/sent.html")


@bp.post("/admin/sign-out")
def sign_out() -> Response:
    cookies.sign_out()
    answer = respond.redirect("/admin/sign-in?signed_out=1")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _page(form: StaffForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page("admin/login/new.html", status=status, form=form, invalid=status != 200, **context)
