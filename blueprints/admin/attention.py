"""To do: what needs somebody, and what was done about it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, request, url_for

import theming
from billing import attention, inbox
from billing.payments import guests
from blueprints import guards, respond
from blueprints.guards import require_staff
from models import Attention

bp = Blueprint("admin_attention", __name__, url_prefix="/admin/attention")


@bp.get("")
@require_staff
def index() -> Response:
    settled = request.args.get("show") == "done"
    found = inbox.page(settled=settled, after=request.args.get("after", ""))
    show = "done" if settled else None
    return respond.page(
        "admin/attention/index.html",
        {"to-do": "admin/attention/_list.html"},
        current="attention",
        settled=settled,
        items=found.items,
        older_url=url_for("admin_attention.index", show=show, after=found.older) if found.older else None,
        newer_url=url_for("admin_attention.index", show=show) if found.newer else None,
    )


@bp.post("/<int:id>")
@require_staff
def update(id: int) -> Response:
    """Done: it leaves the list and stays in the record. Pressed twice, it is done once."""
    row = Attention.get_or_none(Attention.id == id) if id < 2**31 else None
    if row is None:
        abort(404)
    if row.kind in attention.BY_DECISION:
        return respond.refused(409, theming.gettext("This waits for a decision: decide it, and it leaves the list."))
    if row.kind == guests.CARD_TESTING:
        guests.open_again(row, by=guards.actor(), now=g.now)
    else:
        attention.settle(id, by=g.staff, now=g.now)
    guards.tell("good", theming.gettext("Done."))
    return respond.see_other("admin_attention.index")
