"""Getting an account, and a password: asked for by mail, or chosen in place of a temporary one.

Every answer is the same for whom we know and whom we do not.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

import theming
from billing import passwords, sign_ins
from billing.errors import BadPassword
from blueprints import guards, respond
from blueprints.asking import AskForm, asked_of
from blueprints.guards import safe_next
from blueprints.landing import come_in, invoice_of, too_many, with_next
from blueprints.login.forms import AccountForm, ChooseForm
from blueprints.throttles import limited, signed_in
from models import Session

bp = Blueprint("accounts", __name__)


# --- Creating an account ----------------------------------------------------------------------------------------------


def _again_account() -> Response:
    return _account_page(AccountForm(), problems=too_many())


@bp.get("/create-account")
def new() -> Response:
    next = safe_next(request.args.get("next"))
    if g.person is not None:
        return respond.redirect(next or "/")
    return _account_page(AccountForm(formdata=None, next=next, invoice=request.args.get("invoice", "")))


@bp.post("/create-account")
@limited("account", (10, "minute"), (60, "hour"), again=_again_account)
@limited("account address", (4, "minute"), (12, "hour"), key=lambda: asked_of(request.form), again=_again_account)
def create() -> Response:
    form = AccountForm()
    if not form.validate():
        return _account_page(form, status=422)
    sign_ins.ask_account(
        form.name.data,
        form.address,
        safe_next(form.next.data),
        by=guards.actor(),
        now=g.now,
        settings=g.settings,
    )
    invoice = invoice_of(form.invoice.data)
    return respond.see_other("accounts.sent", **({"invoice": form.invoice.data} if invoice else {}))


@bp.get("/create-account/sent")
def sent() -> Response:
    """The same screen for whoever asked. With an invoice's link, the way to ask the merchant."""
    token = request.args.get("invoice", "")
    return respond.page(
        "login/sent.html",
        back="/create-account",
        access_url=f"/pay/{token}/access" if invoice_of(token) is not None else "",
    )


# --- Forgotten passwords ----------------------------------------------------------------------------------------------


def _again_forgot() -> Response:
    return _forgot_page(AskForm(), problems=too_many())


@bp.get("/forgot-password")
def forgot() -> Response:
    _need_passwords()
    return _forgot_page(AskForm(formdata=None, next=safe_next(request.args.get("next"))))


@bp.post("/forgot-password")
@limited("reset", (10, "minute"), (60, "hour"), again=_again_forgot)
@limited("reset address", (4, "minute"), (12, "hour"), key=lambda: asked_of(request.form), again=_again_forgot)
def create_reset() -> Response:
    _need_passwords()
    form = AskForm()
    if not form.validate():
        return _forgot_page(form, status=422)
    sign_ins.ask_reset(form.address, next=safe_next(form.next.data), by=guards.actor(), now=g.now, settings=g.settings)
    return respond.see_other("accounts.reset_sent")


@bp.get("/forgot-password/sent")
def reset_sent() -> Response:
    _need_passwords()
    return respond.page("login/sent.html", back="/forgot-password", access_url="")


def _need_passwords() -> None:
    if not g.settings.by_password:
        abort(404)


# --- Choosing one in place of a temporary one -------------------------------------------------------------------------


def _again_choose() -> Response:
    return _choose_page(ChooseForm(), problems=too_many())


@bp.get("/account/password/new")
def choose() -> Response:
    """The one page of who came in by a temporary password. Who owes none changes theirs among their details."""
    if g.stage != Session.CHANGE:
        return _nothing_owed()
    return _choose_page(ChooseForm(formdata=None, next=safe_next(request.args.get("next"))))


@bp.post("/account/password/new")
@limited("choose", (10, "minute"), (60, "hour"), key=signed_in, again=_again_choose)
def create_password() -> Response:
    if g.stage != Session.CHANGE:
        return _nothing_owed()
    form = ChooseForm()
    try:
        passwords.choose(g.owing, form.password.data or "", by=guards.actor(), now=g.now, keep=g.session)
    except BadPassword as refusal:
        form.refuse(refusal)
        return _choose_page(form, status=422)
    begun = g.session
    return come_in(
        g.owing,
        form.next.data or "",
        way=begun.way,
        remembered=begun.remembered,
        passing=begun.passing,
        said=theming.gettext("Your password is saved."),
    )


def _nothing_owed() -> Response:
    return respond.redirect("/" if g.person is not None else "/sign-in")


# --- What they show ---------------------------------------------------------------------------------------------------


def _account_page(form: AccountForm, *, status: int = 200, **context: Any) -> Response:
    next = safe_next(form.next.data)
    return respond.page(
        "login/account.html",
        status=status,
        form=form,
        invalid=status != 200,
        by_password=g.settings.by_password,
        sign_in_url=with_next("/sign-in", next),
        **context,
    )


def _forgot_page(form: AskForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page("login/forgot.html", status=status, form=form, invalid=status != 200, **context)


def _choose_page(form: ChooseForm, *, status: int = 200, **context: Any) -> Response:
    if g.owing is None:
        return _nothing_owed()
    return respond.page(
        "login/choose.html", status=status, form=form, invalid=status != 200, email=g.owing.email, **context
    )
