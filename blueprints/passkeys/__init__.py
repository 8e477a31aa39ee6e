"""Customers' passkeys: signing in by one, adding, naming and removing one's own."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

import theming
from billing import passkeys
from billing.errors import FactorRefused
from blueprints import ceremonies, guards, respond
from blueprints.guards import require_proof, require_signed_in, safe_next
from blueprints.landing import come_in
from blueprints.passkeys.forms import NameForm, RenameForm
from blueprints.throttles import limited
from models import Passkey

bp = Blueprint("passkeys", __name__)

HOME = "/account/sign-in"  # the page that lists them


# --- Signing in -------------------------------------------------------------------------------------------------------


def _again() -> Response:
    return _sign_in_page(429, theming.gettext("Too many tries. Wait a few minutes, then try again."))


@bp.post("/sign-in/passkey")
@limited("passkey", (20, "minute"), (100, "hour"), again=_again)
def sign_in() -> Response:
    try:
        person = passkeys.authenticate(
            request.form.get("credential", ""),
            **ceremonies.place(),
            by=guards.actor(),
            settings=g.settings,
            staff=False,
        )
    except FactorRefused:
        return _sign_in_page(422, theming.gettext(ceremonies.REFUSED))
    return come_in(person, _next(), way="passkey")


def _sign_in_page(status: int, problem: str) -> Response:
    next = _next()
    return respond.page(
        "login/passkey.html",
        status=status,
        invalid=True,
        problem=problem,
        next=next,
        **ceremonies.to_sign_in(next),
    )


def _next() -> str:
    return safe_next(request.form.get("next"))


# --- One's own --------------------------------------------------------------------------------------------------------


@bp.get("/account/passkeys/new")
@require_signed_in
@require_proof
def new() -> Response:
    return _new_page(NameForm(formdata=None))


@bp.post("/account/passkeys")
@require_signed_in
@require_proof
def create() -> Response:
    form = NameForm()
    if not form.validate():
        return _new_page(form, status=422)
    try:
        passkeys.register(
            g.person,
            request.form.get("credential", ""),
            **ceremonies.place(),
            name=form.name.data or ceremonies.usual_name(g.person),
            by=guards.actor(),
        )
    except FactorRefused as refusal:
        return _new_page(form, status=422, problem=ceremonies.words_of(refusal))
    guards.tell("good", theming.gettext("The passkey is added. Next time you can sign in with it."))
    return respond.redirect(HOME)


@bp.get("/account/passkeys/<id>/edit")
@require_signed_in
@require_proof
def edit(id: str) -> Response:
    row = _theirs(id)
    return _page("edit", RenameForm(formdata=None, name=row.name), row)


@bp.post("/account/passkeys/<id>/edit")
@require_signed_in
@require_proof
def update(id: str) -> Response:
    row, form = _theirs(id), RenameForm()
    if not form.validate():
        return _page("edit", form, row, status=422)
    passkeys.rename(row, form.name.data, by=guards.actor(), now=g.now)
    return respond.redirect(HOME)


@bp.get("/account/passkeys/<id>/delete")
@require_signed_in
@require_proof
def ask(id: str) -> Response:
    return _page("delete", NameForm(formdata=None), _theirs(id))


@bp.post("/account/passkeys/<id>/delete")
@require_signed_in
@require_proof
def delete(id: str) -> Response:
    passkeys.remove(_theirs(id), by=guards.actor(), now=g.now, but=g.session)
    guards.tell("good", theming.gettext("The passkey is removed. Every other browser of yours is signed out."))
    return respond.redirect(HOME)


def _theirs(id: str) -> Passkey:
    return passkeys.one(g.person, id) or abort(404)


def _new_page(form: NameForm, *, status: int = 200, problem: str = "") -> Response:
    context = ceremonies.to_add(g.person)
    return respond.page(
        "passkeys/new.html",
        status=status,
        invalid=status != 200,
        current="account",
        form=form,
        problems=[("", problem)] if problem else [],
        **context,
    )


def _page(name: str, form: NameForm, row: Passkey, *, status: int = 200) -> Response:
    context: dict[str, Any] = {"id": row.public_id, "name": row.name, "form": form, "home": HOME}
    return respond.page(f"passkeys/{name}.html", status=status, invalid=status != 200, current="account", **context)
