"""A sandbox that really runs, for any test: as a thread, or as a process that can be killed.

with running_sandbox(tmp_path) as sandbox:
    gateway = sandbox.gateway()
    token = sandbox.keep("visa")
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from gateways.contract import Gateway
from gateways.registry import load
from sandbox.app import wall_clock
from sandbox.server import Running, start

ROOT = Path(__file__).resolve().parents[2]
SECRET = "rehearsal-secret"


@dataclass
class RunningSandbox:
    """Its address, and everything a test may want to do to it."""

    folder: Path
    webhook_url: str | None = None
    clock: Callable[[], datetime] = wall_clock
    secret: str = SECRET
    account: str = "rehearsal"
    url: str = ""
    _thread: Running | None = field(default=None, repr=False)
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def config(self) -> dict[str, str]:
        return {"url": self.url, "secret": self.secret, "account": self.account}

    def gateway(self, **changes: str) -> Gateway:
        """The adapter; for instance `gateway(timeout="0.3")`."""
        return load("sandbox", {**self.config, **changes})

    def set(self, **settings: int) -> None:
        """Change the weather: `latency_ms`, `drop_after`, … (sandbox/store.py: DEFAULTS)."""
        self.call("POST", "/test/settings", settings)

    def keep(self, instrument: str, payer: str = "acme") -> str:
        """Store a named instrument without a page; its token."""
        return str(self.call("POST", "/test/methods", {"instrument": instrument, "payer": payer})["token"])

    def settle(self, theirs: str) -> None:
        self.call("POST", f"/test/objects/{theirs}/settle", {})

    def fail(self, theirs: str, code: str = "debit_failed") -> None:
        self.call("POST", f"/test/objects/{theirs}/fail", {"code": code})

    def give_back(self, theirs: str, code: str = "debit_failed") -> None:
        """The bank returns a debit that had settled."""
        self.call("POST", f"/test/objects/{theirs}/return", {"code": code})

    def charges(self) -> list[dict[str, Any]]:
        """Every payment there ever was, oldest first."""
        found: list[dict[str, Any]] = self.call("GET", "/test/charges")["charges"]
        return found

    def captured(self) -> dict[str, int]:
        """For each `ours` how many payments took money. More than 1 is what must never be."""
        found: dict[str, int] = self.call("GET", "/test/charges")["captured"]
        return found

    def press(self, page: str, do: str = "pay", instrument: str = "visa") -> str | None:
        """Press a button on a hosted page as a browser without JavaScript; where it sends us, None if nowhere."""
        form = urlencode({"do": do, "instrument": instrument})
        status, headers, _ = self.request("POST", page, form.encode(),
                                          {"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
        return headers.get("location") if status == 303 else None

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        status, _, body = self.request(method, path, json.dumps(given or {}).encode(),
                                       {"Authorization": f"Bearer {self.secret}"})  # fmt: skip
        assert status in (200, 201, 202, 402), (status, body)
        answer: dict[str, Any] = json.loads(body)
        return answer

    def request(
        self, method: str, address: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of a path or address at the sandbox."""
        to, at = urlsplit(self.url), urlsplit(address)
        connection = HTTPConnection(to.hostname or "", to.port, timeout=30)
        try:
            path = at.path + (f"?{at.query}" if at.query else "")
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def start(self, *, process: bool = False) -> None:
        """Come up; the second time on the same port, with the same books."""
        port = urlsplit(self.url).port if self.url else 0
        if not process:
            self._thread = start(self.folder, port=port or 0, secret=self.secret, webhook_url=self.webhook_url,
                                 account=self.account, clock=self.clock)  # fmt: skip
            self.url = self._thread.url
            return
        command = [sys.executable, "-m", "sandbox", str(self.folder), "--secret", self.secret, "--port", str(port or 0),
                   "--account", self.account]  # fmt: skip
        if self.webhook_url:
            command += ["--webhook-url", self.webhook_url]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the sandbox did not start"

    def stop(self) -> None:
        """As TERM would."""
        if self._thread:
            self._thread.stop()
        if self._process:
            self._process.terminate()
            self._gone()
        self._thread = self._process = None

    def kill(self) -> None:
        """As kill -9 would; only for one that is a process."""
        assert self._process
        self._process.kill()
        self._gone()
        self._process = None

    def _gone(self) -> None:
        assert self._process
        assert self._process.stdout
        self._process.wait(10)
        self._process.stdout.close()


@contextmanager
def running_sandbox(
    folder: Path,
    webhook_url: str | None = None,
    *,
    process: bool = False,
    clock: Callable[[], datetime] = wall_clock,
) -> Iterator[RunningSandbox]:
    """A sandbox on a free loopback port with its books in `folder/sandbox`. A process keeps the machine's clock."""
    sandbox = RunningSandbox(folder / "sandbox", webhook_url, clock)
    sandbox.start(process=process)
    try:
        yield sandbox
    finally:
        sandbox.stop()
