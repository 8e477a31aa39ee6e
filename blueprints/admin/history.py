"""History: who did what when, newest first."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from billing import history_shown
from blueprints import respond
from blueprints.guards import require_staff

bp = Blueprint("admin_history", __name__, url_prefix="/admin/history")


@bp.get("")
@require_staff
def index() -> Response:
    after = request.args.get("after", "")
    found = history_shown.everything(after)
    return respond.page(
        "admin/history/index.html",
        current="settings",
        place="history",
        lines=found.lines,
        older_url=url_for("admin_history.index", after=found.older) if found.older else None,
        newer_url=url_for("admin_history.index") if after else None,
    )
