"""People of one account, as the merchant's people let them in, say how far they go, and put them out."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g

import theming
from billing import groups, invitations, people
from billing.errors import BadRule, NotAllowed
from blueprints import guards, inviting, respond
from blueprints.guards import require_proof, require_staff
from blueprints.inviting import InviteForm, TermsForm, terms_of
from blueprints.throttles import limited, signed_in
from models import BillingGroup, Person, SignIn

bp = Blueprint("admin_members", __name__, url_prefix="/admin/customers/<customer>/groups/<group>")


@bp.get("/people/<id>")
@require_staff
@require_proof
def show(customer: str, group: str, id: str) -> Response:
    found, _, seen = _find(customer, group, id)
    return _show(found, seen, TermsForm(formdata=None, **terms_of(seen.role, seen.until)))


@bp.post("/people/<id>")
@require_staff
@require_proof
def update(customer: str, group: str, id: str) -> Response:
    found, person, seen = _find(customer, group, id)
    form = TermsForm()
    if not form.validate():
        return _show(found, seen, form, status=422)
    try:
        changed = people.give_role(
            person, found, form.role.data, form.ends_at, by=guards.actor(), now=g.now, settings=g.settings
        )
    except NotAllowed:
        return _back(found, theming.gettext("They may not see this account any more. Nothing was changed."), "warn")
    said = theming.gettext("Changed what %(name)s may do.", name=person.name)
    return _back(found, said if changed else "")


@bp.get("/people/<id>/delete")
@require_staff
@require_proof
def ask_delete(customer: str, group: str, id: str) -> Response:
    """What follows, before it is done."""
    found, _, seen = _find(customer, group, id)
    if seen.state != people.IN:
        abort(404)
    return respond.page(
        "admin/access/delete_person.html", current="customers", group=groups.view(found, g.today), one=seen
    )


@bp.post("/people/<id>/delete")
@require_staff
@require_proof
def delete(customer: str, group: str, id: str) -> Response:
    found, person, _ = _find(customer, group, id)
    removed = people.remove(person, found, by=guards.actor(), now=g.now, settings=g.settings)
    said = theming.gettext("Removed %(name)s. You can put them back below.", name=person.name)
    return _back(found, said if removed else "")


@bp.post("/people/<id>/return")
@require_staff
@require_proof
def create_return(customer: str, group: str, id: str) -> Response:
    """Put back somebody who was removed."""
    found, person, _ = _find(customer, group, id)
    back = people.bring_back(person, found, by=guards.actor(), now=g.now)
    return _back(found, theming.gettext("%(name)s may see this account again.", name=person.name) if back else "")


# --- Invitations ------------------------------------------------------------------------------------------------------


@bp.get("/invitations/new")
@require_staff
@require_proof
def new_invitation(customer: str, group: str) -> Response:
    return _invite(_group(customer, group), InviteForm(formdata=None, role=InviteForm.USUAL))


@bp.post("/invitations")
@require_staff
@require_proof
@limited("letters by staff", (20, "minute"), (200, "hour"), key=signed_in)
def create_invitation(customer: str, group: str) -> Response:
    found, form = _group(customer, group), InviteForm()
    if not form.validate():
        return _invite(found, form, status=422)
    if people.has_place(form.email.data, found, g.now, g.settings):
        form.email.errors = [inviting.IN_ALREADY]
        return _invite(found, form, status=422)
    try:
        row = invitations.invite(
            found,
            form.email.data,
            form.role.data,
            name=form.name.data or "",
            until=form.ends_at,
            by=guards.actor(),
            now=g.now,
        )
    except BadRule:
        form.form_errors = [inviting.CONTRACT_ENDED]
        return _invite(found, form, status=422)
    return _back(found, theming.gettext("The invitation is on its way to %(email)s.", email=row.email))


@bp.post("/invitations/<int:id>/resends")
@require_staff
@require_proof
@limited("letters by staff", (20, "minute"), (200, "hour"), key=signed_in)
def resend_invitation(customer: str, group: str, id: int) -> Response:
    found = _group(customer, group)
    row = _invitation(found, id)
    try:
        again = invitations.resend(row, by=guards.actor(), now=g.now)
    except BadRule:
        return _back(found, theming.gettext(inviting.CONTRACT_ENDED), "warn")
    if again is None:
        return _back(found, theming.gettext("That invitation is over. Nothing was sent."), "warn")
    return _back(found, theming.gettext("The invitation is on its way to %(email)s.", email=row.email))


@bp.post("/invitations/<int:id>/delete")
@require_staff
@require_proof
def delete_invitation(customer: str, group: str, id: int) -> Response:
    found = _group(customer, group)
    row = _invitation(found, id)
    done = invitations.withdraw(row, by=guards.actor(), now=g.now)
    said = theming.gettext("The invitation of %(email)s opens nothing now.", email=row.email)
    return _back(found, said if done else "")


# --- Parts ------------------------------------------------------------------------------------------------------------


def _group(customer: str, group: str) -> BillingGroup:
    found = groups.one(customer, group)
    if found is None:
        abort(404)
    return found


def _find(customer: str, group: str, id: str) -> tuple[BillingGroup, Person, people.GroupPerson]:
    found = _group(customer, group)
    person = people.one_of_group(found, id, g.now, g.settings)
    seen = [one for one in people.people_of_group(found, g.now, g.settings) if one.id == id]
    if person is None or not seen:
        abort(404)
    return found, person, seen[0]


def _invitation(group: BillingGroup, id: int) -> SignIn:
    row = invitations.one(group, id)
    if row is None:
        abort(404)
    return row


def _back(group: BillingGroup, text: str, tone: str = "good") -> Response:
    if text:
        guards.tell(tone, text)
    return respond.redirect(groups.staff_address(group, group.customer))


def _show(group: BillingGroup, seen: people.GroupPerson, form: TermsForm, *, status: int = 200) -> Response:
    return respond.page(
        "admin/access/person.html",
        status=status,
        invalid=status != 200,
        current="customers",
        group=groups.view(group, g.today),
        one=seen,
        form=form,
    )


def _invite(group: BillingGroup, form: InviteForm, *, status: int = 200) -> Response:
    return respond.page(
        "admin/access/invite.html",
        status=status,
        invalid=status != 200,
        current="customers",
        group=groups.view(group, g.today),
        form=form,
    )
