"""How often one address or one caller may ask for what costs mail, CPU or trust. Routes without a limit have none.

Counted in Redis for all processes together; while it is away, each process counts for itself at half the limit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any, TypeVar, cast

from flask import Flask, Response, g, request
from flask_limiter import Limiter
from limits.storage import MemoryStorage

View = TypeVar("View", bound=Callable[..., Any])

NETWORK = len("2001:0db8:0000:0000")  # of an IPv6 address written out: its /64


def caller() -> str:
    """The caller's IP address; behind PORTAL_PROXIES the one our proxy saw. An IPv6 network (/64) counts as one."""
    address = request.remote_addr or "nobody"
    if ":" not in address:
        return address
    try:
        known = IPv6Address(address)
    except ValueError:
        return address
    return str(known.ipv4_mapped or known.exploded[:NETWORK])


def this_address() -> str:
    """The key of the address asked for, hashed: Redis is told no links."""
    return hashlib.sha256(request.path.encode()).hexdigest()[:32]


def signed_in() -> str:
    """The key of who is signed in, else the caller's."""
    if g.staff is not None:
        return f"staff {g.staff.id}"
    return f"person {g.person.id}" if g.person is not None else caller()


limiter = Limiter(
    key_func=caller,
    strategy="fixed-window",
    in_memory_fallback_enabled=True,
    swallow_errors=True,
    headers_enabled=False,
    storage_options={},
)


def install(app: Flask) -> None:
    """RATELIMIT_STORAGE_URI and RATELIMIT_STORAGE_OPTIONS are the front door's business; without them: in memory."""
    app.config.setdefault("RATELIMIT_STORAGE_URI", "memory://")
    limiter.init_app(app)


def limited(
    subject: str,
    *limits: tuple[int, str],
    key: Callable[[], str] = caller,
    again: Callable[[], Response] | None = None,
) -> Callable[[View], View]:
    """At most so many POSTs: `limited("sign-in", (10, "minute"), (60, "hour"), key=…)`.

    `again` draws the page with what was typed; without it the 429 page answers.
    """

    def on_breach(_: object) -> Response | None:
        if again is None:
            return None
        answer = again()
        answer.status_code = 429
        return answer

    def value() -> str:
        shared = not isinstance(limiter.storage, MemoryStorage)
        half = shared and limiter.limiter.storage is not limiter.storage
        return ";".join(f"{max(1, most // 2) if half else most} per {span}" for most, span in limits)

    def wrap(view: View) -> View:
        shared = limiter.shared_limit(value, scope=subject, key_func=key, methods=["POST"], on_breach=on_breach)
        return cast(View, shared(view))

    return wrap
