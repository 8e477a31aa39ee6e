"""How a member of staff signs in: an authenticator app, passkeys, recovery codes. One's own alone."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from flask import Blueprint, Response, abort, g, request
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

import theming
from billing import passkeys, second_factors
from billing.errors import FactorRefused
from billing.second_factors import Offer
from blueprints import ceremonies, guards, respond
from blueprints.forms import Form, mark
from blueprints.guards import require_proof, require_staff
from blueprints.passkeys.forms import NameForm, RenameForm
from blueprints.throttles import limited, signed_in
from models import Passkey

bp = Blueprint("admin_security", __name__, url_prefix="/admin/settings/security")

HOME = "/admin/settings/security"
QR = "documents.qr"  # loaded by name where a code is drawn: 4 MB that hardly any request needs


class AppForm(Form):
    WRONG = mark("That code is not right. Enter the one the app shows just now.")

    code = StringField(
        mark("The 6 digits the app shows"),
        validators=[InputRequired(mark("Enter the 6 digits the app shows.")), Length(max=40, message=WRONG)],
    )
    offer = HiddenField()


@bp.get("")
@require_staff
def show() -> Response:
    has_app, keys = second_factors.has_totp(g.staff), passkeys.of(g.staff)
    return _page(
        "show",
        has_password=bool(g.staff.password_hash),
        has_app=has_app,
        passkeys=keys,
        can_passkey=ceremonies.can_be_used(),
        count=len(keys) + has_app,
        codes_left=second_factors.codes_left(g.staff),
        is_required=g.settings.require_second_factor,
    )


# --- The authenticator app --------------------------------------------------------------------------------------------


@bp.get("/app/new")
@require_staff
@require_proof
def new_app() -> Response:
    return _app_page(AppForm(formdata=None), second_factors.offer(g.staff, site=_site(), now=g.now))


def _too_many() -> Response:
    return respond.refused(429, theming.gettext("Too many tries. Wait a few minutes, then try again."))


@bp.post("/app")
@require_staff
@require_proof
@limited("staff app", (10, "minute"), (60, "hour"), key=signed_in, again=_too_many)
def create_app() -> Response:
    """The code shows that the app has taken in what this form's page showed."""
    form = AppForm()
    try:
        offer = second_factors.offered(g.staff, form.offer.data or "", site=_site(), now=g.now)
    except FactorRefused:
        guards.tell("warn", theming.gettext("That page was too old. Here is a new code to take in."))
        return respond.redirect(f"{HOME}/app/new")
    if not form.validate():
        return _app_page(form, offer, status=422)
    try:
        second_factors.set_totp(
            g.staff, offer.sealed, form.code.data, seconds=time.time(), by=guards.actor(), now=g.now, but=g.session
        )
    except FactorRefused:
        form.code.errors = [AppForm.WRONG]
        return _app_page(form, offer, status=422)
    return _added(theming.gettext("The app is set up. Every other browser of yours is signed out."))


@bp.get("/app/delete")
@require_staff
@require_proof
def ask_app() -> Response:
    if not second_factors.has_totp(g.staff):
        abort(404)
    return _page("delete_app", last_factor=not passkeys.of(g.staff), is_required=g.settings.require_second_factor)


@bp.post("/app/delete")
@require_staff
@require_proof
def delete_app() -> Response:
    second_factors.remove_totp(g.staff, by=guards.actor(), now=g.now, but=g.session)
    guards.tell("good", theming.gettext("The app is turned off. Every other browser of yours is signed out."))
    return respond.redirect(HOME)


# --- Passkeys ---------------------------------------------------------------------------------------------------------


@bp.get("/passkeys/new")
@require_staff
@require_proof
def new_passkey() -> Response:
    return _passkey_page(NameForm(formdata=None))


@bp.post("/passkeys")
@require_staff
@require_proof
def create_passkey() -> Response:
    form = NameForm()
    if not form.validate():
        return _passkey_page(form, status=422)
    try:
        passkeys.register(
            g.staff,
            request.form.get("credential", ""),
            **ceremonies.place(),
            name=form.name.data or ceremonies.usual_name(g.staff),
            by=guards.actor(),
            but=g.session,
        )
    except FactorRefused as refusal:
        return _passkey_page(form, status=422, problem=ceremonies.words_of(refusal))
    return _added(theming.gettext("The passkey is added. Every other browser of yours is signed out."))


@bp.get("/passkeys/<id>/edit")
@require_staff
@require_proof
def edit_passkey(id: str) -> Response:
    row = _theirs(id)
    return _page("edit_passkey", form=RenameForm(formdata=None, name=row.name), id=row.public_id)


@bp.post("/passkeys/<id>/edit")
@require_staff
@require_proof
def update_passkey(id: str) -> Response:
    row, form = _theirs(id), RenameForm()
    if not form.validate():
        return _page("edit_passkey", status=422, form=form, id=row.public_id)
    passkeys.rename(row, form.name.data, by=guards.actor(), now=g.now)
    return respond.redirect(HOME)


@bp.get("/passkeys/<id>/delete")
@require_staff
@require_proof
def ask_passkey(id: str) -> Response:
    row = _theirs(id)
    last = len(passkeys.of(g.staff)) == 1 and not second_factors.has_totp(g.staff)
    return _page("delete_passkey", id=row.public_id, name=row.name, last_factor=last)


@bp.post("/passkeys/<id>/delete")
@require_staff
@require_proof
def delete_passkey(id: str) -> Response:
    passkeys.remove(_theirs(id), by=guards.actor(), now=g.now, but=g.session)
    guards.tell("good", theming.gettext("The passkey is removed. Every other browser of yours is signed out."))
    return respond.redirect(HOME)


# --- Recovery codes ---------------------------------------------------------------------------------------------------


@bp.get("/codes/new")
@require_staff
@require_proof
def new_codes() -> Response:
    _need_factor()
    return _page("new_codes", codes_left=second_factors.codes_left(g.staff))


@bp.post("/codes")
@require_staff
@require_proof
def create_codes() -> Response:
    """Shown in this answer and never again; sent twice it makes new ones."""
    _need_factor()
    return _codes_page("")


def _added(done: str) -> Response:
    """After a factor was added: back to the list; with the first of them come recovery codes."""
    if second_factors.codes_left(g.staff):
        guards.tell("good", done)
        return respond.redirect(HOME)
    return _codes_page(done)


def _codes_page(done: str) -> Response:
    return _page("codes", codes=second_factors.make_codes(g.staff, by=guards.actor(), now=g.now), done=done)


def _need_factor() -> None:
    if not second_factors.has_factor(g.staff):
        abort(404)  # nothing that they would stand in for


# --- What they share --------------------------------------------------------------------------------------------------


def _theirs(id: str) -> Passkey:
    return passkeys.one(g.staff, id) or abort(404)


def _site() -> str:
    return (g.merchant.name if g.merchant else "") or "Tillhouse"


def _app_page(form: AppForm, offer: Offer, *, status: int = 200) -> Response:
    picture = import_module(QR).address(offer.address)
    return _page(
        "new_app",
        status=status,
        form=form,
        secret=offer.secret,
        sealed=offer.sealed,
        picture=picture,
        replaces=second_factors.has_totp(g.staff),
    )


def _passkey_page(form: NameForm, *, status: int = 200, problem: str = "") -> Response:
    problems = [("", problem)] if problem else []
    return _page("new_passkey", status=status, form=form, problems=problems, **ceremonies.to_add(g.staff))


def _page(template: str, *, status: int = 200, **context: Any) -> Response:
    return respond.page(
        f"admin/security/{template}.html",
        status=status,
        invalid=status == 422,
        current="settings",
        place="security",
        **context,
    )
