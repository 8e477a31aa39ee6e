"""Addresses made from the routes there are."""

from __future__ import annotations

import re
from collections.abc import Mapping

ARGUMENT = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")


def address(rule: str, known: Mapping[str, str]) -> str:
    """A route's address: `/invoices/<number>` with what is known by that name, else a number or a word."""
    return ARGUMENT.sub(lambda found: known.get(found[2], "1" if found[1] == "int" else "x"), rule)
