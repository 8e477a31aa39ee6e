"""Signed links and the addresses that letters, PDFs and commands carry. The only place that knows itsdangerous.

One salt per purpose, a list of keys for rotation: the newest signs, all of them verify. A link gives only what its
purpose says; what was spent is a row's business.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import quote, urlsplit

from itsdangerous import BadSignature, URLSafeSerializer

from billing.errors import LinkUnusable
from environ import Environ

SIGN_IN = "sign-in"  # {"s": SignIn.id}: signs in with one press while its row is fresh
PAY = "pay"  # [Invoice.id, Person.id or 0]: leads to sign-in for that invoice; opens nothing by itself
FORM_PAYMENT = "form-payment"  # Payment.id: shows the status of a payment made on the payment form
ASKED = "asked"  # who asked for a link, and the way back: what the code form carries

_keys: tuple[str, ...] = ()
_url = ""


def configure(environ: Environ) -> None:
    """Take the keys and the public address. Links are built from PORTAL_URL, never from a request's Host."""
    global _keys, _url
    _keys, _url = environ.keys, environ.url


def sign(purpose: str, payload: Any) -> str:
    return str(_serializer(purpose, _keys[:1]).dumps(payload))


def read(purpose: str, token: str) -> Any:
    """The payload of a link of ours. Raises LinkUnusable where we did not make it, or made it for something else."""
    try:
        return _serializer(purpose, _keys[::-1]).loads(token)
    except BadSignature:
        raise LinkUnusable("link_unusable") from None


def code(purpose: str, subject: str) -> str:
    """Six digits that only we can derive from a subject."""
    return _code(_keys[0], purpose, subject)


def code_fits(purpose: str, subject: str, given: str) -> bool:
    """Whether the digits are those of the subject, under any of the keys; in constant time."""
    fits = [hmac.compare_digest(_code(key, purpose, subject), given) for key in _keys]
    return any(fits)


def digest(purpose: str, text: str) -> str:
    """A keyed hash for a session's form token: not to be made by anyone who only knows the cookie's form."""
    return hmac.new(_keys[0].encode(), f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def _code(key: str, purpose: str, subject: str) -> str:
    mark = hmac.new(key.encode(), f"{purpose}\0{subject}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(mark[:8], 'big') % 1_000_000:06d}"


def _serializer(purpose: str, keys: tuple[str, ...]) -> URLSafeSerializer:
    return URLSafeSerializer(list(keys), salt=f"tillhouse {purpose}", signer_kwargs={"digest_method": hashlib.sha256})


# --- Addresses. A test matches each to a route. ---------------------------------------------------------------------


def host() -> str:
    """The public address's host: where Message-IDs are from."""
    return urlsplit(_url).hostname or "localhost"


def home() -> str:
    return f"{_url}/"


def portal() -> str:
    """The portal link of mails: leads to sign-in, opens nothing by itself."""
    return f"{_url}/sign-in"


def payment_form() -> str:
    """The public page that takes payments by name, e-mail, amount and reference."""
    return f"{_url}/pay"


def company(public_id: str) -> str:
    """A billing group's portal link: leads to sign-in and that group's pages; opens nothing by itself."""
    return f"{_url}/company/{quote(public_id)}"


def sign_in(id: int) -> str:
    return f"{_url}/sign-in/{sign(SIGN_IN, id)}"


def staff_home() -> str:
    return f"{_url}/admin"


def staff_to_do() -> str:
    return f"{_url}/admin/attention"


def invoice(address: str) -> str:
    return f"{_url}/invoices/{quote(address)}"


def pay(invoice_id: int, person_id: int = 0) -> str:
    return f"{_url}/pay/{sign(PAY, [invoice_id, person_id])}"


def payment(reference: str) -> str:
    return f"{_url}/payments/{quote(reference)}"


def guest_payment(invoice_id: int, reference: str) -> str:
    """A guest's page of a payment, under the link of the invoice that it pays."""
    return f"{pay(invoice_id)}/payments/{quote(reference)}"


def form_payment(id: int) -> str:
    """The page of a payment that came by the payment form: nobody else can make its address."""
    return f"{_url}/pay/payments/{sign(FORM_PAYMENT, id)}"


def staff_payment(reference: str) -> str:
    return f"{_url}/admin/payments/{quote(reference)}"


def hook(provider: str) -> str:
    return f"{_url}/hooks/{quote(provider)}"
