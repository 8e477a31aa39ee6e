"""Secrets that we must be able to read again, kept sealed in the database; and marks of those we only compare.

The key of each purpose is derived from the signing keys (HKDF with SHA-256, RFC 5869), so that neither a copy of the
database nor a link of ours helps to open one. The newest key seals, all of them open: SECRET_KEY="new,old" turns keys
over, and what was sealed under one that is gone cannot be opened any more.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from functools import lru_cache
from importlib import import_module
from typing import Any

from environ import Environ

KEY_BYTES = 32

_keys: tuple[str, ...] = ()


class CannotOpen(Exception):
    """Not sealed by us for this purpose, or under a key that is gone."""


def configure(environ: Environ) -> None:
    """Take the keys."""
    global _keys
    _keys = environ.keys


def seal(purpose: str, text: str) -> str:
    """The text encrypted and signed (Fernet: AES-128-CBC and HMAC-SHA-256), for one purpose alone."""
    return str(_box(_keys, purpose).encrypt(text.encode()).decode())


def unseal(purpose: str, sealed: str) -> str:
    """The text again. Raises CannotOpen."""
    try:
        return str(_box(_keys, purpose).decrypt(sealed.encode()).decode())
    except _invalid_token():
        raise CannotOpen(purpose) from None


def mark(purpose: str, text: str) -> str:
    """A keyed hash to keep in place of a secret that is only compared: 64 hexadecimal digits."""
    return _mark(_keys[0], purpose, text)


def marks(purpose: str, text: str) -> list[str]:
    """The marks of a text under every key: one made before the keys were turned over is still found."""
    return [_mark(key, purpose, text) for key in _keys]


def _mark(key: str, purpose: str, text: str) -> str:
    return hmac.new(_derived(key, f"mark {purpose}"), text.encode(), hashlib.sha256).hexdigest()


def _derived(key: str, purpose: str) -> bytes:
    """HKDF (RFC 5869) with SHA-256, no salt, one block: 32 bytes that belong to the purpose."""
    extracted = hmac.new(bytes(KEY_BYTES), key.encode(), hashlib.sha256).digest()
    return hmac.new(extracted, f"tillhouse {purpose}".encode() + b"\x01", hashlib.sha256).digest()


@lru_cache(maxsize=32)
def _box(keys: tuple[str, ...], purpose: str) -> Any:
    fernet = _fernet()
    return fernet.MultiFernet(
        [fernet.Fernet(urlsafe_b64encode(_derived(key, f"seal {purpose}"))) for key in keys],
    )


def _invalid_token() -> type[Exception]:
    found: type[Exception] = _fernet().InvalidToken
    return found


def _fernet() -> Any:
    """Loaded where a secret is first opened or sealed: 7 MB that most processes never need."""
    return import_module("cryptography.fernet")
