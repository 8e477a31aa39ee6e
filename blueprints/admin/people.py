"""One person, as the merchant's people see them: names, companies, sign-in, browsers, history."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g
from wtforms import StringField
from wtforms.validators import Length

import theming
from billing import access, history_shown, passwords, people, sessions, sign_ins
from billing.errors import NotAllowed, UserIdTaken
from blueprints import guards, respond
from blueprints.forms import Form, mark
from blueprints.guards import require_proof, require_staff
from blueprints.inviting import TOO_LONG, AddressField
from blueprints.throttles import limited, signed_in
from models import Person

bp = Blueprint("admin_people", __name__, url_prefix="/admin/people")

LARGEST_ID = 2**31  # of a row's number
USER_ID = {
    "taken": mark("Somebody else has this user id."),
    "cannot_be": mark("Enter 3 to 64 letters (a to z), digits, dots, dashes or underscores; no @."),
}
EMAIL_TAKEN = mark("Another person signs in with this address.")


class PersonForm(Form):
    name = StringField(mark("Name"), validators=[Length(max=people.LONGEST_NAME, message=TOO_LONG)])
    user_id = StringField(mark("User id"), validators=[Length(max=200, message=USER_ID["cannot_be"])])


class EmailForm(Form):
    email = AddressField(mark("E-mail"))


@bp.get("/<id>")
@require_staff
def show(id: str) -> Response:
    person = _find(id)
    return respond.page(
        "admin/people/show.html",
        current="customers",
        one=people.details(person, g.now, g.settings),
        sessions=sessions.shown(person, g.now, this=None),
        history=history_shown.of_person(person),
        by_password=g.settings.by_password,
    )


@bp.get("/<id>/edit")
@require_staff
@require_proof
def edit(id: str) -> Response:
    person = _find(id)
    return _edit(person)


@bp.post("/<id>")
@require_staff
@require_proof
def update(id: str) -> Response:
    """Name and user id."""
    person, form = _find(id), PersonForm()
    if not form.validate():
        return _edit(person, form=form, status=422)
    try:
        people.set_user_id(person, form.user_id.data or "", by=guards.actor(), now=g.now)
    except UserIdTaken as refusal:
        form.user_id.errors = [USER_ID[refusal.code]]
        return _edit(person, form=form, status=422)
    people.rename(person, form.name.data or "", by=guards.actor(), now=g.now)
    guards.tell("good", theming.gettext("Saved."))
    return _back(person)


@bp.post("/<id>/email")
@require_staff
@require_proof
def update_email(id: str) -> Response:
    """At once; the old address is told."""
    person, form = _find(id), EmailForm()
    if not form.validate():
        return _edit(person, email_form=form, status=422)
    try:
        changed = people.change_email(person, form.email.data, by=guards.actor(), now=g.now)
    except people.EmailTaken:
        form.email.errors = [EMAIL_TAKEN]
        return _edit(person, email_form=form, status=422)
    if changed:
        guards.tell(
            "good",
            theming.gettext("They sign in with %(email)s now. The old address was told.", email=person.email),
        )
    return _back(person)


# --- Signing in -------------------------------------------------------------------------------------------------------


@bp.post("/<id>/unlock")
@require_staff
@require_proof
def unlock(id: str) -> Response:
    person = _find(id)
    if passwords.unlock(person, by=guards.actor(), now=g.now):
        guards.tell("good", theming.gettext("%(name)s may sign in again.", name=person.name))
    return _back(person)


@bp.get("/<id>/temporary-password")
@require_staff
@require_proof
def ask_temporary_password(id: str) -> Response:
    """What follows, before it is mailed."""
    person = _find(id)
    if not g.settings.by_password:
        abort(404)
    return respond.page(
        "admin/people/temporary_password.html", current="customers", one=people.details(person, g.now, g.settings)
    )


@bp.post("/<id>/temporary-password")
@require_staff
@require_proof
@limited("letters by staff", (20, "minute"), (200, "hour"), key=signed_in)
def create_temporary_password(id: str) -> Response:
    person = _find(id)
    try:
        passwords.mail_temporary(person, by=guards.actor(), now=g.now)
    except NotAllowed:
        abort(404)
    guards.tell("good", theming.gettext("A temporary password is on its way to %(email)s.", email=person.email))
    return _back(person)


@bp.post("/<id>/resets")
@require_staff
@require_proof
@limited("letters by staff", (20, "minute"), (200, "hour"), key=signed_in)
def create_reset(id: str) -> Response:
    """The ordinary letter of "forgot your password?", or where customers have none the one with a link to sign in."""
    person = _find(id)
    if g.settings.by_password:
        sent = sign_ins.ask_reset(person, by=guards.actor(), now=g.now, settings=g.settings)
    else:
        sent = access.may_sign_in(person, g.now, g.settings)
        sign_ins.ask(person.email, "", now=g.now, by=guards.actor(), settings=g.settings)
    if sent:
        guards.tell("good", theming.gettext("The letter is on its way to %(email)s.", email=person.email))
    else:
        guards.tell("warn", theming.gettext("Nothing was sent: they may not sign in, or are locked out."))
    return _back(person)


@bp.post("/<id>/sessions/end")
@require_staff
@require_proof
def delete_sessions(id: str) -> Response:
    person = _find(id)
    if sessions.end_all(person, now=g.now, by=guards.actor(), because=sessions.STAFF_ENDED):
        guards.tell("good", theming.gettext("%(name)s is signed out everywhere.", name=person.name))
    return _back(person)


@bp.post("/<id>/sessions/<int:session>/end")
@require_staff
@require_proof
def delete_session(id: str, session: int) -> Response:
    person = _find(id)
    found = sessions.one(person, session, g.now) if session < LARGEST_ID else None
    if found is None:
        abort(404)
    if sessions.end(found, now=g.now, by=guards.actor(), because=sessions.STAFF_ENDED):
        guards.tell("good", theming.gettext("That browser is signed out."))
    return _back(person)


# --- Parts ------------------------------------------------------------------------------------------------------------


def _find(id: str) -> Person:
    person = people.person_by_id(id)
    if person is None:
        abort(404)
    return person


def _back(person: Person) -> Response:
    return respond.see_other("admin_people.show", id=person.public_id)


def _edit(
    person: Person, *, form: PersonForm | None = None, email_form: EmailForm | None = None, status: int = 200
) -> Response:
    context: dict[str, Any] = {
        "one": people.details(person, g.now, g.settings),
        "form": form or PersonForm(formdata=None, name=person.name, user_id=person.user_id or ""),
        "email_form": email_form or EmailForm(formdata=None, email=person.email),
    }
    return respond.page("admin/people/edit.html", status=status, invalid=status != 200, current="customers", **context)
