"""A payment's status page, whoever looks: waits a moment for the job, asks again ever more slowly, leads to the
provider's page. Slow work shows as one partial with states.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flask import Response, g, request

from billing import payments
from blueprints import respond
from models import Payment
from records import PaymentView

WAIT, LOOK_EVERY = 1.5, 0.06  # seconds: how long a status page waits for the job, and how often it looks
QUICK_POLLS, POLLS = 10, 14  # every 2 s for 20 s, then every 10 s to a minute
FRESH = (Payment.QUEUED, Payment.SENDING)
CAME_BACK = (Payment.NEEDS_CUSTOMER, Payment.UNKNOWN)  # what a look-up after the provider's page may end
JOURNEY = "page"  # the element that list, review and status replace in turn


def status(
    payment: Payment,
    view: Callable[[Payment], PaymentView],
    more: Callable[[PaymentView], dict[str, Any]],
    *,
    can_pay: bool,
    guest: bool = False,
) -> Response:
    """The status, which turns into the receipt; to who has to go there, the way on to the provider's page.

    `guest`: somebody without an account, who reads no more than their own payment. `view`: what this reader may see of
    the payment. `more`: what else the page needs, once it is known what is shown.
    """
    returned, sent = "returned" in request.args, request.method == "POST"
    polls = min(request.args.get("polls", 0, type=int), POLLS)
    if returned and not g.preview:
        payments.look_up_later(payment, now=g.now)
    if not sent and polls == 0:  # a POST never waits
        payment = _settle_down(payment, FRESH + CAME_BACK if returned else FRESH)
    shown = view(payment)
    if g.preview and shown.step_url:  # the provider's page would really take the money: nobody is led there
        shown = replace(shown, step_url=f"{shown.url}?returned=1")
    goes_on = bool(shown.step_url) and can_pay and not returned and not g.preview
    if goes_on and shown.step_url and respond.wants_fragment():
        return respond.redirect(shown.step_url)
    moving = shown.state in FRESH or (shown.state in CAME_BACK and not shown.long_unknown)
    return respond.page(
        "payments/show.html",
        {JOURNEY: "payments/_status.html"},
        payment=shown,
        goes_on=goes_on,
        returned=returned,
        can_pay=can_pay,
        moving=moving,
        pace=_pace(polls) if moving else "",
        polls=polls if sent else polls + 1,
        seen=request.args.get("seen"),
        sent=sent,
        guest=guest,
        **more(shown),
    )


def _settle_down(payment: Payment, passing: Sequence[str]) -> Payment:
    """Wait for the job a moment, so that most customers never see the state between."""
    until = time.monotonic() + WAIT
    while payment.state in passing and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        payment = Payment.get_by_id(payment.id)
    return payment


def _pace(polls: int) -> str:
    """How often htmx asks again, ever slower; empty: when the customer presses "Check again"."""
    if polls >= POLLS:
        return ""
    return "2s" if polls < QUICK_POLLS else "10s"
