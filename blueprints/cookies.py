"""The cookie, the session it stands for, and the form token made from it.

One cookie for customers and one for staff, so that the merchant may be signed in as both and a preview can never
borrow staff rights: every path under /admin reads the staff cookie alone, every other path the customers' alone. A
preview has a third one, which goes before the customers' as long as it is live. All have `Path=/`, because the
`__Host-` prefix, which keeps other hosts of the domain from planting one, allows no other.

A cookie holds only a random token. A visitor who is not signed in gets one when a form is drawn, and no row: the form
token is a keyed hash of it. Signing in always makes a new token.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from hmac import compare_digest
from typing import Any, cast

from flask import Flask, Request, Response, current_app, g, request
from flask import session as flask_session
from flask.sessions import SessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, login_user, logout_user

from billing import history, links, sessions
from environ import Environ
from models import BillingGroup, Person, Session, Staff

CUSTOMERS, STAFF, PREVIEW = "portal", "portal_staff", "portal_preview"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
USER = "_user_id"  # where Flask-Login keeps what `Visitor.get_id` gives: our token
SECRET_BYTES = 32


class Visitor(UserMixin):  # type: ignore[misc]
    """A signed-in browser, as Flask-Login wants it."""

    def __init__(self, token: str, session: Session) -> None:
        self.token, self.session = token, session

    def get_id(self) -> str:
        return self.token


class Visit(dict[str, Any], SessionMixin):
    """Flask's session for one request. Only the token outlives it."""

    def __init__(self, name: str, arrived: str | None, preview: str | None = None) -> None:
        super().__init__({USER: arrived} if arrived else {})
        self.name, self.arrived = name, arrived
        self.preview, self.preview_ends = preview, False  # the preview's token, and whether its cookie is to go
        self.preview_begins: str | None = None  # the token of one that begins with this answer
        self.lifetime: timedelta | None = None  # None: until the browser is closed

    @property
    def token(self) -> str | None:
        return self.get(USER)

    def keep_token(self) -> str:
        """The token, made now for a visitor who has none."""
        if not self.token:
            self[USER] = sessions.new_token()
        return str(self.token)

    @property
    def looking(self) -> str | None:
        """The preview's token, where this request is a look."""
        return None if self.name == STAFF or self.preview_ends else self.preview


class Cookies(SessionInterface):
    """Takes the token out of the cookie of the path's audience, and puts a new one in."""

    def __init__(self, secure: bool) -> None:
        self.secure = secure
        self.prefix = "__Host-" if secure else ""

    def open_session(self, app: Flask, request: Request) -> Visit:
        name = STAFF if is_staff_path(request.path) else CUSTOMERS
        arrived = request.cookies.get(self.prefix + name, "")
        preview = request.cookies.get(self.prefix + PREVIEW, "")
        return Visit(name, arrived if TOKEN.fullmatch(arrived) else None, preview if TOKEN.fullmatch(preview) else None)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        visit = cast(Visit, session)
        options: dict[str, Any] = {"path": "/", "secure": self.secure, "httponly": True, "samesite": "Lax"}
        if visit.preview_begins:
            response.set_cookie(self.prefix + PREVIEW, visit.preview_begins, **options)
        elif visit.preview_ends and visit.preview:
            response.delete_cookie(self.prefix + PREVIEW, **options)
        if visit.token == visit.arrived:
            return
        if visit.token:
            response.set_cookie(self.prefix + visit.name, visit.token, max_age=visit.lifetime, **options)
        else:
            response.delete_cookie(self.prefix + visit.name, **options)


def is_staff_path(path: str) -> bool:
    return path == "/admin" or path.startswith("/admin/")


def install(app: Flask, environ: Environ) -> None:
    """Sessions and Flask-Login for the app."""
    # Flask-Login reads a signed cookie that we never make; its key is nobody else's.
    app.config["SECRET_KEY"] = links.digest("flask", "")
    app.session_interface = Cookies(environ.secure)
    manager = LoginManager(app, add_context_processor=False)  # rows do not belong into templates
    manager.session_protection = None
    manager.user_loader(_load)


def _load(token: str) -> Visitor | None:
    session = sessions.find(token, g.now)
    if session is None or session.preview or (session.staff is not None) != (visit().name == STAFF):
        return None
    return Visitor(token, session)


def preview() -> Session | None:
    """The live preview that this browser's third cookie stands for. Staff pages do not ask."""
    token = visit().preview
    session = sessions.find(token, g.now) if token else None
    return session if session is not None and session.preview else None


def begin_preview(staff: Staff, group: BillingGroup) -> None:
    """Let this browser look at the customers' pages of a group; whoever it is signed in as stays so.

    One that it looked at before is over.
    """
    before = preview()
    if before is not None and before.staff == staff:
        sessions.end(before, now=g.now)
    visit().preview_begins = sessions.begin_preview(
        staff, group, now=g.now, agent=request.user_agent.string, address=request.remote_addr or ""
    )


def end_preview(session: Session, by: history.Actor) -> None:
    sessions.end(session, now=g.now, by=by)
    drop_preview()


def drop_preview() -> None:
    """Take the third cookie away with this answer."""
    visit().preview_ends = True


def visit() -> Visit:
    return cast(Visit, flask_session._get_current_object())  # type: ignore[attr-defined]


def sign_in(
    who: Person | Staff, *, way: str = "", remembered: bool = False, passing: bool = False, stage: str = ""
) -> Session:
    """Begin a session for this browser and give it a new token; one it was signed in with ends.

    `way`: link, code, password, passkey, command. `stage`: what is still owed ("factor", "change").
    """
    if visit().name == (STAFF if isinstance(who, Staff) else CUSTOMERS):
        before = g.get("session")
    else:  # staff come in by a link whose path is the customers' too: their cookie is not the one that was read
        before = _of_staff()
    if before is not None:
        sessions.end(before, now=g.now)
    days = g.settings.remember_days
    token = sessions.begin(
        who,
        now=g.now,
        remembered=remembered,
        agent=request.user_agent.string,
        way=way,
        address=request.remote_addr or "",
        passing=passing,
        stage=stage,
        remember_days=days,
    )
    session = sessions.find(token, g.now)
    if session is None:
        raise RuntimeError("a session that has just begun was not found")
    current = visit()
    if isinstance(who, Staff):
        current.name, current.arrived = STAFF, None
    current.lifetime = timedelta(days=days) if session.remembered and not stage else None
    login_user(Visitor(token, session))
    return session


def _of_staff() -> Session | None:
    """The live session of this browser's staff cookie, whatever the path."""
    token = request.cookies.get(cast(Cookies, current_app.session_interface).prefix + STAFF, "")
    session = sessions.find(token, g.now) if TOKEN.fullmatch(token) else None
    return session if session is not None and session.staff is not None and not session.preview else None


def sign_out() -> None:
    """End this browser's session and take its cookie away."""
    if g.session is not None:
        sessions.end(g.session, now=g.now)
    logout_user()


# --- Form tokens ------------------------------------------------------------------------------------------------------


def csrf_token() -> str:
    """The form token of this browser, masked anew each time so that compression cannot tell it (BREACH).

    A preview's forms bear tokens of its own: none of them can be sent as somebody signed in besides.
    """
    pad = secrets.token_bytes(SECRET_BYTES)
    return urlsafe_b64encode(pad + _xor(pad, _secret(visit().looking or visit().keep_token()))).decode()


def token_fits(given: str | None) -> bool:
    """Whether a form token was made for this browser."""
    token = visit().looking or visit().token
    if not given or not token or not given.isascii():
        return False
    try:
        raw = urlsafe_b64decode(given)
    except ValueError:
        return False
    return len(raw) == 2 * SECRET_BYTES and compare_digest(_xor(raw[:SECRET_BYTES], raw[SECRET_BYTES:]), _secret(token))


def _secret(token: str) -> bytes:
    return bytes.fromhex(links.digest("csrf", token))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
