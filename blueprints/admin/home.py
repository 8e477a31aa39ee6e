"""Today: what came in, what is owed, what needs somebody, the portal's address, the first steps."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g

from billing import doctor, inbox, links, today
from blueprints import respond
from blueprints.guards import require_staff

bp = Blueprint("admin_home", __name__, url_prefix="/admin")

FIRST_TO_DO = 5


@bp.get("")
@require_staff
def show() -> Response:
    """Sums over indexes that hold only what is summed, so that a million invoices cost no more than a few."""
    to_do = inbox.page(limit=FIRST_TO_DO)
    return respond.page(
        "admin/home/show.html",
        current="today",
        came_in=today.came_in(today=g.today, settings=g.settings),
        owed=today.owed(today=g.today),
        items=to_do.items,
        more_to_do=bool(to_do.older),
        waiting=today.waiting(),
        steps=today.first_steps(g.settings),
        portal_on=g.settings.portal_enabled,
        portal_url=links.portal(),
        mail_kept=doctor.mail_is_kept(current_app.extensions["environ"]),
    )
