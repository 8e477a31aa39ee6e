from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from billing import secrets_kept
from billing.secrets_kept import CannotOpen, mark, marks, seal, unseal
from environ import Environ


def with_keys(env: Environ, *keys: str) -> None:
    secrets_kept.configure(replace(env, keys=keys))


def test_what_is_sealed_is_not_to_be_read_but_by_us(env: Environ) -> None:
    sealed = seal("totp", "JBSWY3DP")
    assert "JBSWY3DP" not in sealed
    assert unseal("totp", sealed) == "JBSWY3DP"


def test_the_same_is_never_sealed_alike(env: Environ) -> None:
    assert seal("totp", "x") != seal("totp", "x")


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA", "é", "a" * 200])
def test_what_we_did_not_seal_cannot_be_opened(env: Environ, sealed: str) -> None:
    with pytest.raises(CannotOpen):
        unseal("totp", sealed)


def test_a_seal_opens_for_its_purpose_alone(env: Environ) -> None:
    with pytest.raises(CannotOpen):
        unseal("gateway", seal("totp", "x"))


def test_keys_are_turned_over(env: Environ) -> None:
    with_keys(env, "old key")
    sealed, marked = seal("totp", "x"), mark("recovery", "x")
    with_keys(env, "new key", "old key")
    assert unseal("totp", sealed) == "x"
    assert marked in marks("recovery", "x")
    assert mark("recovery", "x") != marked
    with_keys(env, "new key")
    with pytest.raises(CannotOpen):
        unseal("totp", sealed)


def test_the_key_is_derived_as_rfc_5869_says() -> None:
    for purpose in ("seal totp", "mark recovery"):
        hkdf = HKDF(SHA256(), 32, salt=None, info=f"tillhouse {purpose}".encode())
        assert secrets_kept._derived("a key", purpose) == hkdf.derive(b"a key")


def test_marks_differ_by_purpose_and_text(env: Environ) -> None:
    assert len({mark("a", "x"), mark("b", "x"), mark("a", "y")}) == 3
