"""Whose document it is: found by the source's id, then the VAT number, then name and address; made where unknown."""

from __future__ import annotations

import secrets
from datetime import datetime

from peewee import ModelSelect

from accounting.contract import Document, Party
from billing import groups, history
from billing.imports.identity import folded, match_key
from billing.prepared import rows
from models import BillingGroup, Customer, Person, Staff

By = Staff | Person | history.Actor


def find(document: Document) -> Customer | None:
    """The customer it names, if we know them.

    A customer whom the source knows under another id is another customer, however alike: branches of one company share
    a VAT number, households a name and an address.
    """
    buyer, source_id = document.buyer, document.customer_id
    if source_id:
        known: Customer | None = Customer.get_or_none(
            Customer.source == document.source, Customer.source_id == source_id
        )
        if known is not None:
            return known
    free = Customer.archived_at.is_null()
    if source_id:
        free &= Customer.source_id.is_null() | (Customer.source != document.source)
    if number := _vat(buyer):
        known = Customer.select().where(Customer.vat_number == number, free).order_by(Customer.id).first()
        if known is not None:
            return known  # type: ignore[no-any-return]
    alike = Customer.select().where(Customer.match_key == match_key(buyer), free)
    if number:
        alike = alike.where(Customer.vat_number.is_null())
    return alike.order_by(Customer.id).first()  # type: ignore[no-any-return]


def find_or_make(document: Document, *, by: By, now: datetime) -> BillingGroup:
    """The billing group that owes it, with its customer, in its currency. Makes nobody able to sign in."""
    customer = find(document) or _make(document, by=by, now=now)
    if document.customer_id and customer.source_id is None:
        Customer.update(source=document.source, source_id=document.customer_id).where(
            Customer.id == customer.id
        ).execute()
    alike = rows(BillingGroup, "of customer", _of_customer, customer.id, document.currency)
    return alike[0] if alike else groups.group_for(customer, document.currency, by=by, now=now)


def _by_source_id(source: str, source_id: str) -> ModelSelect:
    return Customer.select().where(Customer.source == source, Customer.source_id == source_id)


def _of_customer(customer: str, currency: str) -> ModelSelect:
    return (
        BillingGroup.select()
        .where(BillingGroup.customer == customer, BillingGroup.currency == currency)
        .order_by(BillingGroup.id)
    )


def _make(document: Document, *, by: By, now: datetime) -> Customer:
    buyer = document.buyer
    customer: Customer = Customer.create(
        public_id=secrets.token_hex(8),
        name=buyer.name,
        source=document.source if document.customer_id else None,
        source_id=document.customer_id,
        vat_number=_vat(buyer),
        registration_number=buyer.registration_number,
        match_key=match_key(buyer),
        email=buyer.email,
        phone=buyer.phone,
        address={
            "lines": list(buyer.lines),
            "postcode": buyer.postcode,
            "city": buyer.city,
            "region": buyer.region,
            "country": buyer.country,
        },
        created_at=now,
    )
    history.record(customer, "customer_made", by=by, now=now)
    return customer


def _vat(buyer: Party) -> str | None:
    return folded(buyer.vat_number).upper() or None
