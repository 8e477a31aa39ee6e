"""Who the merchant is, as pages, letters and PDFs show them."""

from __future__ import annotations

from billing import connections
from billing.settings import Settings
from records import MerchantView


def view(settings: Settings) -> MerchantView:
    """The merchant from the settings; `rehearsal` while nobody takes real money. One query."""
    return MerchantView(
        name=settings.business_name,
        phone=settings.business_phone,
        email=settings.business_email,
        address=tuple(settings.business_address.splitlines()),
        vat_number=settings.business_vat_number,
        registration_number=settings.business_registration_number,
        accent=settings.accent,
        rehearsal=connections.is_rehearsal(),
    )
