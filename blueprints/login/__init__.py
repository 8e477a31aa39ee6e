"""Getting in and out for customers: link and code by mail, switching company.

A GET uses nothing up and mails nobody: mail scanners open every link.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

import theming
from billing import people, sessions, sign_ins
from billing.errors import LinkUnusable, WrongCode
from blueprints import cookies, respond
from blueprints.asking import AskForm, asked_of, carry
from blueprints.guards import require_person, safe_next
from blueprints.login.forms import CodeForm, UseForm
from blueprints.throttles import limited
from models import SignIn

bp = Blueprint("login", __name__)


def _again_new() -> Response:
    return _ask_page(AskForm(), problems=_too_many())


def _again_code() -> Response:
    return _code_page(CodeForm(), problems=_too_many())


# --- Asking for a link ------------------------------------------------------------------------------------------------


@bp.get("/sign-in")
def new() -> Response:
    next = safe_next(request.args.get("next"))
    if g.person is not None:
        return respond.redirect(next or "/")
    return _ask_page(AskForm(formdata=None, next=next), signed_out="signed_out" in request.args)


@bp.post("/sign-in")
@limited("sign-in", (10, "minute"), (60, "hour"), again=_again_new)
@limited("sign-in address", (4, "minute"), (12, "hour"), key=lambda: asked_of(request.form), again=_again_new)
def create() -> Response:
    """Mail a link to whoever may sign in. Who may not reads the same page after the same work."""
    form = AskForm()
    if not form.validate():
        return _ask_page(form, status=422)
    form.next.data = safe_next(form.next.data)
    sign_ins.ask(form.address, form.next.data, now=g.now)
    return _look_in_your_mail(form.carried)


@bp.get("/sign-in/code")
def code() -> Response:
    return _code_page(CodeForm(formdata=None, asked=request.args.get("asked", "")))


@bp.post("/sign-in/code")
@limited("code", (20, "minute"), (100, "hour"), again=_again_code)
@limited("code address", (10, "minute"), (40, "hour"), key=lambda: asked_of(request.form), again=_again_code)
def use_code() -> Response:
    form = CodeForm()
    if not form.validate():
        return _code_page(form, status=422)
    try:
        row = sign_ins.use_code(form.email, form.code.data, now=g.now)
    except WrongCode:
        form.code.errors = [CodeForm.WRONG]
        return _code_page(form, status=422)
    return _come_in(row, form.remember.data)


# --- The link ---------------------------------------------------------------------------------------------------------


@bp.get("/sign-in/<token>")
def link(token: str) -> Response:
    """One button, so that looking at a link uses nothing up."""
    row = _peek(token)
    if (closed := _closed(row)) is not None:
        return closed
    if row is None or not sign_ins.is_usable(row, g.now):
        if row is not None and row.person is not None and g.person == row.person:
            return respond.redirect(safe_next(row.next) or "/")  # an old mail, opened by who is signed in anyway
        return _expired(row)
    return _link_page(row, token)


@bp.post("/sign-in/<token>")
@limited("link", (30, "minute"))
def use_link(token: str) -> Response:
    row = _peek(token)
    if (closed := _closed(row)) is not None:
        return closed
    try:
        row = sign_ins.use(token, now=g.now)
    except LinkUnusable:
        return _expired(row)
    return _come_in(row, UseForm().remember.data)


# --- Once inside ------------------------------------------------------------------------------------------------------


@bp.post("/account/company")
@require_person
def switch() -> Response:
    """Look at another of one's companies; a stranger's is not there."""
    wanted = request.form.get("group", "")
    group = next((place.group for place in g.places if place.group.public_id == wanted), None)
    if group is None:
        abort(404)
    sessions.look_at(g.session, group)
    return respond.redirect("/")


@bp.post("/sign-out")
def sign_out() -> Response:
    cookies.sign_out()
    answer = respond.redirect("/sign-in?signed_out=1")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # not "cookies": the merchant's own stays signed in
    return answer


# --- What they share --------------------------------------------------------------------------------------------------


def _come_in(row: SignIn, remembered: bool) -> Response:
    if row.staff is not None:
        cookies.sign_in(row.staff)
        return respond.redirect(safe_next(row.next) or "/admin")
    cookies.sign_in(row.person, remembered=remembered)
    return respond.redirect(safe_next(row.next) or "/")


def _peek(token: str) -> SignIn | None:
    try:
        return sign_ins.peek(token)
    except LinkUnusable:
        return None


def _closed(row: SignIn | None) -> Response | None:
    """Customers' links are closed with the portal; the merchant's go on."""
    if g.settings.portal_enabled or (row is not None and row.staff is not None):
        return None
    return respond.unavailable()


def _look_in_your_mail(asked: str) -> Response:
    return respond.see_other("login.code", asked=asked)


def _ask_page(form: AskForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page("login/new.html", status=status, form=form, invalid=status != 200, **context)


def _code_page(form: CodeForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page("login/code.html", status=status, form=form, invalid=status != 200, **context)


def _link_page(row: SignIn, token: str) -> Response:
    who = row.staff if row.staff is not None else row.person
    return respond.page(
        "login/link.html",
        form=UseForm(formdata=None),
        masked=people.mask(who.email),
        action=f"/sign-in/{token}",
        can_stay=row.staff is None,
    )


def _expired(row: SignIn | None) -> Response:
    """Used, replaced or too old: a new one is one press away, where we know whose it was."""
    asked, action = "", ""
    if row is not None and row.person is not None:
        asked, action = carry(row.person, row.next), "/sign-in"
    elif row is not None and row.staff is not None:
        asked, action = carry(row.staff, row.next), "/admin/sign-in"
    return respond.page("login/expired.html", status=410, asked=asked, action=action)


def _too_many() -> list[tuple[str, str]]:
    return [("", theming.gettext("Too many tries. Wait a few minutes, then try again."))]
