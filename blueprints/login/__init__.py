"""Getting in and out for customers: a link and a code by mail, a password.

A GET uses nothing up and mails nobody: mail scanners open every link.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

import theming
from billing import people, second_factors, sign_ins
from billing.errors import BadPassword, LinkUnusable, SignInRefused, WrongCode
from billing.passwords import check
from blueprints import ceremonies, cookies, guards, respond
from blueprints.asking import SignInForm, asked_of, carry
from blueprints.guards import safe_next
from blueprints.landing import come_in, invoice_of, too_many, with_next
from blueprints.login.forms import ChooseForm, CodeForm
from blueprints.throttles import limited
from models import Person, Session, SignIn

bp = Blueprint("login", __name__)


def _again_new() -> Response:
    return _ask_page(SignInForm(), problems=too_many())


def _again_code() -> Response:
    return _code_page(CodeForm(), problems=too_many())


# --- Asking for a link, or coming in by password ----------------------------------------------------------------------


@bp.get("/sign-in")
def new() -> Response:
    next = safe_next(request.args.get("next"))
    if g.person is not None:
        return respond.redirect(next or "/")
    form = SignInForm(formdata=None, next=next, invoice=request.args.get("invoice", ""))
    return _ask_page(form, signed_out="signed_out" in request.args, joined="joined" in request.args)


@bp.get("/sign-in/passkey")
@bp.get("/sign-in/password")
def lead_back() -> Response:
    """Where those forms are sent to there is nothing to read: whoever opens or reloads that address finds the page."""
    return respond.redirect(with_next("/sign-in", safe_next(request.args.get("next"))))


@bp.post("/sign-in")
@limited("sign-in", (10, "minute"), (60, "hour"), again=_again_new)
@limited("sign-in address", (4, "minute"), (12, "hour"), key=lambda: asked_of(request.form), again=_again_new)
def create() -> Response:
    """Mail a link to whoever may sign in. Who may not reads the same page after the same work."""
    form = SignInForm()
    if not form.validate():
        return _ask_page(form, status=422)
    if not g.settings.by_mail:
        form.password.errors = [SignInForm.NO_PASSWORD]
        return _ask_page(form, status=422)
    form.next.data = safe_next(form.next.data)
    sign_ins.ask(form.address, form.next.data, by=guards.actor(), now=g.now, settings=g.settings)
    return respond.see_other("login.code", asked=form.carried)


@bp.post("/sign-in/password")
@limited("password", (20, "minute"), (120, "hour"), again=_again_new)
@limited("password address", (12, "minute"), (40, "hour"), key=lambda: asked_of(request.form), again=_again_new)
def create_by_password() -> Response:
    """Unknown, wrong, locked and too old read and take the same."""
    if not g.settings.by_password:
        abort(404)
    form = SignInForm()
    fine = form.validate()
    if not form.password.data:
        form.password.errors = [SignInForm.NO_PASSWORD_YET if g.settings.by_mail else SignInForm.NO_PASSWORD]
        fine = False
    if not fine:
        return _ask_page(form, status=422)
    try:
        checked = check(form.address, form.password.data, by=guards.actor(), now=g.now, settings=g.settings)
    except SignInRefused:
        form.password.errors = [SignInForm.REFUSED]
        return _ask_page(form, status=422)
    return come_in(
        checked.person,
        form.next.data or "",
        way="password",
        remembered=form.remember.data,
        passing=form.passing.data,
        stage=Session.CHANGE if checked.temporary else Session.FULL,
    )


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
        row = sign_ins.use_code(form.email, form.code.data, by=guards.actor(), now=g.now, settings=g.settings)
    except WrongCode:
        form.code.errors = [CodeForm.WRONG]
        return _code_page(form, status=422)
    remembered, passing = form.remember.data, form.passing.data
    return come_in(row.person, row.next, way="code", remembered=remembered, passing=passing)


# --- The link ---------------------------------------------------------------------------------------------------------


@bp.get("/sign-in/<token>")
def link(token: str) -> Response:
    """One button, so that looking at a link uses nothing up."""
    row = _peek(token)
    if (closed := _closed(row)) is not None:
        return closed
    if row is None or not sign_ins.is_usable(row, g.now, g.settings):
        if row is not None and g.person is not None and g.person == sign_ins.person_of(row):
            return respond.redirect(safe_next(row.next) or "/")  # an old mail, opened by who is signed in anyway
        return _expired(row)
    return _first_sign_in(row) or _link_page(row, token, ChooseForm(formdata=None))


def _again_link() -> Response:
    token = (request.view_args or {})["token"]
    row = _peek(token)
    return _link_page(row, token, ChooseForm(), problems=too_many()) if row is not None else _expired(None)


@bp.post("/sign-in/<token>")
@limited("link", (30, "minute"), again=_again_link)
def use_link(token: str) -> Response:
    """What the link is for; a password that will not do uses nothing up."""
    row = _peek(token)
    if (closed := _closed(row)) is not None:
        return closed
    form = ChooseForm()
    try:
        if row is not None and row.purpose != SignIn.SIGN_IN:
            return _confirm(row, token, form)
        row = sign_ins.use(token, by=guards.actor(), now=g.now, settings=g.settings)
    except LinkUnusable:
        return _expired(row)
    except BadPassword as refusal:
        form.refuse(refusal)
        return _expired(None) if row is None else _link_page(row, token, form, status=422)
    way = "command" if sign_ins.is_command(row) else "link"
    if row.staff is not None:
        owes = way == "link" and second_factors.is_owed(row.staff)
        cookies.sign_in(row.staff, way=way, stage=Session.FACTOR if owes else Session.FULL)
        next = safe_next(row.next)
        return respond.redirect(with_next("/admin/sign-in/factor", next) if owes else next or "/admin")
    return come_in(row.person, row.next, way=way, remembered=form.remember.data, passing=form.passing.data)


def _first_sign_in(row: SignIn) -> Response | None:
    """A new address is confirmed where its person is signed in; anybody else reads that, and nothing is used up."""
    if row.purpose != SignIn.EMAIL or (g.person is not None and g.person == row.person):
        return None
    return respond.page("login/first.html", masked=people.mask(row.email or ""))


def _confirm(row: SignIn, token: str, form: ChooseForm) -> Response:
    if sign_ins.is_usable(row, g.now, g.settings) and (first := _first_sign_in(row)) is not None:
        return first
    keep = g.session if g.person is not None and g.person == row.person else None
    before = sign_ins.person_of(row)
    person = sign_ins.confirm(
        token, form.password.data or "", by=guards.actor(), now=g.now, settings=g.settings, keep=keep
    )
    if row.purpose == SignIn.EMAIL:
        guards.tell("good", theming.gettext("From now on you sign in with your new address."))
        return respond.redirect(safe_next(row.next) or "/")
    if row.purpose == SignIn.INVITE and before is not None and before.last_sign_in_at is not None:
        return _joined(row, before)
    known = Person.get_by_id(person.id)
    owes = not g.settings.by_mail and known.password_hash is None
    return come_in(
        known,
        row.next,
        way="link",
        remembered=form.remember.data,
        passing=form.passing.data,
        stage=Session.CHANGE if owes else Session.FULL,
        group=row.group,
        said=_said(row, chose=sign_ins.wants_password(row, g.settings)),
    )


def _said(row: SignIn, *, chose: bool) -> str:
    """What somebody is told on the first page after a link that did more than sign in."""
    if row.purpose == SignIn.INVITE:
        return theming.gettext("You have joined %(company)s.", company=row.group.name)
    if row.purpose == SignIn.ENROL:
        return theming.gettext("Your account is ready.")
    return theming.gettext("Your new password is saved. Every other browser of yours is signed out.") if chose else ""


def _joined(row: SignIn, known: Person) -> Response:
    """An invitation lets who has been here before into one more company; the way in stays the one they have."""
    address = f"/company/{row.group.public_id}"
    if g.person is not None and g.person == known:
        return respond.redirect(address)
    return respond.redirect(f"{with_next('/sign-in', address)}&joined=1")


# --- Out again --------------------------------------------------------------------------------------------------------


@bp.post("/sign-out")
def sign_out() -> Response:
    cookies.sign_out()
    answer = respond.redirect("/sign-in?signed_out=1")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # not "cookies": the merchant's own stays signed in
    return answer


# --- What they share --------------------------------------------------------------------------------------------------


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


def _ask_page(form: SignInForm, *, status: int = 200, **context: Any) -> Response:
    next = safe_next(form.next.data)
    invoice = invoice_of(form.invoice.data)
    return respond.page(
        "login/new.html",
        status=status,
        form=form,
        invalid=status != 200,
        invoice_number=invoice.number if invoice else "",
        access_url=f"/pay/{form.invoice.data}/access" if invoice else "",
        account_url=with_next("/create-account", next, invoice=(form.invoice.data or "") if invoice else ""),
        forgot_url=with_next("/forgot-password", next),
        **ceremonies.to_sign_in(next),
        **context,
    )


def _code_page(form: CodeForm, *, status: int = 200, **context: Any) -> Response:
    return respond.page("login/code.html", status=status, form=form, invalid=status != 200, **context)


def _link_page(row: SignIn, token: str, form: ChooseForm, *, status: int = 200, **context: Any) -> Response:
    email = row.email or (row.staff if row.staff is not None else row.person).email
    return respond.page(
        "login/link.html",
        status=status,
        form=form,
        invalid=status != 200,
        purpose=row.purpose,
        masked=people.mask(email),
        company=row.group.name if row.group is not None else "",
        role=row.role or "",
        action=f"/sign-in/{token}",
        chooses=sign_ins.wants_password(row, g.settings),
        can_stay=row.staff is None and row.purpose != SignIn.EMAIL,
        **context,
    )


def _expired(row: SignIn | None) -> Response:
    """Used, replaced or too old: a new one is one press away, where we know whose it was and what for."""
    asked, action, purpose = "", "", SignIn.SIGN_IN
    if row is not None:
        purpose = row.purpose
        action = {SignIn.SIGN_IN: "/sign-in", SignIn.RESET: "/forgot-password"}.get(purpose, "")
        if row.staff is not None:
            action = "/admin/sign-in"
        elif purpose == SignIn.SIGN_IN and not g.settings.by_mail:
            action = ""
        asked = carry(row.staff or row.person or row, row.next) if action else ""
    return respond.page("login/expired.html", status=410, asked=asked, action=action, purpose=purpose)
