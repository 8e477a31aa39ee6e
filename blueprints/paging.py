"""What a list's address says: what is searched for, which filter, which page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request, url_for

LONGEST_SEARCH = 100  # characters
LONGEST_KEY = 300


def searched() -> str:
    """What was typed into the search, without what cannot be seen."""
    return seen(request.args.get("q", "")).strip()[:LONGEST_SEARCH]


def shown(allowed: Sequence[str], default: str) -> str:
    """Which filter is on."""
    which = request.args.get("show", default)
    return which if which in allowed else default


def keys() -> dict[str, str]:
    """Where the page begins or ends."""
    return {name: seen(request.args.get(name, ""))[:LONGEST_KEY] for name in ("after", "before")}


def seen(text: str) -> str:
    """Text without what cannot be seen: PostgreSQL keeps no NUL, and no reader knows the others."""
    return "".join(mark for mark in text if mark.isprintable())


def neighbours(endpoint: str, older: str, newer: str, **kept: Any) -> dict[str, Any]:
    """The addresses of the pages beside this one, for `_pager.html`."""
    return {
        "older_url": url_for(endpoint, after=older, **kept) if older else None,
        "newer_url": url_for(endpoint, before=newer, **kept) if newer else None,
    }
