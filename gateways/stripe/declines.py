"""What Stripe says of a refusal, in our codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateways.contract import Decline, Severity

Found = Mapping[str, Any]

# https://docs.stripe.com/declines/codes, https://docs.stripe.com/error-codes, and a charge's failure_code.
# Ours, severity, days to wait where that is worth advising, whether customers are told.
DECLINES: dict[str, tuple[str, Severity, int | None, bool]] = {
    **dict.fromkeys(("insufficient_funds", "withdrawal_count_limit_exceeded"),
                    ("insufficient_funds", Severity.SOFT, 3, True)),
    **dict.fromkeys(("expired_card", "invalid_expiry_month", "invalid_expiry_year"),
                    ("expired", Severity.HARD, None, True)),
    **dict.fromkeys(("authentication_required", "authentication_not_handled", "payment_intent_authentication_failure",
                     "setup_intent_authentication_failure", "mobile_device_authentication_required"),
                    ("not_approved", Severity.SOFT, None, True)),
    **dict.fromkeys(("account_closed", "bank_account_closed", "no_account", "invalid_account_number",
                     "bank_account_unusable", "bank_ownership_changed", "recipient_deceased"),
                    ("account_closed", Severity.HARD, None, True)),
    **dict.fromkeys(("debit_not_authorized", "revocation_of_authorization", "revocation_of_all_authorizations",
                     "stop_payment_order", "payment_intent_mandate_invalid", "customer_initiated"),
                    ("not_authorised", Severity.HARD, None, True)),
    **dict.fromkeys(("could_not_process", "bank_cannot_process", "generic_could_not_process", "refer_to_customer",
                     "payment_intent_payment_attempt_failed", "payment_method_provider_decline"),
                    ("returned", Severity.SOFT, None, True)),
    # card schemes forbid telling a holder any of these: it warns a thief
    **dict.fromkeys(("lost_card", "stolen_card", "pickup_card", "fraudulent", "restricted_card", "merchant_blacklist",
                     "security_violation", "highest_risk_level"),
                    ("lost_or_stolen", Severity.HARD, None, False)),
    **dict.fromkeys(("do_not_honor", "generic_decline", "call_issuer", "no_action_taken", "try_again_later",
                     "processing_error", "issuer_not_available", "reenter_transaction", "approve_with_id",
                     "card_velocity_exceeded"),
                    ("refused", Severity.SOFT, None, False)),
}  # fmt: skip
UNKNOWN_DECLINE = ("refused", Severity.HARD, None, False)
# Mastercard's advice on when to come back, https://docs.stripe.com/declines/network-codes
ADVISED_DAYS = {"24": 1, "25": 1, "26": 2, "27": 4, "28": 6, "29": 8, "30": 10}
# Codes the card schemes allow no further try after: Mastercard's 03 and 21; Visa's stop orders.
NEVER_AGAIN = {"03", "21"}, {"R0", "R1", "R3"}


def decline(error: Found | None, failure: str | None = None) -> Decline:
    told = error or {}
    known = (told.get("decline_code"), failure, told.get("code"))
    code, severity, days, tell = next((DECLINES[name] for name in known if name in DECLINES), UNKNOWN_DECLINE)
    advice, network = told.get("network_advice_code"), told.get("network_decline_code")
    if told.get("advice_code") == "do_not_try_again" or advice in NEVER_AGAIN[0] or network in NEVER_AGAIN[1]:
        severity = Severity.HARD
    elif code == "refused" and (told.get("advice_code") == "try_again_later" or advice in ADVISED_DAYS):
        severity = Severity.SOFT
    days = ADVISED_DAYS.get(str(advice), days)
    return Decline(code, severity, days if severity is Severity.SOFT else None, tell)


def told_by(error: Found | None) -> dict[str, Any]:
    names = ("code", "decline_code", "advice_code", "network_advice_code", "network_decline_code")
    return {name: error[name] for name in names if error and error.get(name)}
