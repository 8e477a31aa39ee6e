"""Whether this process serves: for load balancers and watchdogs, not for people."""

from __future__ import annotations

from flask import Blueprint, Response
from peewee import PeeweeException

import database

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def show() -> Response:
    """200 while the database answers, else 503."""
    try:
        database.connect()
        database.db.execute_sql("SELECT 1")
    except PeeweeException:
        return Response("database away\n", status=503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
