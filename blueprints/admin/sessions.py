"""The browsers that a member of staff is signed in with. One's own alone."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g

import theming
from billing import sessions
from blueprints import guards, respond
from blueprints.guards import require_staff

bp = Blueprint("admin_sessions", __name__, url_prefix="/admin/settings/security/sessions")

HOME = "/admin/settings/security/sessions"
LARGEST_ID = 2**31  # of a row's number


@bp.get("")
@require_staff
def index() -> Response:
    return respond.page(
        "admin/security/sessions.html",
        current="settings",
        place="security",
        sessions=sessions.shown(g.staff, g.now, this=g.session),
        sessions_path=HOME,
    )


@bp.post("/<int:id>/end")
@require_staff
def delete(id: int) -> Response:
    session = sessions.one(g.staff, id, g.now) if id < LARGEST_ID else None
    if session is None:
        abort(404)
    sessions.end(session, now=g.now, by=guards.actor(), because=sessions.ELSEWHERE)
    guards.tell("good", theming.gettext("That browser is signed out."))
    return respond.redirect(HOME)


@bp.post("/end")
@require_staff
def delete_others() -> Response:
    """Every browser but this one."""
    sessions.end_all(g.staff, now=g.now, but=g.session, by=guards.actor())
    guards.tell("good", theming.gettext("Every other browser of yours is signed out."))
    return respond.redirect(HOME)
