"""One cast everywhere: Ada pays for Acme, Vic may only look, Mallory is another customer's, Root is the merchant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import BillingGroup, Customer, Membership, Person, Staff


@dataclass(frozen=True)
class Cast:
    acme: BillingGroup
    globex: BillingGroup  # Mallory's
    ada: Person
    vic: Person
    mallory: Person
    root: Staff


def make_cast(now: datetime) -> Cast:
    """Put the cast into an empty database: two customers with a group in EUR each, three people, one of staff."""
    acme = make_group("Acme Ltd", "C-ACME", now)
    globex = make_group("Globex GmbH", "C-GLOBEX", now)
    return Cast(
        acme=acme,
        globex=globex,
        ada=make_person("ada@acme.example", "Ada Acme", acme, Membership.PAY, now),
        vic=make_person("vic@acme.example", "Vic Viewer", acme, Membership.VIEW, now),
        mallory=make_person("mallory@globex.example", "Mallory", globex, Membership.PAY, now),
        root=Staff.create(email="root@hartwell.example", name="Root", created_at=now),
    )


def make_group(name: str, public_id: str, now: datetime, currency: str = "EUR") -> BillingGroup:
    customer = Customer.create(public_id=public_id, name=name, match_key=public_id, created_at=now)
    return BillingGroup.create(
        public_id=f"G-{public_id[2:]}", customer=customer, name=name, currency=currency, created_at=now
    )


def make_person(email: str, name: str, group: BillingGroup, role: str, now: datetime) -> Person:
    person = Person.create(public_id=email.split("@")[0].upper(), email=email, name=name, created_at=now)
    Membership.create(person=person, group=group, role=role, created_at=now)
    return person
