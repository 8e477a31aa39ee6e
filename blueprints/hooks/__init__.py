"""Where payment providers tell us things: verify, store once, 200. What it means is looked up by a job."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, request

from billing import events
from blueprints.guards import takes_up_to

MOST_BYTES = 256 * 1024  # GoCardless tells up to 250 events at once, each well under a kilobyte

bp = Blueprint("hooks", __name__)


@bp.post("/hooks/<gateway>")
@takes_up_to(MOST_BYTES)
def create(gateway: str) -> Response:
    """200 once it is stored (the provider need not tell again), 400 for a signature that is not theirs."""
    body = request.get_data(cache=False)
    try:
        events.receive(gateway, body, dict(request.headers), now=g.now)
    except events.UnknownHook:
        abort(404)
    except events.BadHook:
        return Response("bad signature\n", status=400, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
