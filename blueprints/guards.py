"""Who may come in: what every request knows (`g`), what views ask for before they begin, and where one may be led to.

Known in every request: `g.now g.today g.settings g.language g.timezone g.merchant`, and `g.session g.person g.staff
g.places g.group g.role`, which are None (places: empty) where nobody is signed in. `g.role` is that in `g.group`.
`g.owing` is who has begun to sign in and still owes what `g.stage` says; they are nobody else meanwhile. `g.preview`:
staff look at a group's pages as its customers see them, and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlencode, urlsplit

from flask import Response, abort, current_app, g, request
from flask_login import current_user

import theming
from billing import access, attention, dates, history, merchant, second_factors, sessions, settings
from billing.settings import OPEN
from blueprints import cookies, respond
from models import BillingGroup, Membership, Person, Session
from records import GroupView, PersonView, PreviewView

Parameters = ParamSpec("Parameters")
Anything = TypeVar("Anything", bound=Callable[..., object])

LONGEST_NEXT = 1000
WITHOUT_COMPANY = "/welcome"
ALWAYS_OPEN = ("health.", "hooks.", "static")  # endpoints that need no portal, no session and no settings
# A link signs in customers and staff alike: the view looks at whose it is before it says that the portal is closed.
# Guests' links follow a switch of their own.
DECIDES_ITSELF = (
    *("login.link", "login.use_link"),
    *("pay.show", "pay.create_sign_in", "pay.create", "pay.show_payment"),
    *("pay.create_cancellation", "pay.create_repetition"),
)
SAFE = ("GET", "HEAD", "OPTIONS")
END_OF_PREVIEW = "/preview/end"
# What is open to somebody who has begun to sign in, by what they still owe: the page that asks for it stands first.
STILL_OPEN = {
    Session.FACTOR: ("/admin/sign-in/factor", "/admin/sign-in/passkey", "/admin/sign-out"),
    Session.CHANGE: ("/account/password/new", "/sign-out"),
}
# Where everybody needs a second factor: what is open to staff who have none yet, the page that sets one up first.
OPEN_WITHOUT_FACTOR = ("/admin/settings/security", "/admin/settings/password", "/admin/prove", "/admin/sign-out")


# --- What every request knows -----------------------------------------------------------------------------------------


def look_around() -> Response | None:
    """Before every request: settings, who is there, where they are. An answer of its own while the portal is off."""
    g.now = dates.now()
    nobody()
    endpoint = request.endpoint or ""
    if endpoint.startswith(ALWAYS_OPEN):
        return None
    g.settings = settings.load()
    g.today = dates.day(g.now, g.settings.timezone)
    g.timezone = g.settings.timezone
    g.language = g.settings.language
    g.merchant = merchant.view(g.settings)
    for_staff = cookies.is_staff_path(request.path)
    if not for_staff and cookies.visit().preview:  # before the customers open: that is when a merchant looks
        looks = cookies.preview()
        if looks is not None and not access.is_locked(looks.staff, g.now, g.settings):
            _preview(looks)
            if request.method not in SAFE and request.path != END_OF_PREVIEW:
                return respond.refused(403, theming.gettext("This is a preview: you look, and nothing is changed."))
            return None
        cookies.drop_preview()
        if request.method not in SAFE:  # meant as a look: never carried out for whoever is signed in besides
            return respond.redirect("/admin") if request.path == END_OF_PREVIEW else _preview_is_over()
    if not for_staff and not g.settings.portal_enabled and endpoint not in DECIDES_ITSELF:
        return respond.unavailable()
    recognise()
    if g.stage and request.path not in STILL_OPEN[g.stage]:
        return respond.redirect(STILL_OPEN[g.stage][0])
    if _must_set_up_a_factor():
        return respond.redirect(OPEN_WITHOUT_FACTOR[0])
    return None


def _must_set_up_a_factor() -> bool:
    if g.staff is None or not g.settings.require_second_factor or request.path.startswith(OPEN_WITHOUT_FACTOR):
        return False
    return not second_factors.has_factor(g.staff)


def nobody() -> None:
    g.session = g.person = g.staff = g.group = g.role = g.owing = None
    g.places = ()
    g.preview, g.stage = False, Session.FULL


def recognise() -> None:
    """Take over whom the cookie stands for. A person whom no group is open to any more is nobody.

    But where everybody may enrol: there somebody without a company is somebody, and may ask for access.
    """
    nobody()
    if not current_user.is_authenticated:
        return
    session = current_user.session
    who = session.staff or session.person
    if access.is_locked(who, g.now, g.settings):
        return
    if session.stage:
        g.session, g.stage, g.owing = session, session.stage, who
    elif session.staff is not None:
        g.session, g.staff = session, session.staff
        g.language = g.settings.language
    else:
        g.places = access.groups(session.person, g.now, g.settings)
        if not g.places and g.settings.enrolment != OPEN:
            return
        g.session, g.person = session, session.person
        g.language = g.person.language or g.settings.language
        if g.places:
            current = next((place for place in g.places if place.group.id == session.group_id), g.places[0])
            g.group, g.role = current.group, current.role
    sessions.seen(session, g.now)


def _preview(session: Session) -> None:
    """Staff look: as somebody who may do everything in that one group. Nothing is noted about it being looked at."""
    group = session.group
    g.preview, g.session = True, session
    g.person = Person(id=0, public_id="", email=group.customer.email or "", name=group.name, created_at=g.now)
    g.places = (access.Place(group, Membership.MANAGE),)
    g.group, g.role = group, Membership.MANAGE


def _preview_is_over() -> Response:
    return respond.refused(403, theming.gettext("The preview is over. Nothing was changed."))


def actor() -> history.Actor:
    """Who acts in this request, and from where: for the history."""
    address = request.remote_addr or ""
    if g.preview or g.staff is not None:
        staff = g.staff or g.session.staff
        return history.Actor("staff", staff.id, address)
    if g.person is not None:
        return history.Actor("person", g.person.id, address)
    if g.owing is not None:
        return history.Actor("person" if isinstance(g.owing, Person) else "staff", g.owing.id, address)
    return history.Actor("visitor", None, address)


def group_view(group: BillingGroup) -> GroupView:
    return GroupView(id=group.public_id, name=group.name, currency=group.currency)


def context() -> dict[str, object]:
    """What every template may use; views hand over the rest."""
    person, group = g.get("person"), g.get("group")
    language = g.get("language", theming.DEFAULT_LANGUAGE)
    known: dict[str, object] = {
        "merchant": g.get("merchant"),
        "person": None,
        "group": group_view(group) if group else None,
        "role": g.get("role"),
        "staff": (g.staff.name or g.staff.email) if g.get("staff") else None,
        "to_do": attention.open_count() if g.get("staff") else None,
        "notices": Notices(g.session) if g.get("session") is not None and not g.stage else [],
        "preview": PreviewView(group.name, g.session.expires_at) if g.get("preview") else None,
        "current": None,
        "language": language,
        "direction": theming.direction(language),
        "timezone": g.get("timezone", theming.DEFAULT_ZONE),
        "today": g.get("today"),
        "csrf_token": cookies.csrf_token,
    }
    if person:
        groups = tuple(group_view(place.group) for place in g.places)
        known["person"] = PersonView(id=person.public_id, name=person.name, email=person.email, groups=groups)
    return known


class Notices:
    """What the next whole page says; taken only by the layout that says it, so that no fragment swallows it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(sessions.told(self._session))


def tell(tone: str, text: str) -> None:
    """Say something on the next page: tone is good, wait, warn or bad; the text is in the reader's language."""
    if g.session is not None and not g.preview:
        sessions.tell(g.session, tone, text)


# --- Before a view begins ---------------------------------------------------------------------------------------------


def require_signed_in(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """Only a signed-in customer comes in, even one without a company; everybody else is led to sign in, and back."""

    @wraps(view)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        if g.person is None:
            return respond.sign_in(sign_in_address("/sign-in"))
        return view(*args, **kwargs)

    return guarded


def require_person(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """Only a signed-in customer of some company comes in; one without is led to the page that says so."""

    @require_signed_in
    @wraps(view)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        if g.group is None:
            return respond.redirect(WITHOUT_COMPANY)
        return view(*args, **kwargs)

    return guarded


def require_proof(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """Only who proved lately who they are goes on to what protects an account; others prove it again, and come back.

    Stands below `require_person` or `require_staff`. A form may be sent a while longer than its page may be opened, so
    that nobody loses what they typed.
    """

    @wraps(view)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        within = sessions.PROOF_TO_LOOK if request.method in SAFE else sessions.PROOF_TO_DO
        if g.preview or sessions.is_proved(g.session, within, g.now):
            return view(*args, **kwargs)
        return respond.redirect(sign_in_address("/admin/prove" if g.staff is not None else "/account/prove"))

    return guarded


def require_role(
    role: str,
) -> Callable[[Callable[Parameters, Response]], Callable[Parameters, Response]]:
    """Only who may go so far (view, pay, manage) in at least one group comes in; 403 for the others.

    The view fetches through the person, so that a stranger's things are 404, and asks `need` for the group at hand.
    """

    def guard(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
        @require_person
        @wraps(view)
        def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
            if not any(access.goes_as_far_as(place.role, role) for place in g.places):
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return guard


def require_staff(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """Only the merchant's people come in."""

    @wraps(view)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        if g.staff is None:
            return respond.sign_in(sign_in_address("/admin/sign-in"))
        return view(*args, **kwargs)

    return guarded


def need(role: str, group: BillingGroup | int) -> None:
    """404 for a group that is none of theirs, 403 where their role in it does not go so far."""
    theirs = access.role_in(g.places, group)
    if theirs is None:
        abort(404)
    if not access.goes_as_far_as(theirs, role):
        abort(403)


def look_at(group: BillingGroup | int) -> None:
    """Make the group of what is shown the current one (its link may come from a mail); 404 where it is none of theirs.

    Somebody who may see several is switched, and told so.
    """
    wanted = group if isinstance(group, int) else group.id
    place = next((place for place in g.places if place.group.id == wanted), None)
    if place is None:
        abort(404)
    if g.group is not None and g.group.id == wanted:
        return
    g.group, g.role = place.group, place.role
    sessions.look_at(g.session, place.group)
    g.session.notices = [
        *g.session.notices,
        ["wait", theming.gettext("You are now looking at %(company)s.", company=place.group.name)],
    ]


def takes_up_to(most_bytes: int) -> Callable[[Anything], Anything]:
    """How large a request's body this view takes; others take what app.config says. Stands nearest to the function.

    More than that is read of nobody but staff.
    """

    def mark(view: Anything) -> Anything:
        view.most_bytes = most_bytes  # type: ignore[attr-defined]
        return view

    return mark


def limit_body() -> None:
    """Before anything reads the body, and knowing whose it is: the size this view takes (413 above it)."""
    view = current_app.view_functions.get(request.endpoint or "")
    most = getattr(view, "most_bytes", None)
    usual: int = current_app.config["MAX_CONTENT_LENGTH"]
    if most is not None and (most <= usual or g.staff is not None):
        request.max_content_length = most


# --- Where one may be led ---------------------------------------------------------------------------------------------


def safe_next(given: str | None) -> str:
    """A path of ours to go on to, else "". Never another host, whatever a browser makes of what stands there.

    Browsers drop tabs and newlines and read a backslash as a slash, so `/<TAB>/evil` and `/\\evil` are other hosts.
    """
    if not given or len(given) > LONGEST_NEXT:
        return ""
    if any(ord(mark) < 32 or 127 <= ord(mark) < 160 or mark == "\\" for mark in given):
        return ""
    try:
        parts = urlsplit(given)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or not given.startswith("/") or given.startswith("//"):
        return ""
    if parts.path.startswith(
        ("/sign-in", "/sign-out", "/admin/sign-in", "/admin/sign-out", "/pay/", "/account/prove", "/admin/prove")
    ):
        return ""  # going round in a circle
    return given


def sign_in_address(door: str) -> str:
    """The way to a sign-in page that leads back: to the page asked for, or the page whose form was sent."""
    if request.method in ("GET", "HEAD"):
        here = request.full_path if request.query_string else request.path
    else:
        here = _path_of(request.headers.get("HX-Current-URL") or request.referrer)
    next = safe_next(here)
    return f"{door}?{urlencode({'next': next})}" if next and next not in ("/", "/admin") else door


def _path_of(address: str | None) -> str:
    try:
        parts = urlsplit(address or "")
    except ValueError:  # "http://[": a header may say anything
        return ""
    if parts.netloc != request.host:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
