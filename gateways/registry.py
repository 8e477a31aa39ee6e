"""Which adapters there are, loaded by name so that a provider's library is imported only where it is used.

Ours stand in `ADAPTERS`. Another package brings its own by an entry point in the group `tillhouse.gateways`: its name
is the provider's, its value a function that takes a connection's settings and gives a `Gateway` (docs/gateways.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points

from gateways.contract import Gateway

ADAPTERS = {
    "sandbox": "gateways.sandbox",
    "stripe": "gateways.stripe",
    "gocardless": "gateways.gocardless",
}
GROUP = "tillhouse.gateways"


class UnknownProvider(LookupError):
    """No adapter of that name."""


def providers() -> tuple[str, ...]:
    """Ours first, then those of other packages; a name of ours is never taken by another package."""
    brought = sorted(entry_points(group=GROUP).names - ADAPTERS.keys())
    return (*ADAPTERS, *brought)


def load(provider: str, config: Mapping[str, str]) -> Gateway:
    """The adapter of a provider, made from its connection's settings. Raises UnknownProvider.

    Settings that cannot work raise KeyError or ValueError.
    """
    if provider in ADAPTERS:
        connect = import_module(ADAPTERS[provider]).connect
    elif brought := entry_points(group=GROUP, name=provider):
        connect = next(iter(brought)).load()
    else:
        raise UnknownProvider(provider)
    gateway: Gateway = connect(config)
    return gateway
