"""Billing groups: what a customer owes in one currency, with its own access. One group is the ordinary case."""

from __future__ import annotations

import secrets
from datetime import datetime

from billing import history
from database import transaction
from models import BillingGroup, Customer, Person, Staff
from records import PartyView


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
