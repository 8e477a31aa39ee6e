"""Whose document it is: found by the source's id, then the VAT number, then name and address; made where unknown."""

from __future__ import annotations

import secrets
from datetime import datetime

from peewee import Expression, ModelSelect

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
    number, others = _vat(buyer), document.source if source_id else ""
    if number and (found := rows(Customer, "by VAT number", _by_vat_number, others, number)):
        return found[0]
    found = rows(Customer, "alike", _alike, others, match_key(buyer))
    return next((row for row in found if not number or row.vat_number is None), None)


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


def _free(source: str) -> Expression:
    """Customers whom this source does not know under an id of its own."""
    return Customer.archived_at.is_null() & (Customer.source_id.is_null() | (Customer.source != source))


def _by_vat_number(source: str, number: str) -> ModelSelect:
    return Customer.select().where(_free(source), Customer.vat_number == number).order_by(Customer.id)


def _alike(source: str, key: str) -> ModelSelect:
    return Customer.select().where(_free(source), Customer.match_key == key).order_by(Customer.id)


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
