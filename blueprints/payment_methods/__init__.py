"""Ways to pay: what is kept, by its masked name."""

from __future__ import annotations

from flask import Blueprint, Response, g

from billing import payment_methods
from blueprints import respond
from blueprints.guards import require_person

bp = Blueprint("payment_methods", __name__, url_prefix="/payment-methods")


@bp.get("")
@require_person
def index() -> Response:
    return respond.page(
        "payment_methods/index.html", current="payment_methods", methods=payment_methods.kept(g.group.id)
    )
