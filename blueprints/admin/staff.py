"""The merchant's people: who of them may sign in, and the way back for who cannot."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g
from wtforms import StringField
from wtforms.validators import Length

import theming
from billing import history_shown, passwords, people, sessions, sign_ins
from billing.errors import LastManager, NotAllowed
from blueprints import guards, respond
from blueprints.forms import Form, mark
from blueprints.guards import require_proof, require_staff
from blueprints.inviting import TOO_LONG, AddressField
from blueprints.throttles import limited, signed_in
from models import Staff

bp = Blueprint("admin_staff", __name__, url_prefix="/admin/settings/people")

IN_ALREADY = mark("They are in the list already.")
LARGEST_ID = 2**31  # of a row's number


class StaffForm(Form):
    email = AddressField(mark("E-mail"))
    name = StringField(mark("Name"), validators=[Length(max=people.LONGEST_NAME, message=TOO_LONG)])


@bp.get("")
@require_staff
@require_proof
def index() -> Response:
    return _index(StaffForm(formdata=None))


@bp.post("")
@require_staff
@require_proof
@limited("letters by staff", (20, "minute"), (200, "hour"), key=signed_in)
def create() -> Response:
    """Add somebody, and mail them a link to sign in."""
    form = StaffForm()
    if form.validate() and people.staff_by_email(form.email.data) is not None:
        form.email.errors = [IN_ALREADY]
    if form.errors:
        return _index(form, status=422)
    added = people.make_staff(form.email.data, name=form.name.data or "", by=guards.actor(), now=g.now)
    sign_ins.ask_as_staff(added.email, "", now=g.now, by=guards.actor())
    guards.tell("good", theming.gettext("Added. A link to sign in is on its way to %(email)s.", email=added.email))
    return respond.see_other("admin_staff.index")


@bp.get("/<int:id>")
@require_staff
@require_proof
def show(id: int) -> Response:
    staff = _find(id)
    return respond.page(
        "admin/staff/show.html",
        current="settings",
        place="people",
        one=people.staff_view(staff, g.now, g.settings),
        me=g.staff.id,
        sessions=sessions.shown(staff, g.now, this=g.session),
        history=history_shown.of(staff),
    )


@bp.post("/<int:id>/links")
@require_staff
@require_proof
@limited("letters by staff", (20, "minute"), (200, "hour"), key=signed_in)
def create_link(id: int) -> Response:
    """Another link to sign in, for who lost theirs."""
    staff = _find(id)
    sign_ins.ask_as_staff(staff.email, "", now=g.now, by=guards.actor())
    return _back(staff, theming.gettext("A link to sign in is on its way, unless they are locked out."))


@bp.post("/<int:id>/unlock")
@require_staff
@require_proof
def unlock(id: int) -> Response:
    staff = _find(id)
    done = passwords.unlock(staff, by=guards.actor(), now=g.now)
    return _back(staff, theming.gettext("%(name)s may sign in again.", name=staff.name) if done else "")


@bp.post("/<int:id>/sessions/end")
@require_staff
@require_proof
def delete_sessions(id: int) -> Response:
    """Everywhere; where it is oneself, everywhere else."""
    staff = _find(id)
    done = sessions.end_all(
        staff,
        now=g.now,
        but=g.session if staff.id == g.staff.id else None,
        by=guards.actor(),
        because=sessions.STAFF_ENDED,
    )
    return _back(staff, theming.gettext("%(name)s is signed out.", name=staff.name) if done else "")


@bp.get("/<int:id>/second-factor/delete")
@require_staff
@require_proof
def ask_second_factor(id: int) -> Response:
    """What follows, before it is done."""
    return _confirm("second_factor", _another(id))


@bp.post("/<int:id>/second-factor/delete")
@require_staff
@require_proof
def delete_second_factor(id: int) -> Response:
    staff = _another(id)
    done = people.forget_factor(staff, by=guards.actor(), now=g.now)
    return _back(
        staff, theming.gettext("%(name)s signs in without it and sets up another.", name=staff.name) if done else ""
    )


@bp.get("/<int:id>/delete")
@require_staff
@require_proof
def ask_delete(id: int) -> Response:
    """What follows, before it is done."""
    return _confirm("delete", _another(id))


@bp.post("/<int:id>/delete")
@require_staff
@require_proof
def delete(id: int) -> Response:
    staff = _another(id)
    try:
        removed = people.remove_staff(staff, by=guards.actor(), now=g.now)
    except (LastManager, NotAllowed):
        abort(403)
    if removed:
        guards.tell("good", theming.gettext("Removed %(name)s.", name=staff.name))
    return respond.see_other("admin_staff.index")


def _find(id: int) -> Staff:
    staff = people.staff_by_id(id) if id < LARGEST_ID else None
    if staff is None:
        abort(404)
    return staff


def _another(id: int) -> Staff:
    """Never oneself: nobody shuts themself out."""
    staff = _find(id)
    if staff.id == g.staff.id:
        abort(403)
    return staff


def _back(staff: Staff, text: str) -> Response:
    if text:
        guards.tell("good", text)
    return respond.see_other("admin_staff.show", id=staff.id)


def _confirm(page: str, staff: Staff) -> Response:
    return respond.page(f"admin/staff/{page}.html", current="settings", one=people.staff_view(staff, g.now, g.settings))


def _index(form: StaffForm, *, status: int = 200) -> Response:
    return respond.page(
        "admin/staff/index.html",
        status=status,
        invalid=status != 200,
        current="settings",
        place="people",
        everybody=[people.staff_view(one, g.now, g.settings) for one in people.all_staff()],
        me=g.staff.id,
        form=form,
        second_factor=g.settings.require_second_factor,
    )
