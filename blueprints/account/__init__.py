"""Details: who the customer is to the merchant, and who may see their account."""

from __future__ import annotations

from flask import Blueprint, Response, g

from billing import access, groups
from blueprints import respond
from blueprints.guards import require_person
from models import Membership

bp = Blueprint("account", __name__, url_prefix="/account")


@bp.get("")
@require_person
def show() -> Response:
    return respond.page(
        "account/show.html",
        current="account",
        party=groups.addressee(g.group),
        members=access.members(g.group, g.now),
        can_manage=access.goes_as_far_as(g.role, Membership.MANAGE),
    )
