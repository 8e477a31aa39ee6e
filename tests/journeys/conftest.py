"""A portal with everything running (web, worker, clock, Redis, sandbox), invoices in it, and Chromium to walk it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import database
import environ
import startup
from billing import connections, dates, history, settings, sign_ins
from models import Invoice, PaymentMethod
from processes import ROOT
from tests.bills import bill
from tests.cast import Cast, make_cast

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PATIENCE = 60.0  # seconds until everything answers; the machine may be busy
PORTAL = [sys.executable, str(ROOT / "portal.py")]


@dataclass
class House:
    """The running portal. The test's process looks into the same database."""

    url: str
    cast: Cast
    counted: list[str] = field(default_factory=list)

    def link(self) -> str:
        """A sign-in link of Ada's."""
        return sign_ins.for_command(self.cast.ada, now=dates.now())

    def bill(self, amount: int, due_in_days: int = 0) -> Invoice:
        number = f"J-{len(self.counted) + 1:03}"
        self.counted.append(number)
        now = dates.now()
        due_on = now.date() + timedelta(due_in_days)
        return bill(self.cast.acme, amount, now=now, number=number, due_on=due_on)

    def stored(self) -> PaymentMethod | None:
        return PaymentMethod.get_or_none(PaymentMethod.group == self.cast.acme)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("journeys") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "PORTAL_URL",
            "DATABASE_URL",
            "REDIS_URL",
            "SANDBOX_URL",
            "SMTP_URL",
            "PORTAL_THEME",
            "PORTAL_NOW",
        ):
            patch.delenv(name, raising=False)
        port = free_port()
        patch.setenv("PORTAL_HOME", str(home))
        patch.setenv("PORT", str(port))
        serve = start(home, "serve", "--port", str(port))
        sandbox = start(home, "sandbox")
        try:
            until_there(home / "sandbox.url", sandbox)
            until_heard(port, serve)
            env = environ.read()
            database.open_database(env.database_url)
            startup.configure(env)
            database.connect()
            yield House(env.url, furnish(dates.now()))
        finally:
            database.close()
            for process in (sandbox, serve):
                process.send_signal(signal.SIGTERM)
            for process in (sandbox, serve):
                process.wait(PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


def furnish(now: datetime) -> Cast:
    settings.save(
        {"portal_enabled": True, "business_name": "Hartwell Garden Services", "business_phone": "01234 567890"},
        by=history.COMMAND,
        now=now,
    )
    connections.open_sandbox(now=now)
    return make_cast(now)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(home: Path, *command: str) -> subprocess.Popen[bytes]:
    home.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{command[0]}.out").open("wb") as output:
        return subprocess.Popen([*PORTAL, *command], stdout=output, stderr=output, env=dict(os.environ))


def until_there(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, f"{path.name} did not appear"
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.05)


def until_heard(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "the portal ended at its start"
            assert time.monotonic() < deadline, "the portal did not answer"
            time.sleep(0.1)
