"""An authenticator in software: makes passkeys and signs with them as WebAuthn level 2 says, and wrongly on demand."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40
ORIGIN = "http://localhost:8000"


def encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """Holds one passkey. `count`: what it counts from; `counts=False`: it does not, as those that are synced."""

    origin: str = ORIGIN
    counts: bool = True
    verifies: bool = True
    count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: str, *, rp: str | None = None) -> str:
        """What `navigator.credentials.create` gives for the options, as the page's script sends it."""
        asked = json.loads(options)
        self.handle = decode(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        point = b"".join(bytes([label, 0x58, 32]) + part.to_bytes(32, "big") for label, part in _xy(numbers))
        cose = b"\xa5\x01\x02\x03\x26\x20\x01" + point
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        shown = self._authenticator_data(rp or asked["rp"]["id"], HAS_KEY) + attested
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59" + len(shown).to_bytes(2, "big") + shown
        client = self._client_data("webauthn.create", asked["challenge"])
        return self._json(
            {"clientDataJSON": encode(client), "attestationObject": encode(attestation), "transports": ["internal"]}
        )

    def get(self, options: str, *, rp: str | None = None) -> str:
        """What `navigator.credentials.get` gives."""
        asked = json.loads(options)
        shown = self._authenticator_data(rp or asked["rpId"], 0)
        client = self._client_data("webauthn.get", asked["challenge"])
        signature = self.key.sign(shown + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._json(
            {
                "clientDataJSON": encode(client),
                "authenticatorData": encode(shown),
                "signature": encode(signature),
                "userHandle": encode(self.handle) if self.handle else None,
            }
        )

    def _authenticator_data(self, rp: str, flags: int) -> bytes:
        self.count += 1 if self.counts else 0
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(rp.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _json(self, response: dict[str, Any]) -> str:
        return json.dumps(
            {
                "id": encode(self.id),
                "rawId": encode(self.id),
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
                "authenticatorAttachment": "platform",
            }
        )


def _xy(numbers: ec.EllipticCurvePublicNumbers) -> tuple[tuple[int, int], tuple[int, int]]:
    return (0x21, numbers.x), (0x22, numbers.y)
