"""Stored ways to pay: which a group has and may use."""

from __future__ import annotations

from billing.payments.showing import method_view
from models import Connection, PaymentMethod
from records import MethodView


def usable(group: int, connection: Connection | None) -> list[PaymentMethod]:
    """A group's methods that can be charged now, the default first."""
    if connection is None:
        return []
    return list(
        PaymentMethod.select()
        .where(
            PaymentMethod.group == group,
            PaymentMethod.connection == connection.id,
            PaymentMethod.removed_at.is_null(),
            PaymentMethod.refused_at.is_null(),
        )
        .order_by(PaymentMethod.is_default.desc(), PaymentMethod.id)
    )


def kept(group: int) -> list[MethodView]:
    """Everything stored, the unusable too, for showing."""
    rows = (
        PaymentMethod.select()
        .where(PaymentMethod.group == group, PaymentMethod.removed_at.is_null())
        .order_by(PaymentMethod.is_default.desc(), PaymentMethod.id)
    )
    return [method_view(row) for row in rows]


def one(group: int, public_id: str) -> PaymentMethod | None:
    """A method of this very group; somebody else's does not exist."""
    found: PaymentMethod | None = PaymentMethod.get_or_none(
        PaymentMethod.group == group, PaymentMethod.public_id == public_id, PaymentMethod.removed_at.is_null()
    )
    return found
