"""Home: what wants doing, what is to pay, what comes next."""

from __future__ import annotations

from flask import Blueprint, Response

from blueprints import respond
from blueprints.guards import require_person

bp = Blueprint("home", __name__)


@bp.get("/")
@require_person
def show() -> Response:
    return respond.page("home/show.html", current="home")
