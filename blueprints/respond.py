"""How a view answers: page or fragment, refusals, redirects, files. The one place that reads htmx's headers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app, g, render_template, request, url_for
from htmx_flask import Htmx, make_response
from werkzeug.exceptions import HTTPException

ERROR_PAGES = (400, 403, 404, 405, 409, 413, 422, 429, 500, 503)


class Fragment(Response):
    """An answer that htmx may put into the page."""


def install(app: Flask) -> None:
    """htmx's request headers and the error pages."""
    Htmx(app)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(500, _broken)


def wants_fragment() -> bool:
    """Whether htmx asks for a piece of this page; a whole page is the answer to everything else."""
    return bool(request.htmx) and request.headers.get("HX-Request-Type") == "partial"  # type: ignore[attr-defined]


def page(
    template: str, partial: str | Mapping[str, str] | None = None, *, status: int = 200, **context: Any
) -> Response:
    """The page, or to htmx its partial.

    `partial` may be one template, or one for each target's id ({"list": "invoices/_list.html"}); a target that is not
    named gets the whole page, a request without one the first. Partials are rendered with `fragment=True`: one that
    pushes an address begins with `{% if fragment %}<title>…</title>{% endif %}`.
    """
    return _answer(template, partial, status, context)


def invalid(partial: str, *, page: str, **context: Any) -> Response:
    """422: the form again with everything that was typed and what is wrong with it."""
    return _answer(page, partial, 422, {"invalid": True, **context})


def see_other(endpoint: str, **values: Any) -> Response:
    """After a change: 303 to a page; to htmx 200 with that page's partial for the same target, and its address.

    The view behind `endpoint` answers in this same request, guards included. Where it has no partial for the target,
    htmx opens the page whole.
    """
    address = url_for(endpoint, **values)
    if not wants_fragment():
        return redirect(address)
    rule = next(current_app.url_map.iter_rules(endpoint))
    answer = current_app.make_response(
        current_app.ensure_sync(current_app.view_functions[endpoint])(
            **{k: v for k, v in values.items() if k in rule.arguments}
        )
    )
    if not isinstance(answer, Fragment) or answer.status_code != 200:
        return redirect(address)
    answer.headers["HX-Push-Url"] = address
    return answer


def redirect(address: str) -> Response:
    """303 to an address of ours; htmx opens it as a whole page."""
    if request.htmx:  # type: ignore[attr-defined]
        answer: Response = make_response("", 200, redirect=address)
    else:
        answer = Response(status=303, headers={"Location": address})
    answer.vary.add("HX-Request")
    return answer


def sign_in(address: str) -> Response:
    """Not signed in: 303 to the sign-in page; to htmx 401 with HX-Redirect, never a sign-in page inside a table."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(address)
    answer: Response = make_response("", 401, redirect=address)
    answer.vary.add("HX-Request")
    return answer


def refused(status: int, reason: str = "", **context: Any) -> Response:
    """A refusal (403, 404, 409, …) as a page, or to htmx as a note in the alert region. `reason` is ready words."""
    known = status if status in ERROR_PAGES else (400 if status < 500 else 500)
    if request.htmx:  # type: ignore[attr-defined]
        answer: Response = Fragment(
            render_template("errors/_refused.html", status=known, reason=reason, **context), status
        )
        answer.headers["HX-Retarget"] = "#alert"
        answer.headers["HX-Reswap"] = "innerHTML"
    else:
        answer = current_app.make_response((render_template(f"errors/{known}.html", reason=reason, **context), status))
    answer.vary.add("HX-Request")
    return answer


def unavailable() -> Response:
    """503: the portal, or this customer's part of it, is closed just now. Needs no database."""
    return _bare("errors/unavailable.html", 503)


def file(content: bytes, name: str, media_type: str, *, download: bool = True) -> Response:
    """A file by its readable name, with an ETag of its content: asked for again, it costs 304.

    A name from a document may say anything: folders before it, and what turns its letters round, stay behind.
    """
    name = "".join(mark for mark in name.replace("\\", "/").rsplit("/", 1)[-1] if mark.isprintable()) or "file"
    answer = Response(content, mimetype=media_type)
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", name)
    kind = "attachment" if download else "inline"
    answer.headers["Content-Disposition"] = f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(hashlib.sha256(content).hexdigest()[:32])
    answer.make_conditional(request)
    return answer


def _answer(
    template: str, partial: str | Mapping[str, str] | None, status: int, context: Mapping[str, Any]
) -> Response:
    name = _partial_for(partial)
    if name and wants_fragment():
        answer: Response = Fragment(render_template(name, fragment=True, **context), status=status)
    else:
        answer = current_app.make_response((render_template(template, fragment=False, **context), status))
    answer.vary.add("HX-Request")
    return answer


def _partial_for(partial: str | Mapping[str, str] | None) -> str | None:
    if partial is None or isinstance(partial, str):
        return partial
    if (target := request.headers.get("HX-Target")) is None:
        return partial.get("") or next(iter(partial.values()))
    return partial.get(target.rpartition("#")[2])  # htmx 4 writes "section#list"; htmx-flask reads htmx 2's


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None or status < 400:
        return current_app.make_response(error.get_response(request.environ))
    if status >= 500:
        return _bare("errors/unavailable.html" if status == 503 else "errors/500.html", status)
    answer = refused(status)
    for header, value in error.get_headers(request.environ):
        if header != "Content-Type":  # Allow, Retry-After
            answer.headers[header] = value
    return answer


def _broken(error: Exception) -> Response:
    return _bare("errors/500.html", 500)


def _bare(template: str, status: int) -> Response:
    """A page without anybody's name: what it needs must work when the database does not."""
    text = current_app.jinja_env.get_template(template).render(
        merchant=g.get("merchant"), language=g.get("language", "en")
    )
    return Response(text, status=status, mimetype="text/html", headers={"Cache-Control": "no-store"})
