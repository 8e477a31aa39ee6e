"""Payments: the one road every charge takes (money.md sections 2, 3 and 5).

`request` claims and records, `capture` takes the row and calls the provider, `apply_outcome` books what happened,
whoever learned it, and the sweep repairs what was interrupted.
"""

from billing.payments.calling import capture, look_up, store_method
from billing.payments.outcome import apply_outcome
from billing.payments.repair import ask, close_page, decide, keep_methods, sweep
from billing.payments.request import cancel, cancel_later, look_up_later, new_reference, page_of, request, try_again
from billing.payments.showing import (
    PaymentPage,
    method_view,
    one_visible,
    page,
    receipt_of,
    recent,
    view,
    view_for_guest,
    views,
    visible_to,
)
from billing.payments.standing import hindrance, under_way, wants_doing

__all__ = [
    "PaymentPage",
    "apply_outcome",
    "ask",
    "cancel",
    "cancel_later",
    "capture",
    "close_page",
    "decide",
    "hindrance",
    "keep_methods",
    "look_up",
    "look_up_later",
    "method_view",
    "new_reference",
    "one_visible",
    "page",
    "page_of",
    "receipt_of",
    "recent",
    "request",
    "store_method",
    "sweep",
    "try_again",
    "under_way",
    "view",
    "view_for_guest",
    "views",
    "visible_to",
    "wants_doing",
]
