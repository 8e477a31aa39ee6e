"""Refunds: money going back, by the same road as a payment (money.md sections 2, 5 and 6). Never a gateway's own words.

`request` claims and records, `send` takes the row and calls the provider, `apply` books what happened, whoever learned
it, and the sweep repairs what was interrupted.
"""

from billing.refunds.calling import look_up, send
from billing.refunds.outcome import apply
from billing.refunds.repair import ask, decide, sweep
from billing.refunds.request import NotRefundable, hindrance, request
from billing.refunds.showing import RefundView, of, one, wrong, wrong_due

__all__ = [
    "NotRefundable",
    "RefundView",
    "apply",
    "ask",
    "decide",
    "hindrance",
    "look_up",
    "of",
    "one",
    "request",
    "send",
    "sweep",
    "wrong",
    "wrong_due",
]
