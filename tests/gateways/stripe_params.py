"""Stripe's own word on what its requests may hold: the typed parameters that its library is published with."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Generic, Literal, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

T = TypeVar("T")


class _Stand(Generic[T]):
    """For types that the library names for type checkers only."""


ONLY_FOR_CHECKERS = {"StripeContext": _Stand, "UntypedStripeObject": _Stand, "Mapping": Mapping, "Any": Any}


class Unallowed(Exception):
    """A request holds what Stripe's published types do not know."""

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param


def parsed(text: str) -> dict[str, Any]:
    """A form as Stripe reads it: `a[b][0][c]=1` is {"a": {"b": {"0": {"c": "1"}}}}; `a[]` gathers a list."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        place = found
        for part, following in zip([head, *rest], [*rest, None], strict=True):
            if following is None:
                place[part or str(len(place))] = value
            else:
                place = place.setdefault(part, {})
    return found


def allow(given: Mapping[str, Any], kind: Any, path: str = "") -> None:
    """Raises Unallowed for a name or a fixed word that the types do not know, at any depth."""
    hints = _hints(kind)
    for name, value in given.items():
        here = f"{path}[{name}]" if path else name
        if name not in hints:
            raise Unallowed(here)
        _allow_value(value, hints[name], here)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, localns=ONLY_FOR_CHECKERS)


def _allow_value(value: Any, kind: Any, here: str) -> None:
    options = list(_options(kind))
    if isinstance(value, dict):
        for option in options:
            if get_origin(option) is list:
                for index, item in value.items():
                    _allow_value(item, get_args(option)[0], f"{here}[{index}]")
                return
            if hasattr(option, "__required_keys__"):
                allow(value, option, here)
                return
            if get_origin(option) in (dict, _Stand):
                return
        raise Unallowed(here)
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if words and bool not in options and value not in words:
        raise Unallowed(f"{here}={value}")


def _options(kind: Any) -> list[Any]:
    if get_origin(kind) is NotRequired:
        return _options(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [option for part in get_args(kind) for option in _options(part)]
    return [kind]
