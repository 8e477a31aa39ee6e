"""The orders that these tests give."""

from __future__ import annotations

from secrets import token_hex

from gateways.contract import ChargeRequest, ClientStep, Initiator, MethodKind, Payer, PaymentRequest
from tests.gateways.running import RunningSandbox

BACK = "http://127.0.0.1:8000/payments/P-1?a=1"
ADA = Payer("acme", "Acme <b>Ltd</b>")


def charge(token: str, ours: str, initiator: Initiator = Initiator.CUSTOMER) -> ChargeRequest:
    return ChargeRequest(ours, 1200, "EUR", token, MethodKind.CARD, initiator, "Invoice 2026-0142", ADA,
                         BACK if initiator is Initiator.CUSTOMER else None)  # fmt: skip


def open_page(sandbox: RunningSandbox, *, kinds: tuple[MethodKind, ...] = tuple(MethodKind), amount: int = 1200,
              currency: str = "EUR", return_url: str = BACK) -> ClientStep:  # fmt: skip
    step = sandbox.gateway().begin_payment(
        PaymentRequest(token_hex(8), amount, currency, ADA, "Invoice 2026-0142", return_url, kinds=kinds),
        key=token_hex(8),
    )
    assert isinstance(step, ClientStep)
    return step
