"""Staff's look at a company's pages: how it ends. It begins under /admin."""

from __future__ import annotations

from flask import Blueprint, Response, g

from blueprints import cookies, respond
from blueprints.guards import actor

bp = Blueprint("preview", __name__, url_prefix="/preview")


@bp.post("/end")
def delete() -> Response:
    """Back to where the look began. One that ended by itself leads to the merchant's home."""
    if not g.preview:
        return respond.redirect("/admin")
    cookies.end_preview(g.session, actor())
    return respond.redirect(f"/admin/customers/{g.group.customer.public_id}/groups/{g.group.public_id}")
