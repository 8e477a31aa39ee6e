"""Sign-in and devices, for customers: password, user id, e-mail, passkeys, and the browsers that are signed in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g

import theming
from billing import passwords, people, sessions
from billing.errors import BadPassword, NotAllowed, UserIdTaken
from blueprints import ceremonies, guards, respond
from blueprints.guards import require_proof, require_signed_in
from blueprints.security.forms import EmailForm, PasswordForm, UserIdForm
from blueprints.throttles import limited, signed_in

bp = Blueprint("security", __name__, url_prefix="/account/sign-in")

HOME = "/account/sign-in"
LARGEST_ID = 2**31  # of a row's number


@bp.get("")
@require_signed_in
def show() -> Response:
    return respond.page(
        "security/show.html",
        current="account",
        by_mail=g.settings.by_mail,
        by_password=g.settings.by_password,
        has_password=bool(g.person.password_hash),
        email=g.person.email,
        email_asked=people.email_asked(g.person, g.now) if g.settings.allow_manage_emails else "",
        user_id=g.person.user_id,
        may_change_email=g.settings.allow_manage_emails,
        sessions=sessions.shown(g.person, g.now, this=g.session),
        sessions_path=f"{HOME}/sessions",
        **ceremonies.of_account(g.person),
    )


# --- Password ---------------------------------------------------------------------------------------------------------


@bp.get("/password")
@require_signed_in
@require_proof
def edit_password() -> Response:
    return _password(PasswordForm(formdata=None))


@bp.post("/password")
@require_signed_in
@require_proof
def update_password() -> Response:
    """They have just proved who they are; the old one is not asked for. Every other browser is signed out."""
    if not g.settings.by_password:
        abort(404)
    form = PasswordForm()
    if not form.validate():
        return _password(form, status=422)
    try:
        passwords.choose(g.person, form.password.data, by=guards.actor(), now=g.now, keep=g.session)
    except BadPassword as refusal:
        form.password.errors = [PasswordForm.WRONG[refusal.code]]
        return _password(form, status=422)
    return _saved(theming.gettext("Saved. Every other browser of yours is signed out."))


def _password(form: PasswordForm, *, status: int = 200) -> Response:
    if not g.settings.by_password:
        abort(404)
    return _page("password", form, status, has_password=bool(g.person.password_hash), email=g.person.email)


# --- User id and e-mail -----------------------------------------------------------------------------------------------


@bp.get("/user-id")
@require_signed_in
@require_proof
def edit_user_id() -> Response:
    return _user_id(UserIdForm(formdata=None, user_id=g.person.user_id or ""))


def _too_many_ids() -> Response:
    form = UserIdForm()
    form.user_id.errors = [theming.N_("Too many tries. Wait a few minutes, then try again.")]
    return _user_id(form, status=429)


@bp.post("/user-id")
@limited("user id", (10, "minute"), (30, "hour"), key=signed_in, again=_too_many_ids)
@require_signed_in
@require_proof
def update_user_id() -> Response:
    form = UserIdForm()
    if not form.validate():
        return _user_id(form, status=422)
    try:
        people.set_user_id(g.person, form.user_id.data, by=guards.actor(), now=g.now)
    except UserIdTaken as refusal:
        form.user_id.errors = [UserIdForm.WRONG[refusal.code]]
        return _user_id(form, status=422)
    return _saved(theming.gettext("Saved."))


def _user_id(form: UserIdForm, *, status: int = 200) -> Response:
    return _page("user_id", form, status, email=g.person.email if g.person else "", by_password=g.settings.by_password)


@bp.get("/email")
@require_signed_in
@require_proof
def edit_email() -> Response:
    return _email(EmailForm(formdata=None))


def _too_many_mails() -> Response:
    form = EmailForm()
    form.email.errors = [theming.N_("Too many tries. Wait a few minutes, then try again.")]
    return _page("email", form, 429, email="", may_change_email=True)


@bp.post("/email")
@limited("new e-mail", (3, "minute"), (10, "hour"), key=signed_in, again=_too_many_mails)
@require_signed_in
@require_proof
def update_email() -> Response:
    """A link is mailed to the new one. Nothing changes until it is used; one that is somebody's gets none."""
    form = EmailForm()
    if not g.settings.allow_manage_emails:
        abort(403)
    if not form.validate():
        return _email(form, status=422)
    try:
        people.ask_new_email(g.person, form.email.data, by=guards.actor(), now=g.now, settings=g.settings)
    except NotAllowed:
        abort(403)
    return _saved(theming.gettext("We mailed a link to the new address. Once you open it, you sign in with that one."))


def _email(form: EmailForm, *, status: int = 200) -> Response:
    may = g.settings.allow_manage_emails
    return _page("email", form, status, email=g.person.email, may_change_email=may)


# --- Browsers ---------------------------------------------------------------------------------------------------------


@bp.post("/sessions/<int:id>/end")
@require_signed_in
def delete_session(id: int) -> Response:
    session = sessions.one(g.person, id, g.now) if id < LARGEST_ID else None
    if session is None:
        abort(404)
    sessions.end(session, now=g.now, by=guards.actor(), because=sessions.ELSEWHERE)
    return _saved(theming.gettext("That browser is signed out."))


@bp.post("/sessions/end")
@require_signed_in
def delete_sessions() -> Response:
    """Every browser but this one."""
    sessions.end_all(g.person, now=g.now, but=g.session, by=guards.actor())
    return _saved(theming.gettext("Every other browser of yours is signed out."))


# --- What they share --------------------------------------------------------------------------------------------------


def _saved(text: str) -> Response:
    guards.tell("good", text)
    return respond.redirect(HOME)


def _page(name: str, form: Any, status: int, **context: Any) -> Response:
    return respond.page(
        f"security/{name}.html", status=status, invalid=status != 200, current="account", form=form, **context
    )
