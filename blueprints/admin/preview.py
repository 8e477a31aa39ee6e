"""Look at a company's pages as its customers see them."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, request

from blueprints import cookies, respond
from blueprints.guards import require_staff
from models import BillingGroup, Customer

bp = Blueprint("admin_preview", __name__, url_prefix="/admin/preview")


@bp.post("")
@require_staff
def create() -> Response:
    """Begin, for half an hour. Nobody needs to have access yet, and the portal may be off."""
    wanted = request.form.get("group", "")
    rows = BillingGroup.select(BillingGroup, Customer).join(Customer).where(BillingGroup.public_id == wanted)
    group = rows.first() if wanted.isprintable() else None
    if group is None:
        abort(404)
    cookies.begin_preview(g.staff, group)
    return respond.redirect("/")
