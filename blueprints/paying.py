"""The pay panel, wherever it stands: what one may pay with, which of it is chosen, and the token that counts a press
once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from billing import connections, payment_methods, payments
from records import MethodView, PayView

NEW = "new"  # instead of a stored method: the provider's page


def panel(group: int) -> PayView:
    """What the panel of a group's invoice needs, drawn for the first time."""
    methods = ways(group)
    return PayView(tuple(methods), chosen(methods), new_token())


def ways(group: int) -> list[MethodView]:
    """The stored methods that a group may pay with just now."""
    return [payments.method_view(method) for method in payment_methods.usable(group, connections.current())]


def chosen(methods: Sequence[MethodView], wanted: str = "", *, guess: bool = True) -> str:
    """Which way is ticked: the one wanted, else the default, or a new one where there is none; else none at all."""
    if wanted in (NEW, *(method.id for method in methods)):
        return wanted
    return next((method.id for method in methods if method.is_default), "" if methods else NEW) if guess else ""


def new_token() -> str:
    """A form token of the panel: what is sent twice with it is one payment."""
    return secrets.token_urlsafe(18)
