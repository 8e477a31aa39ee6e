"""Jobs about payments. They take ids, are safe to run twice, and hold no logic."""

from __future__ import annotations

from billing import dates, payments
from models import Attempt, Payment
from workers.queue import job


@job
def capture(payment_id: int) -> None:
    if payment := Payment.get_or_none(Payment.id == payment_id):  # may have been rolled back
        payments.capture(payment, now=dates.now())


@job
def look_up(payment_id: int) -> None:
    if payment := Payment.get_or_none(Payment.id == payment_id):
        payments.look_up(payment, now=dates.now())


@job
def close_page(payment_id: int) -> None:
    if payment := Payment.get_or_none(Payment.id == payment_id):
        payments.close_page(payment, now=dates.now())


@job
def ask(attempt_id: int) -> None:
    if attempt := Attempt.get_or_none(Attempt.id == attempt_id):
        payments.ask(attempt, now=dates.now())


@job
def store_method(attempt_id: int) -> None:
    if attempt := Attempt.get_or_none(Attempt.id == attempt_id):
        payments.store_method(attempt, now=dates.now())
