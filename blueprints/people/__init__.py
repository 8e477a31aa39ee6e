"""People with access to the account looked at: who manages it lets others in, says how far they go, puts them out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g

import theming
from billing import groups, invitations, people
from billing.errors import BadRule, LastManager, NotAllowed
from blueprints import guards, inviting, respond
from blueprints.guards import require_proof, require_role
from blueprints.inviting import CompanyForm, InviteForm, TermsForm, terms_of
from blueprints.throttles import limited, signed_in
from models import Person, SignIn

bp = Blueprint("people", __name__, url_prefix="/account/people")


@bp.get("")
@require_role("manage")
@require_proof
def index() -> Response:
    guards.need("manage", g.group)
    return _index(InviteForm(formdata=None, company=g.group.public_id, role=InviteForm.USUAL))


@bp.get("/<id>")
@require_role("manage")
@require_proof
def show(id: str) -> Response:
    _, seen = _find(id)
    return _show(seen, TermsForm(formdata=None, company=g.group.public_id, **terms_of(seen.role, seen.until)))


@bp.post("/<id>")
@require_role("manage")
@require_proof
def update(id: str) -> Response:
    person, seen = _find(id)
    form = TermsForm()
    if not _is_of_this(form):
        return _elsewhere()
    if not form.validate():
        return _show(seen, form, status=422)
    try:
        changed = people.give_role(
            person, g.group, form.role.data, form.ends_at, by=guards.actor(), now=g.now, settings=g.settings
        )
    except LastManager:
        form.role.errors = [inviting.LAST_MANAGER]
        return _show(seen, form, status=422)
    except NotAllowed as refusal:
        if refusal.code == "beyond_pass":
            form.until.errors = [inviting.BEYOND_PASS]
            return _show(seen, form, status=422)
        return _again(theming.gettext("They may not see this account any more. Nothing was changed."))
    if changed:
        guards.tell("good", theming.gettext("Changed what %(name)s may do.", name=person.name))
    return respond.see_other("people.index")


@bp.get("/<id>/delete")
@require_role("manage")
@require_proof
def ask_delete(id: str) -> Response:
    """What follows, before it is done."""
    _, seen = _find(id)
    return _confirm(seen)


@bp.post("/<id>/delete")
@require_role("manage")
@require_proof
def delete(id: str) -> Response:
    person, seen = _find(id)
    if not _is_of_this(CompanyForm()):
        return _elsewhere()
    try:
        removed = people.remove(person, g.group, by=guards.actor(), now=g.now, settings=g.settings)
    except LastManager:
        return _confirm(seen, problems=[("", theming.gettext(inviting.LAST_MANAGER))])
    except NotAllowed:
        abort(403)
    if removed:
        guards.tell("good", theming.gettext("Removed %(name)s. You can put them back below.", name=person.name))
    return respond.redirect("/" if person.id == g.person.id else "/account/people")


@bp.post("/<id>/return")
@require_role("manage")
@require_proof
def create_return(id: str) -> Response:
    """Put back somebody who was removed."""
    person, _ = _find(id)
    if not _is_of_this(CompanyForm()):
        return _elsewhere()
    try:
        if people.bring_back(person, g.group, by=guards.actor(), now=g.now):
            guards.tell("good", theming.gettext("%(name)s may see this account again.", name=person.name))
    except NotAllowed:
        abort(403)
    return respond.see_other("people.index")


# --- Invitations ------------------------------------------------------------------------------------------------------


@bp.post("/invitations")
@require_role("manage")
@require_proof
@limited("invitations", (10, "minute"), (60, "hour"), key=signed_in)
def create_invitation() -> Response:
    guards.need("manage", g.group)
    form = InviteForm()
    if not _is_of_this(form):
        return _elsewhere()
    if not form.validate():
        return _index(form, status=422)
    if people.has_place(form.email.data, g.group, g.now, g.settings):
        form.email.errors = [inviting.IN_ALREADY]
        return _index(form, status=422)
    try:
        row = invitations.invite(
            g.group,
            form.email.data,
            form.role.data,
            name=form.name.data or "",
            until=form.ends_at,
            by=guards.actor(),
            now=g.now,
        )
    except BadRule:
        form.form_errors = [inviting.CONTRACT_ENDED]
        return _index(form, status=422)
    except NotAllowed as refusal:
        if refusal.code != "beyond_pass":
            abort(403)
        form.until.errors = [inviting.BEYOND_PASS]
        return _index(form, status=422)
    guards.tell("good", theming.gettext("The invitation is on its way to %(email)s.", email=row.email))
    return respond.see_other("people.index")


@bp.post("/invitations/<int:id>/resends")
@require_role("manage")
@require_proof
@limited("invitations", (10, "minute"), (60, "hour"), key=signed_in)
def resend_invitation(id: int) -> Response:
    row = _invitation(id)
    if not _is_of_this(CompanyForm()):
        return _elsewhere()
    try:
        again = invitations.resend(row, by=guards.actor(), now=g.now)
    except BadRule:
        return _again(theming.gettext(inviting.CONTRACT_ENDED))
    except NotAllowed:
        abort(403)
    if again is None:
        return _again(theming.gettext("That invitation is over. Nothing was sent."))
    guards.tell("good", theming.gettext("The invitation is on its way to %(email)s.", email=row.email))
    return respond.see_other("people.index")


@bp.post("/invitations/<int:id>/delete")
@require_role("manage")
@require_proof
def delete_invitation(id: int) -> Response:
    row = _invitation(id)
    if not _is_of_this(CompanyForm()):
        return _elsewhere()
    try:
        if invitations.withdraw(row, by=guards.actor(), now=g.now):
            guards.tell("good", theming.gettext("The invitation of %(email)s opens nothing now.", email=row.email))
    except NotAllowed:
        abort(403)
    return respond.see_other("people.index")


# --- Parts ------------------------------------------------------------------------------------------------------------


def _find(id: str) -> tuple[Person, people.GroupPerson]:
    """Somebody of the account looked at, through it alone."""
    guards.need("manage", g.group)
    person = people.one_of_group(g.group, id, g.now, g.settings)
    seen = [one for one in people.people_of_group(g.group, g.now, g.settings) if one.id == id]
    if person is None or not seen:
        abort(404)
    return person, seen[0]


def _invitation(id: int) -> SignIn:
    guards.need("manage", g.group)
    row = invitations.one(g.group, id)
    if row is None:
        abort(404)
    return row


def _is_of_this(form: CompanyForm) -> bool:
    """Whether the form was drawn for the account looked at now: another tab may have switched."""
    return bool(form.company.data == g.group.public_id)


def _elsewhere() -> Response:
    return _again(
        theming.gettext("You are now looking at %(company)s. Nothing was changed; look again.", company=g.group.name)
    )


def _again(text: str) -> Response:
    guards.tell("warn", text)
    return respond.see_other("people.index")


def _index(form: InviteForm, *, status: int = 200) -> Response:
    seen = people.people_of_group(g.group, g.now, g.settings)
    return respond.page(
        "people/index.html",
        status=status,
        invalid=status != 200,
        current="account",
        people=seen,
        invitations=invitations.open_of(g.group, g.now),
        form=form,
        me=g.person.public_id,
        company=g.group.public_id,
        contract_ended=groups.has_ended(g.group, g.today),
    )


def _show(seen: people.GroupPerson, form: TermsForm, *, status: int = 200) -> Response:
    if seen.state != people.IN:
        abort(404)
    context: dict[str, Any] = {"one": seen, "form": form, "me": g.person.public_id}
    return respond.page("people/show.html", status=status, invalid=status != 200, current="account", **context)


def _confirm(seen: people.GroupPerson, problems: list[tuple[str, str]] | None = None) -> Response:
    if seen.state != people.IN:
        abort(404)
    return respond.page(
        "people/delete.html",
        status=422 if problems else 200,
        invalid=bool(problems),
        current="account",
        one=seen,
        me=g.person.public_id,
        company=g.group.public_id,
        problems=problems or [],
    )
