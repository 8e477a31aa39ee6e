"""Jobs about refunds. They take ids, are safe to run twice, and hold no logic."""

from __future__ import annotations

from billing import dates, refunds
from models import Refund
from workers.queue import job


@job
def send(refund_id: int) -> None:
    if refund := Refund.get_or_none(Refund.id == refund_id):  # may have been rolled back
        refunds.send(refund, now=dates.now())


@job
def ask(refund_id: int) -> None:
    if refund := Refund.get_or_none(Refund.id == refund_id):
        refunds.ask(refund, now=dates.now())
