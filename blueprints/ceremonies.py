"""Passkeys in a browser: what a page with one needs, and what the answer of this browser is held to."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, request

import theming
from billing import devices, passkeys
from billing.errors import FactorRefused
from blueprints import cookies
from models import Person, Staff

REFUSED = theming.N_("That passkey did not work here. Try once more, or sign in another way.")
DEVICES = {
    "iphone": "iPhone",
    "ipad": "iPad",
    "android": "Android",
    "chromebook": "Chromebook",
    "windows": "Windows",
    "mac": "Mac",
    "linux": "Linux",
}
NOT_ADDED = theming.N_("The passkey was not added. Try once more.")


def can_be_used() -> bool:
    """Whether browsers have passkeys at the address that was asked for."""
    return passkeys.can_be_used_at(request.host, secure=_is_secure())


def place() -> dict[str, Any]:
    """Where and in which browser a ceremony is held: what the rules compare its answer with."""
    scheme = "https" if _is_secure() else "http"
    return {
        "host": request.host,
        "origin": f"{scheme}://{request.host}",
        "token": cookies.visit().token or "",
        "now": g.now,
    }


def to_sign_in(
    next: str = "", *, action: str = "/sign-in/passkey", who: Person | Staff | None = None
) -> dict[str, Any]:
    """What `login/_passkey.html` accepts. `who`: whose passkey it must be, where that is known already."""
    can = can_be_used()
    return {
        "can_passkey": can,
        "passkey_options": _to_get(who) if can else "",
        "passkey_action": action,
        "passkey_next": next,
    }


def to_add(who: Person | Staff) -> dict[str, Any]:
    """What a page needs on which a passkey is added."""
    can = can_be_used()
    return {"can_passkey": can, "passkey_options": _to_create(who) if can else ""}


def of_account(who: Person | Staff) -> dict[str, Any]:
    """What `account/_passkeys.html` accepts: the passkeys somebody has."""
    return {"can_passkey": can_be_used(), "passkeys": passkeys.of(who)}


def usual_name(who: Person | Staff) -> str:
    """What a passkey is called that was given no name: by browser and device, with a number where that is taken."""
    agent = request.headers.get("User-Agent", "")
    browser, device = devices.browser(agent), DEVICES.get(devices.kind(agent), "")
    name = browser or device or theming.gettext("Passkey")
    if browser and device:
        name = theming.gettext("%(browser)s on %(device)s", browser=browser, device=device)
    taken = {passkey.name for passkey in passkeys.of(who)}
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def words_of(refusal: FactorRefused) -> str:
    """Why no passkey was added."""
    if refusal.code == "too_many_passkeys":
        return theming.gettext("You have %(count)d passkeys. Remove one first.", count=passkeys.MOST)
    return theming.gettext(NOT_ADDED)


def _to_get(who: Person | Staff | None) -> str:
    return passkeys.authentication_options(host=request.host, token=cookies.visit().keep_token(), now=g.now, who=who)


def _to_create(who: Person | Staff) -> str:
    site = g.merchant.name if g.merchant else ""
    token = cookies.visit().keep_token()
    return passkeys.registration_options(who, host=request.host, token=token, site=site, now=g.now)


def _is_secure() -> bool:
    """By PORTAL_URL, as for cookies: what stands before us may speak http to us."""
    return bool(current_app.extensions["environ"].secure)
