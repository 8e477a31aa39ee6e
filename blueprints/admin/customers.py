"""Customers: the list, and everything about one."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g

from billing import customers, history_shown, links
from blueprints import paging, respond
from blueprints.guards import require_staff

bp = Blueprint("admin_customers", __name__, url_prefix="/admin/customers")


@bp.get("")
@require_staff
def index() -> Response:
    which, q = paging.shown(customers.FILTERS, customers.ALL), paging.searched()
    found = customers.page(which, q=q, today=g.today, settings=g.settings, **paging.keys())
    return respond.page(
        "admin/customers/index.html",
        {"customers": "admin/customers/_list.html"},
        current="customers",
        show=which,
        q=q,
        rows=found.rows,
        any_at_all=bool(found.rows) or customers.exist(),
        **paging.neighbours("admin_customers.index", found.older, found.newer, show=which, q=q or None),
    )


@bp.get("/<public_id>")
@require_staff
def show(public_id: str) -> Response:
    customer = customers.one(public_id)
    if customer is None:
        abort(404)
    shown = customers.view(customer, now=g.now, today=g.today, settings=g.settings)
    return respond.page(
        "admin/customers/show.html",
        current="customers",
        customer=shown,
        history=history_shown.of_customer(shown.row_ids, shown.row_id),
        portal_url=links.portal(),
    )
