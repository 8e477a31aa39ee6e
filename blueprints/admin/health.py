"""Health: what the doctor finds, and the letters that could not be sent."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g

from billing import customers, doctor
from blueprints import respond
from blueprints.guards import require_staff
from documents import pdf
from models import Letter

bp = Blueprint("admin_health", __name__, url_prefix="/admin/health")


@bp.get("")
@require_staff
def show() -> Response:
    findings = doctor.check(g.now, env=current_app.extensions["environ"], undrawable=pdf.missing)
    return respond.page(
        "admin/health/show.html",
        current="settings",
        place="health",
        findings=findings,
        worst=doctor.worst(findings),
        letters=customers.letters_where(Letter.state == Letter.FAILED, limit=customers.PAGE),
    )
