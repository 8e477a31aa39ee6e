"""The steps that talk to a provider. No transaction is open while they do; what they learn goes to apply_outcome."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from datetime import datetime, timedelta

from billing import connections, history, ledger
from billing.payments.outcome import apply_outcome
from billing.payments.request import return_address
from database import insert_once, retried, transaction
from gateways.contract import (
    Attempt as Told,
)
from gateways.contract import (
    ChargeRequest,
    ClientStep,
    Initiator,
    MethodKind,
    Outcome,
    Payer,
    PaymentRequest,
    SetupState,
)
from models import Attempt, BillingGroup, Connection, Payment, PaymentMethod

log = logging.getLogger("tillhouse.payments")

CHARGE, PAGE = "charge", "page"
STALE_AFTER = timedelta(days=1)  # what a customer pressed is not sent later than this


def lease() -> timedelta:
    """How long a call may take before the clock takes it for interrupted: twice the provider's timeout."""
    return timedelta(seconds=2 * connections.CALL_TIMEOUT)


def capture(payment: Payment, now: datetime) -> None:
    """Take a queued payment, commit its try with its key, and only then call the provider. Safe to run twice."""
    taken = _take(payment, now)
    if taken:
        apply_outcome(taken, _call(taken), now=now)


def replay(attempt: Attempt, now: datetime) -> None:
    """The same call under the same key: the provider answers with what it did the first time, or does it now."""
    Attempt.update(tries=Attempt.tries + 1).where(Attempt.id == attempt.id).execute()
    told = _call(attempt)
    if told.outcome is Outcome.NOT_SUBMITTED:
        return  # says nothing about the first call
    apply_outcome(attempt, told, now=now)


def look_up(payment: Payment, now: datetime, theirs: str | None = None) -> bool:
    """Ask the provider what became of the newest try. "Not found" is not a no; False where it did not answer at all.

    A try that never reached the provider is asked about too: it may have been wrong about that. `theirs`: the
    reference somebody named, where the try has none yet.
    """
    attempt = newest(payment)
    if attempt is None:
        return True
    told = ask_provider(attempt, theirs)
    if told is None:
        return True
    if told.outcome in (Outcome.UNKNOWN, Outcome.NOT_SUBMITTED):  # about the question, not about the payment
        return False
    apply_outcome(attempt, told, now=now)
    return True


def ask_provider(attempt: Attempt, theirs: str | None = None) -> Told | None:
    """What the provider knows of a try; None where it finds nothing (yet)."""
    payment: Payment = attempt.payment
    try:
        gateway = connections.gateway(attempt.connection)
        if theirs := attempt.theirs or theirs:
            return gateway.lookup(theirs=theirs)
        return gateway.lookup(ours=payment.secret)
    except Exception as error:  # an adapter's bug must not lose the payment: it stays unknown
        log.exception("look-up failed: payment=%s error=%s", payment.public_id, type(error).__name__)
        return Told(Outcome.UNKNOWN, raw={"error": type(error).__name__})


def cancel_page(attempt: Attempt) -> Told | None:
    """Close a try's page at the provider, and say what it became; where it cannot be closed, what is known of it."""
    payment: Payment = attempt.payment
    # a key for each time: a provider that stored an error would repeat it under the same one for ever
    key = _key(payment, attempt.number, f"cancel {attempt.asked}")
    if attempt.theirs:
        try:
            told = connections.gateway(attempt.connection).cancel(attempt.theirs, key=key)
        except Exception as error:
            log.exception("cancel failed: payment=%s error=%s", payment.public_id, type(error).__name__)
        else:
            if told.outcome not in (Outcome.UNKNOWN, Outcome.NOT_SUBMITTED):
                return told
    return ask_provider(attempt)


def store_method(attempt: Attempt, now: datetime) -> PaymentMethod | None:
    """Keep the method a payment was made with, once however many tell of it. The provider says what it is."""
    payment: Payment = attempt.payment
    if not payment.keep_method or not attempt.setup or attempt.setup_ended_at or payment.group_id is None:
        return None
    setup = connections.gateway(attempt.connection).lookup_setup(theirs=attempt.setup)
    if setup is None or setup.state is SetupState.OPEN:
        return None
    with transaction():
        ledger.locked(BillingGroup, payment.group_id)  # of two at once one is the first, and so the default
        method = None
        if setup.state is SetupState.STORED and setup.method is not None:
            first = (
                not PaymentMethod.select()
                .where(PaymentMethod.group == payment.group_id, PaymentMethod.removed_at.is_null())
                .exists()
            )
            new = insert_once(
                PaymentMethod,
                public_id=f"M-{payment.public_id[2:]}",
                group=payment.group_id,
                connection=attempt.connection_id,
                token=setup.method.token,
                kind=setup.method.kind,
                brand=setup.method.brand,
                last4=setup.method.last4,
                expires_year=setup.method.expires_year,
                expires_month=setup.method.expires_month,
                mandate=setup.method.mandate,
                is_default=first,
                created_at=now,
            )
            method = PaymentMethod.get_or_none(
                PaymentMethod.connection == attempt.connection_id, PaymentMethod.token == setup.method.token
            )
            if new is not None and method:
                history.record(method, "stored", by=history.GATEWAY, now=now, payment=payment.id)
        Attempt.update(setup_ended_at=now).where(Attempt.id == attempt.id).execute()
        return method


def newest(payment: Payment) -> Attempt | None:
    found: Attempt | None = (
        Attempt.select().where(Attempt.payment == payment.id).order_by(Attempt.number.desc()).first()
    )
    return found


@retried
def _take(payment: Payment, now: datetime) -> Attempt | None:
    """queued → sending, by one row; with the try and its lease committed before anything is sent."""
    with transaction():
        changed = (
            Payment.update(state=Payment.SENDING, rank=Payment.RANK[Payment.SENDING])
            .where(
                Payment.id == payment.id,
                Payment.state == Payment.QUEUED,
                Payment.not_before.is_null() | (Payment.not_before <= now),
                (Payment.initiator != Initiator.CUSTOMER) | (Payment.created_at >= now - STALE_AFTER),
            )
            .execute()
        )
        if not changed:
            return None
        waiting: Attempt | None = Attempt.get_or_none(
            Attempt.payment == payment.id,
            Attempt.live == True,  # noqa: E712
        )
        if waiting:  # never reached the provider: the same try and key again
            Attempt.update(state=Attempt.SENDING, tries=Attempt.tries + 1, lease_until=now + lease()).where(
                Attempt.id == waiting.id
            ).execute()
            return Attempt.get_by_id(waiting.id)  # type: ignore[no-any-return]
        payment = Payment.get_by_id(payment.id)
        operation = CHARGE if payment.method_id else PAGE
        number = Attempt.select().where(Attempt.payment == payment.id).count() + 1
        parameters = _parameters(payment)
        return Attempt.create(  # type: ignore[no-any-return]
            payment=payment.id,
            number=number,
            operation=operation,
            key=_key(payment, number, operation),
            parameters=parameters,
            parameters_hash=_hash(parameters),
            connection=payment.connection_id,
            live=True,
            tries=1,
            lease_until=now + lease(),
            started_at=now,
        )


def _call(attempt: Attempt) -> Told:
    """Make the call a try stands for. Whatever an adapter raises may have happened: unknown."""
    parameters = attempt.parameters
    if _hash(parameters) != attempt.parameters_hash:
        log.error("parameters changed under a key, never sent: attempt=%s", attempt.id)
        return Told(Outcome.UNKNOWN, raw={"error": "parameters changed"})
    try:
        gateway = connections.gateway(Connection.get_by_id(attempt.connection_id))
    except connections.NoGateway:
        return Told(Outcome.NOT_SUBMITTED, raw={"error": "no address"})
    try:
        if attempt.operation == CHARGE:
            return gateway.charge(_charge_request(parameters), key=attempt.key)
        answer = gateway.begin_payment(_payment_request(parameters), key=attempt.key)
    except Exception as error:
        log.exception("call failed: attempt=%s error=%s", attempt.id, type(error).__name__)
        return Told(Outcome.UNKNOWN, raw={"error": type(error).__name__})
    if isinstance(answer, ClientStep):
        return Told(Outcome.ACTION_REQUIRED, theirs=answer.theirs, client_step=answer)
    return answer


def _parameters(payment: Payment) -> dict[str, object]:
    """What is asked for, kept with the try so that a repeated call says exactly the same."""
    common: dict[str, object] = {
        "ours": payment.secret,
        "amount": payment.amount,
        "currency": payment.currency,
        "payer": asdict(_payer(payment)),
        "description": payment.public_id,
    }
    if payment.method_id is None:
        return common | {"return_url": return_address(payment), "keep": payment.keep_method}
    present = payment.initiator == Initiator.CUSTOMER
    return common | {
        "token": payment.method.token,
        "kind": payment.method.kind,
        "initiator": payment.initiator,
        "return_url": return_address(payment) if present else None,
        "mandate": payment.method.mandate,
    }


def _payer(payment: Payment) -> Payer:
    """Who pays: the company; or somebody without an account, who is told no company's name, as they wrote it."""
    group: BillingGroup | None = payment.group
    if group is None or payment.came_by != Payment.PORTAL:
        return Payer(ours=payment.public_id, name=payment.guest_name, email=payment.guest_email)
    return Payer(ours=group.public_id, name=group.name)


def _charge_request(told: dict[str, object]) -> ChargeRequest:
    words = dict(told)
    words["payer"] = Payer(**words["payer"])  # type: ignore[arg-type]
    words["kind"], words["initiator"] = MethodKind(words["kind"]), Initiator(words["initiator"])  # type: ignore[arg-type]
    return ChargeRequest(**words)  # type: ignore[arg-type]


def _payment_request(told: dict[str, object]) -> PaymentRequest:
    return PaymentRequest(**(told | {"payer": Payer(**told["payer"])}))  # type: ignore[arg-type]


def _key(payment: Payment, number: int, operation: str) -> str:
    """The idempotency key: which payment, which try, which operation. The payment's secret makes it unguessable."""
    return hashlib.sha256(f"{payment.secret} {number} {operation}".encode()).hexdigest()


def _hash(parameters: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
