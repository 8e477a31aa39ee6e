"""Billing groups: what a customer owes in one currency, with its own access. One group is the ordinary case."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from billing import history, links
from database import retried, transaction
from models import BillingGroup, Customer, Person, Staff
from records import PartyView


@dataclass(frozen=True)
class GroupAccess:
    """A billing group as staff see its way in. `url` is the page where they change it, `portal_url` what they copy."""

    id: str
    name: str
    currency: str
    customer: str
    customer_url: str
    url: str
    portal_url: str
    since: datetime
    contract_ended_on: date | None  # may be to come
    contract_ended: bool


def one(customer: str, group: str) -> BillingGroup | None:
    """A group by its own public id and its customer's."""
    if not (customer.isprintable() and group.isprintable()):
        return None
    found: BillingGroup | None = (
        BillingGroup.select(BillingGroup, Customer)
        .join(Customer)
        .where(BillingGroup.public_id == group, Customer.public_id == customer)
        .first()
    )
    return found


def staff_address(group: BillingGroup, customer: Customer) -> str:
    """The page where staff change who may see a group."""
    return f"/admin/customers/{customer.public_id}/groups/{group.public_id}"


def view(group: BillingGroup, today: date) -> GroupAccess:
    customer: Customer = group.customer
    return GroupAccess(
        id=group.public_id,
        name=group.name,
        currency=group.currency,
        customer=customer.name,
        customer_url=f"/admin/customers/{customer.public_id}",
        url=staff_address(group, customer),
        portal_url=links.company(group.public_id),
        since=group.created_at,
        contract_ended_on=group.contract_ended_on,
        contract_ended=has_ended(group, today),
    )


def group_for(customer: Customer, currency: str, *, by: Staff | Person | history.Actor, now: datetime) -> BillingGroup:
    """The customer's group in a currency, made where there is none. It bears the customer's name."""
    found: BillingGroup | None = (
        BillingGroup.select()
        .where(BillingGroup.customer == customer, BillingGroup.currency == currency)
        .order_by(BillingGroup.id)
        .first()
    )
    if found is not None:
        return found
    with transaction():
        group: BillingGroup = BillingGroup.create(
            public_id=secrets.token_hex(8), customer=customer, name=customer.name, currency=currency, created_at=now
        )
        history.record(group, "group_made", by=by, now=now)
    return group


# --- The contract: active from the group's creation until somebody ends it --------------------------------------------


def has_ended(group: BillingGroup, today: date) -> bool:
    """Whether a group's contract is over on a day (the merchant's). An end may be set for a day to come."""
    return group.contract_ended_on is not None and group.contract_ended_on <= today


@retried
def end_contract(group: BillingGroup, on: date, *, by: Staff | history.Actor, now: datetime) -> bool:
    """End a group's contract from a day on, past or to come; whether it was open until then.

    People keep reading and paying what is open; new access rules are refused and nothing new is charged by itself.
    """
    return _move_end(group, None, on, "contract_ended", by=by, now=now, on=on.isoformat())


@retried
def reopen_contract(group: BillingGroup, *, by: Staff | history.Actor, now: datetime) -> bool:
    """Let a contract that ended, or was to end, go on; whether it had."""
    before = group.contract_ended_on
    return before is not None and _move_end(group, before, None, "contract_reopened", by=by, now=now)


def _move_end(
    group: BillingGroup,
    before: date | None,
    after: date | None,
    event: str,
    *,
    by: Staff | history.Actor,
    now: datetime,
    **details: str,
) -> bool:
    stands = BillingGroup.contract_ended_on.is_null() if before is None else BillingGroup.contract_ended_on == before
    with transaction():
        changed = BillingGroup.update(contract_ended_on=after).where(BillingGroup.id == group.id, stands).execute()
        if changed:
            history.record(group, event, by=by, now=now, **details)
    if changed:
        group.contract_ended_on = after
    return bool(changed)


def hold_open(group: BillingGroup, today: date) -> bool:
    """Whether the contract is not over; then it stays so, and others who change the access wait, until the commit."""
    open_now = BillingGroup.contract_ended_on.is_null() | (BillingGroup.contract_ended_on > today)
    return bool(BillingGroup.update(name=BillingGroup.name).where(BillingGroup.id == group.id, open_now).execute())


def hold(group: BillingGroup) -> None:
    """Let others who change a group's access wait until the caller's transaction ends."""
    BillingGroup.update(name=BillingGroup.name).where(BillingGroup.id == group.id).execute()


def addressee(group: BillingGroup) -> PartyView:
    """The customer of a group as their own pages and receipts name them."""
    customer: Customer = group.customer
    place = customer.address
    town = " ".join(part for part in (place.get("postcode"), place.get("city")) if part)
    lines = [*place.get("lines", ()), town, place.get("region"), place.get("country")]
    return PartyView(
        name=group.name,
        lines=tuple(line for line in lines if line),
        vat_number=customer.vat_number or "",
        registration_number=customer.registration_number or "",
        phone=customer.phone or "",
        email=customer.email or "",
    )
