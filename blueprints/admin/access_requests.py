"""Access requests: somebody asks to see a company's account; staff allow or refuse it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g
from wtforms import StringField

import theming
from billing import groups, people, requests
from billing.errors import BadRule
from blueprints import guards, inviting, respond
from blueprints.forms import Form
from blueprints.guards import require_proof, require_staff
from models import AccessRequest

bp = Blueprint("admin_access_requests", __name__, url_prefix="/admin/access-requests")

ALLOW, REFUSE = "allow", "refuse"


class DecisionForm(Form):
    """Which button, and how far they may go."""

    decision = StringField()
    role = StringField()


@bp.get("/<id>")
@require_staff
def show(id: str) -> Response:
    return _show(_find(id))


@bp.post("/<id>")
@require_staff
@require_proof
def update(id: str) -> Response:
    """Yes or no, once: pressed twice, or by two, the first counts."""
    request, form = _find(id), DecisionForm()
    allowed = form.decision.data == ALLOW
    if not form.validate() or form.decision.data not in (ALLOW, REFUSE):
        return _show(request, theming.gettext("Choose whether they may see the account."))
    if allowed and form.role.data not in people.RANK:
        return _show(request, theming.gettext(inviting.NO_ROLE))
    try:
        if allowed:
            done = requests.decide(request, True, form.role.data, by=guards.actor(), now=g.now)
        else:
            done = requests.decide(request, False, by=guards.actor(), now=g.now)
    except BadRule:
        return _show(request, theming.gettext(inviting.CONTRACT_ENDED))
    if not done:
        guards.tell("warn", theming.gettext("That was decided before. Nothing was changed."))
        return respond.see_other("admin_access_requests.show", id=id)
    company = request.group.name
    said = (
        theming.gettext("%(email)s may see %(company)s now, and is told so.", email=request.email, company=company)
        if allowed
        else theming.gettext(
            "%(email)s is told that %(company)s was not opened to them.", email=request.email, company=company
        )
    )
    guards.tell("good", said)
    people_page = f"{groups.staff_address(request.group, request.group.customer)}#people"
    return respond.redirect(people_page if allowed else "/admin/attention")


def _find(id: str) -> AccessRequest:
    request = requests.one(id)
    if request is None:
        abort(404)
    return request


def _show(request: AccessRequest, problem: str = "") -> Response:
    return respond.page(
        "admin/requests/show.html",
        status=422 if problem else 200,
        invalid=bool(problem),
        current="attention",
        asked=requests.view(request, g.now),
        problems=[("", problem)] if problem else [],
    )
