"""One conversation with GoCardless through its official library: nothing is repeated, everything takes 20 s together.

Whatever the library raises becomes one of four: `NotSent`, `Lost`, `Refused`, `Conflict`. Errors and their types:
https://developer.gocardless.com/api-reference/#api-usage-errors
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from gocardless_pro import errors, services
from gocardless_pro.api_client import ApiClient
from urllib3.exceptions import NewConnectionError

LONGEST_CONNECT = 5.0  # seconds of a request's share that may go into connecting
ONCE = (1, 0, True)  # tries, seconds between them, tell us of a key that was used before

PAYMENTS = services.PaymentsService
REFUNDS = services.RefundsService
MANDATES = services.MandatesService
ACCOUNTS = services.CustomerBankAccountsService
REQUESTS = services.BillingRequestsService
FLOWS = services.BillingRequestFlowsService
EVENTS = services.EventsService

Found = Mapping[str, Any]


class NotSent(Exception):
    """Nothing went out: nobody listens there, or its name is not known."""


class Lost(Exception):
    """Something went out, and nothing that can be believed came back."""


class Refused(Exception):
    """GoCardless understood who asks and did not carry it out."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(f"answered {status}")
        self.status = status
        told = [each for each in error.get("errors") or () if isinstance(each, dict)]
        self.reasons = tuple(str(each["reason"]) for each in told if each.get("reason"))
        self.raw = {  # never its messages: they may repeat what we sent
            "http": status,
            "type": str(error.get("type") or ""),
            "reasons": list(self.reasons),
            "fields": [str(each["field"]) for each in told if each.get("field")],
            "request_id": str(error.get("request_id") or ""),
        }

    @property
    def our_fault(self) -> bool:
        """Our keys or our order are wrong; only too many at once is nobody's fault."""
        return self.status != 429


class Conflict(Exception):
    """The key was used before. `first` is what it made then; None where that is not told."""

    def __init__(self, first: str | None) -> None:
        super().__init__("key used before")
        self.first = first


class Wire:
    """The requests of one adapter call, which share `timeout` seconds. `ordered`: an order may be in their books."""

    def __init__(self, base: str, token: str, timeout: float) -> None:
        self._until = time.monotonic() + timeout
        self._api = ApiClient(base, token, timeout=timeout)
        self.ordered = False

    def get(self, service: Any, identity: str) -> Found:
        return _resource(self._say(lambda: service(self._api, *ONCE).get(identity)))

    def list(self, service: Any, filters: Mapping[str, Any]) -> tuple[list[Found], str | None]:
        """One page, newest first, and the cursor of the next (older) one."""
        page = self._say(lambda: service(self._api, *ONCE).list(params=dict(filters)))
        try:
            return [_resource(record) for record in page.records], page.after
        except (AttributeError, TypeError) as error:
            raise Lost("unreadable answer") from error

    def create(self, service: Any, order: Mapping[str, Any], key: str) -> Found:
        headers = {"Idempotency-Key": key}
        return self._order(lambda: service(self._api, *ONCE).create(params=dict(order), headers=headers))

    def act(self, service: Any, action: str, identity: str, key: str | None = None) -> Found:
        """Have something done to an object: `cancel`, `initialise`. Without a key the library makes one each time."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._order(lambda: getattr(service(self._api, *ONCE), action)(identity, headers=headers))

    def _order(self, call: Callable[[], Any]) -> Found:
        before, self.ordered = self.ordered, True
        try:
            return _resource(self._say(call))
        except (NotSent, Refused):
            self.ordered = before
            raise

    def _say(self, call: Callable[[], Any]) -> Any:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Lost("no time left")
        connect = min(LONGEST_CONNECT, left / 4)
        self._api.timeout = (connect, left - connect)
        try:
            return call()
        except requests.ConnectTimeout as error:
            raise NotSent("ConnectTimeout") from error
        except requests.ConnectionError as error:
            reason = getattr(error.args[0] if error.args else None, "reason", None)
            if isinstance(reason, NewConnectionError):  # refused, or no such name
                raise NotSent(type(reason).__name__) from error
            raise Lost(type(error).__name__) from error
        except requests.RequestException as error:
            raise Lost(type(error).__name__) from error
        except errors.IdempotentCreationConflictError as error:
            raise Conflict(_first(error.error)) from error
        except errors.AuthenticationError as error:
            raise Refused(401, error.error) from error
        except errors.PermissionsError as error:
            raise Refused(403, error.error) from error
        except errors.RateLimitError as error:
            raise Refused(429, error.error) from error
        except errors.ApiError as error:
            status = error.code
            sure = isinstance(status, int) and 400 <= status < 500 and status not in (408, 409)
            if not sure or isinstance(error, errors.GoCardlessInternalError):
                raise Lost(f"answered {status}") from error
            raise Refused(status, error.error) from error
        # the library trips over answers that are no JSON, or not of their published shape, in many ways
        except (errors.GoCardlessProError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise Lost("unreadable answer") from error


def _resource(made: Any) -> Found:
    found = getattr(made, "attributes", None)
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise Lost("unreadable answer")
    return found


def _first(error: Mapping[str, Any]) -> str | None:
    for each in error.get("errors") or ():
        first = (each.get("links") or {}).get("conflicting_resource_id") if isinstance(each, dict) else None
        if first:
            return str(first)
    return None
