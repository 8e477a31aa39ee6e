"""Payments as their readers see them: scope is the query, and what is shown is a frozen record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from peewee import ModelSelect

from billing import dates
from billing.payments.repair import PRESSED_PAY_STAYS_WANTED, TELL_UNKNOWN_AFTER
from billing.settings import Settings
from models import (
    Allocation,
    Attempt,
    BillingGroup,
    Customer,
    Invoice,
    LedgerEntry,
    LedgerLine,
    Payment,
    PaymentMethod,
    Person,
    Refund,
)
from money import BadAmount, Money, parse
from records import AllocationView, BadgeView, MethodView, PaymentView, RefundView

PAGE = 50

BADGES = {
    Payment.QUEUED: BadgeView("moving", "on_its_way"),
    Payment.SENDING: BadgeView("moving", "on_its_way"),
    Payment.UNKNOWN: BadgeView("moving", "on_its_way"),
    Payment.NEEDS_CUSTOMER: BadgeView("due", "needs_you"),
    Payment.PROCESSING: BadgeView("moving", "sent_to_bank"),
    Payment.PAID: BadgeView("paid", "paid"),
    Payment.DECLINED: BadgeView("failed", "not_paid"),
    Payment.CANCELLED: BadgeView("closed", "cancelled"),
}


@dataclass(frozen=True)
class PaymentPage:
    """One page of a list; `older` and `newer` are the keys of its neighbours, empty where there are none."""

    rows: tuple[PaymentView, ...]
    older: str = ""
    newer: str = ""


def visible_to(groups: Sequence[int]) -> ModelSelect:
    """The payments of the billing groups a person may see."""
    return Payment.select().where(Payment.group.in_(list(groups)))


def one_visible(groups: Sequence[int], reference: str) -> Payment | None:
    """A payment by its reference, as a person may see it; None is a 404."""
    found: Payment | None = visible_to(groups).where(Payment.public_id == reference.upper()).first()
    return found


def page(query: ModelSelect, *, after: str, before: str, now: datetime, settings: Settings, q: str = "") -> PaymentPage:
    """A page of a list of payments, newest first, by key. A key that is none starts from the beginning."""
    if q:
        query = query.where(_matches(q, settings.currency))
    key = _key(after) or _key(before)
    backwards = bool(_key(before)) and not _key(after)
    if key:
        moment, id = key
        if backwards:
            query = query.where(
                (Payment.created_at > moment) | ((Payment.created_at == moment) & (Payment.id > id))
            ).order_by(Payment.created_at, Payment.id)
        else:
            query = query.where(
                (Payment.created_at < moment) | ((Payment.created_at == moment) & (Payment.id < id))
            ).order_by(Payment.created_at.desc(), Payment.id.desc())
    else:
        query = query.order_by(Payment.created_at.desc(), Payment.id.desc())
    rows = list(query.limit(PAGE + 1))
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if backwards:
        rows.reverse()
    shown = views(rows, now=now, settings=settings)
    ends = [f"{row.created_at.isoformat()}_{row.id}" for row in (rows[:1] + rows[-1:])]
    newer = ends[0] if rows and (more if backwards else bool(key)) else ""
    older = ends[-1] if rows and (True if backwards else more) else ""
    return PaymentPage(tuple(shown), older=older, newer=newer)


def recent(groups: Sequence[int], *, now: datetime, settings: Settings, limit: int = 3) -> list[PaymentView]:
    """The last payments, for the home page."""
    rows = visible_to(groups).order_by(Payment.created_at.desc(), Payment.id.desc()).limit(limit)
    return views(list(rows), now=now, settings=settings)


def view(payment: Payment, *, now: datetime, settings: Settings) -> PaymentView:
    return views([payment], now=now, settings=settings)[0]


def view_for_guest(payment: Payment, *, url: str, now: datetime, settings: Settings) -> PaymentView:
    """What somebody without an account may read of the payment they made: no customer, no method, no way to others.

    Of the payment form not even what it pays, so that nobody learns by trying which numbers and amounts there are.
    """
    whole = view(payment, now=now, settings=settings)
    is_form = payment.came_by == Payment.FORM
    return replace(
        whole,
        url=url,
        allocations=() if is_form else tuple(replace(part, url="") for part in whole.allocations),
        method=None,
        credited=None,
        payer="",
        customer="",
        pdf_url="",
        refunds=_refunds(payment, settings),
    )


def receipt_of(payment: Payment, *, now: datetime, settings: Settings) -> PaymentView | None:
    """What the receipt is made from; None while nothing was paid."""
    return view(payment, now=now, settings=settings) if payment.state == Payment.PAID else None


def views(payments: Sequence[Payment], *, now: datetime, settings: Settings) -> list[PaymentView]:
    """Payments with all that hangs on them, in six queries however many there are."""
    ids = [payment.id for payment in payments]
    if not ids:
        return []
    today = dates.day(now, settings.timezone)
    allocations = _allocations(ids, today, settings.hide_future_invoices)
    methods = {m.id: m for m in PaymentMethod.select().where(PaymentMethod.id.in_(_ids(payments, "method_id")))}
    people = dict(Person.select(Person.id, Person.name).where(Person.id.in_(_ids(payments, "person_id"))).tuples())
    customers = dict(
        BillingGroup.select(BillingGroup.id, Customer.name)
        .join(Customer)
        .where(BillingGroup.id.in_(_ids(payments, "group_id")))
        .tuples()
    )
    steps = {
        a.payment_id: a
        for a in Attempt.select().where(Attempt.payment.in_(ids), Attempt.live == True)  # noqa: E712
    }
    credited = _credited(ids)
    return [
        _view(
            payment,
            allocations.get(payment.id, ()),
            methods.get(payment.method_id),
            steps.get(payment.id),
            credited.get(payment.id, 0),
            people.get(payment.person_id, ""),
            customers.get(payment.group_id, ""),
            now,
            settings,
        )
        for payment in payments
    ]


def method_view(method: PaymentMethod) -> MethodView:
    return MethodView(
        id=method.public_id,
        kind=method.kind,
        brand=method.brand,
        last4=method.last4,
        expires=(method.expires_year, method.expires_month) if method.expires_year else None,
        is_default=method.is_default,
        usable=method.refused_at is None and method.removed_at is None,
    )


def _view(
    payment: Payment,
    allocations: Iterable[AllocationView],
    method: PaymentMethod | None,
    attempt: Attempt | None,
    credited: int,
    payer: str,
    customer: str,
    now: datetime,
    settings: Settings,
) -> PaymentView:
    unknown = payment.state == Payment.UNKNOWN
    long_unknown = unknown and payment.unknown_since is not None and now - payment.unknown_since > TELL_UNKNOWN_AFTER
    open_step = payment.state == Payment.NEEDS_CUSTOMER and attempt is not None
    local = payment.created_at.astimezone(settings.zone)
    asked = payment.again_asked_at or payment.created_at
    return PaymentView(
        reference=payment.public_id,
        url=f"/payments/{payment.public_id}",
        state=payment.state,
        amount=Money(payment.amount, payment.currency),
        captured=Money(payment.captured, payment.currency),
        created_at=payment.created_at,
        created_on=local.date(),
        at=local.strftime("%H:%M"),
        paid_on=dates.day(payment.ended_at, settings.timezone) if payment.state == Payment.PAID else None,
        badge=BadgeView("moving", "checking") if long_unknown else BADGES[payment.state],
        allocations=tuple(allocations),
        method=method_view(method) if method else None,
        credited=Money(credited, payment.currency) if credited else None,
        step_url=attempt.url if open_step and attempt else None,
        step_expires_at=attempt.expires_at if open_step and attempt else None,
        decline_tell=payment.decline_code or "" if payment.decline_tell else "",
        decline_hard=bool(payment.decline_hard),
        long_unknown=long_unknown,
        can_cancel=payment.state in (Payment.QUEUED, Payment.NEEDS_CUSTOMER),
        can_try_again=unknown and now - asked > PRESSED_PAY_STAYS_WANTED,
        payer=payer,
        customer=customer,
        pdf_url=f"/payments/{payment.public_id}.pdf" if payment.state == Payment.PAID else "",
        came_by=payment.came_by,
        guest_name=payment.guest_name,
        guest_email=payment.guest_email or "",
        written=payment.reference,
    )


def _allocations(ids: list[int], today: date, hide_future: bool) -> dict[int, list[AllocationView]]:
    """What each payment pays; an invoice not to be seen yet stands there with number and amount, without a link."""
    found: dict[int, list[AllocationView]] = {}
    query = (
        Allocation.select(
            Allocation.payment, Allocation.amount, Invoice.number, Invoice.address, Invoice.currency, Invoice.issued_on
        )
        .join(Invoice)
        .where(Allocation.payment.in_(ids))
        .order_by(Allocation.id)
        .tuples()
    )
    for payment, amount, number, address, currency, issued_on in query:
        url = "" if hide_future and issued_on > today else f"/invoices/{address}"
        found.setdefault(payment, []).append(AllocationView(number, address, Money(amount, currency), url))
    return found


def _refunds(payment: Payment, settings: Settings) -> tuple[RefundView, ...]:
    """What the provider said yes to, oldest first."""
    rows = Refund.select().where(Refund.payment == payment.id, Refund.state.in_((Refund.DONE, Refund.PROCESSING)))
    return tuple(
        RefundView(
            reference=row.public_id,
            amount=Money(row.amount, row.currency),
            on=dates.day(row.ended_at or row.created_at, settings.timezone),
            payment=payment.public_id,
            moving=row.state == Refund.PROCESSING,
        )
        for row in rows.order_by(Refund.id)
    )


def _credited(ids: list[int]) -> dict[int, int]:
    """What of each captured payment became credit, from its own ledger entry: as it came, or when it was matched."""
    query = (
        LedgerLine.select(LedgerLine.payment, LedgerLine.amount)
        .join(LedgerEntry)
        .where(LedgerLine.payment.in_(ids), LedgerLine.account == "credit")
        .where(LedgerEntry.event.in_(("captured", "matched")))
        .tuples()
    )
    return {payment: -amount for payment, amount in query}


def _matches(q: str, currency: str) -> Any:
    word = q.strip().upper()
    found = Payment.public_id.contains(word) | Payment.id.in_(
        Allocation.select(Allocation.payment).join(Invoice).where(Invoice.number.contains(q.strip()))
    )
    for written in (Payment.reference, Payment.guest_name, Payment.guest_email):  # by who paid without an account
        found |= written.contains(q.strip())
    try:
        found |= Payment.amount == parse(q, currency).minor
    except BadAmount:
        pass
    return found


def _key(text: str) -> tuple[datetime, int] | None:
    moment, _, id = text.rpartition("_")
    try:
        found = datetime.fromisoformat(moment)
        return (found, int(id)) if found.tzinfo and id.isascii() and id.isdigit() and int(id) < 2**31 else None
    except (ValueError, OverflowError):
        return None


def _ids(payments: Sequence[Payment], name: str) -> list[int]:
    return [id for id in {getattr(payment, name) for payment in payments} if id is not None]
