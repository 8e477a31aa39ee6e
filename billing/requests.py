"""Access requests: somebody who proved an address asks to be let into a group, and staff say yes or no."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from billing import attention, dates, groups, history, letters, people
from billing import settings as settings_of
from billing.errors import BadRule
from database import insert_once, retried, transaction
from models import AccessRequest, BillingGroup, Customer, Membership, Person, Staff
from workers import queue

KIND = "access_request"  # what staff are told


@dataclass(frozen=True)
class RequestView:
    """A request as staff read it. `allowed` is None until somebody decided."""

    id: str
    email: str
    name: str
    company: str
    currency: str
    customer_url: str
    proved: bool
    asked_at: datetime
    decided_at: datetime | None
    decided_by: str
    allowed: bool | None
    contract_ended: bool

    @property
    def url(self) -> str:
        return f"/admin/access-requests/{self.id}"


@retried
def ask(
    group: BillingGroup, email: str, *, name: str = "", proved: bool, by: Person | history.Actor, now: datetime
) -> AccessRequest:
    """Ask the merchant to let an address into a group; the question that is open already, where there is one.

    `proved`: whether they showed that the address is theirs. Raises ValueError where it cannot be one.
    """
    folded = people.fold(email)
    with transaction():
        id = insert_once(
            AccessRequest,
            public_id=secrets.token_hex(8),
            group=group,
            email=folded,
            name=people.one_line(name),
            proved=proved,
            asked_at=now,
        )
        if id is not None:
            request: AccessRequest = AccessRequest.get_by_id(id)
            history.record(request, "access_asked", by=by, now=now)
            attention.tell(KIND, request, now=now)
            return request
        same = AccessRequest.select().where(AccessRequest.group == group, AccessRequest.email == folded)
        request = same.order_by(AccessRequest.id.desc()).get()
        if proved and not request.proved:
            AccessRequest.update(proved=True).where(AccessRequest.id == request.id).execute()
            request.proved = True
        return request


@retried
def decide(
    request: AccessRequest,
    allowed: bool,
    role: str = Membership.PAY,
    *,
    by: Staff | history.Actor,
    now: datetime,
) -> bool:
    """Let them in with a role, or not; they are told by letter. False where it was decided before: once is once.

    Raises BadRule("contract_ended") where they were to be let in and the group's contract is over.
    """
    if role not in people.RANK:
        raise ValueError(f"no such role: {role}")
    actor = history.actor(by)
    with transaction():
        changed = (
            AccessRequest.update(
                decided_at=now, decided_by=actor.id if actor.kind == "staff" else None, allowed=allowed
            )
            .where(AccessRequest.id == request.id, AccessRequest.decided_at.is_null())
            .execute()
        )
        if not changed:
            return False
        if allowed and not groups.hold_open(request.group, dates.day(now, settings_of.load().timezone)):
            raise BadRule("contract_ended")
        person = people.person_by_email(request.email)
        if allowed:
            person = people.make_person(request.email, by=by, now=now, name=request.name)
            people.let_in(person, request.group, role, None, by=by, now=now)
        told = {"role": role} if allowed else {}
        history.record(request, "access_allowed" if allowed else "access_refused", by=by, now=now, **told)
        attention.settle_about(request, KIND, now=now, by=actor.id if actor.kind == "staff" else None)
        letter = letters.queue(
            "access_allowed" if allowed else "access_refused",
            cause=f"{'access_allowed' if allowed else 'access_refused'} {request.id}",
            to=request.email,
            person=person,
            group=request.group,
            now=now,
        )
    queue.enqueue("workers.letters.send", letter or 0, queue="letters")
    return True


def one(public_id: str) -> AccessRequest | None:
    if not public_id.isprintable():
        return None
    found: AccessRequest | None = AccessRequest.get_or_none(AccessRequest.public_id == public_id)
    return found


def view(request: AccessRequest, now: datetime) -> RequestView:
    group: BillingGroup = request.group
    customer: Customer = group.customer
    return RequestView(
        id=request.public_id,
        email=request.email,
        name=request.name,
        company=group.name,
        currency=group.currency,
        customer_url=f"/admin/customers/{customer.public_id}",
        proved=request.proved,
        asked_at=request.asked_at,
        decided_at=request.decided_at,
        decided_by=request.decided_by.name if request.decided_by_id else "",
        allowed=request.allowed,
        contract_ended=groups.has_ended(group, dates.day(now, settings_of.load().timezone)),
    )
