"""What the rules refuse. Views and jobs decide what a refusal means to them; its words stand in the templates."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Something that may not happen. `code` names it, `values` complete the sentence."""

    code = "refused"

    def __init__(self, code: str | None = None, **values: Any) -> None:
        self.code = code or type(self).code
        self.values = values
        super().__init__(self.code)


class NotAllowed(Refusal):
    """A switch is off, or the person's role does not go so far."""

    code = "not_allowed"


class PortalClosed(Refusal):
    code = "portal_closed"


class NothingToPay(Refusal):
    """None of the chosen invoices can be paid now."""

    code = "nothing_to_pay"


class NotFree(Refusal):
    """Somebody else's claim was quicker. `values["invoices"]`: (number, address, free now in minor units)."""

    code = "not_free"


class MethodUnusable(Refusal):
    code = "method_unusable"


class TokenReused(Refusal):
    """The form was sent before with another amount or method; `values["payment"]` is what came of it."""

    code = "token_reused"


class PaidJustNow(Refusal):
    """The same invoices and amount were paid a moment ago from another form; `values["payment"]`."""

    code = "paid_just_now"


class NotVoidable(Refusal):
    code = "not_voidable"


class NotUndoable(Refusal):
    code = "not_undoable"


class BadSetting(Refusal):
    """A setting's value that cannot be; `values["name"]`."""

    code = "bad_setting"


class LinkUnusable(Refusal):
    """A sign-in link or code that is used, replaced or too old."""

    code = "link_unusable"


class WrongCode(Refusal):
    code = "wrong_code"


class SignInRefused(Refusal):
    """A wrong password, an unknown address or a lock: the same words for all."""

    code = "sign_in_refused"


class BadPassword(Refusal):
    """A password that cannot be chosen: too_short, too_long, too_common, too_close, same_as_temporary."""

    code = "bad_password"


class BadRule(Refusal):
    """An access rule that cannot be: not_one, not_an_address, public_domain, exists, under_domain, over_addresses
    (`values["addresses"]`), contract_ended.
    """

    code = "bad_rule"


class UserIdTaken(Refusal):
    """A user id that somebody has, or that cannot be one."""

    code = "user_id_taken"


class LastManager(Refusal):
    """Who gives their own access away would leave nobody to manage it."""

    code = "last_manager"


class GuestRefused(Refusal):
    """A guest may not pay now: guest_off, form_off, too_many_tries, too_many_declines, closed (card testing)."""

    code = "guest_refused"


class FactorRefused(Refusal):
    """A second factor, recovery code or passkey that does not fit."""

    code = "factor_refused"
