"""What carries the requests of Stripe's library, and what is known where they fail."""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any, cast

import requests
import stripe
from urllib3.exceptions import NewConnectionError

CONNECT = 5.0  # seconds of a call's time to be connected in


class NeverLeft(stripe.APIConnectionError):
    """Nothing was sent."""


class Wire(stripe.HTTPClient):
    """What carries the library's requests: never twice, never elsewhere, and all of one call by one deadline.

    A thread keeps its connection. A reset on one that had gone stale counts as lost, as any other reset does.
    """

    name = "requests"

    def __init__(self, timeout: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.timeout = timeout
        self.mine = threading.local()

    def begin(self) -> None:
        """A call begins: what this thread sends from now on shares its time."""
        self.mine.deadline = time.monotonic() + self.timeout

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **more: Any
    ) -> tuple[Any, int, Mapping[str, str]]:
        left = self.mine.deadline - time.monotonic()
        if left <= 0:
            raise NeverLeft("no time left", should_retry=False)  # type: ignore[no-untyped-call]
        try:
            answer = self._session().request(
                method, url, headers=dict(headers or {}), data=post_data, timeout=(min(left, CONNECT), left),
                allow_redirects=False,
            )  # fmt: skip
            return answer.content, answer.status_code, answer.headers
        except requests.RequestException as error:
            kind = NeverLeft if _never_left(error) else stripe.APIConnectionError
            raise kind(type(error).__name__, should_retry=False) from error  # type: ignore[no-untyped-call]

    def _session(self) -> requests.Session:
        """This thread's connection. A forked child makes its own: two must not speak on one."""
        if getattr(self.mine, "process", None) != os.getpid():
            self.mine.process = os.getpid()
            self.mine.session = requests.Session()
            self.mine.session.auth = lambda request: request  # else a .netrc could replace our key
        return cast(requests.Session, self.mine.session)


def _never_left(error: BaseException | None) -> bool:
    """Whether an error came before the request: no address, no connection, no certificate to be believed."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    while error is not None:
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        if isinstance(error, NewConnectionError | ssl.SSLCertVerificationError):
            return True
        error = getattr(error, "reason", None) or inner
        if not isinstance(error, BaseException):
            return False
    return False
