"""Which adapters there are, loaded by name so that a provider's library is imported only where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from gateways.contract import Gateway

ADAPTERS = {"sandbox": "gateways.sandbox"}


class UnknownProvider(LookupError):
    """No adapter of that name."""


def providers() -> tuple[str, ...]:
    return tuple(ADAPTERS)


def load(provider: str, config: Mapping[str, str]) -> Gateway:
    """The adapter of a provider, made from its connection's settings. Raises UnknownProvider."""
    if provider not in ADAPTERS:
        raise UnknownProvider(provider)
    gateway: Gateway = import_module(ADAPTERS[provider]).connect(config)
    return gateway
