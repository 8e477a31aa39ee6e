"""The app as a browser meets it: the portal is on, the clock stands still until a test moves it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import portal
from billing import connections, dates, history, links, settings
from blueprints import waiting
from environ import Environ
from models import Connection
from tests.browser import Browser
from tests.cast import Cast
from tests.gateways.running import RunningSandbox, running_sandbox
from workers import queue


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def forward(self, **by: float) -> datetime:
        """Let time pass: `clock.forward(minutes=31)`."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(now)
    monkeypatch.setattr(dates, "now", lambda: clock.now)
    return clock


@pytest.fixture
def counted_in() -> tuple[str, dict[str, Any]]:
    """Where limits are counted: in memory, for this test alone."""
    return "memory://", {}


@pytest.fixture
def app(
    cast: Cast, env: Environ, clock: Clock, counted_in: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Flask:
    monkeypatch.setattr(queue, "for_limits", lambda env: counted_in)
    links.configure(env)
    connections.configure(env)
    settings.save(
        {"portal_enabled": True, "business_name": "Hartwell", "business_phone": "01234 567890"},
        by=history.COMMAND,
        now=clock.now,
    )
    return portal.create_app(env)


@pytest.fixture
def visitor(app: Flask) -> Browser:
    """Somebody who is not signed in."""
    return Browser(app)


@pytest.fixture
def ada(app: Flask, cast: Cast) -> Browser:
    return Browser(app).sign_in(cast.ada)


@pytest.fixture
def vic(app: Flask, cast: Cast) -> Browser:
    return Browser(app).sign_in(cast.vic)


@pytest.fixture
def mallory(app: Flask, cast: Cast) -> Browser:
    return Browser(app).sign_in(cast.mallory)


@pytest.fixture
def root(app: Flask, cast: Cast) -> Browser:
    """The merchant, signed in as staff."""
    return Browser(app).sign_in(cast.root)


@pytest.fixture
def desk(app: Flask, env: Environ, clock: Clock) -> Connection:
    """The rehearsal's connection with an address: payments can be asked for, nobody answers."""
    env.sandbox_file.write_text("http://127.0.0.1:9")
    return connections.open_sandbox(now=clock.now)


@pytest.fixture
def provider(desk: Connection, env: Environ, tmp_path: Path, clock: Clock) -> Iterator[RunningSandbox]:
    """A sandbox that really runs behind the desk, on the test's clock; the status page does not wait for it."""
    with running_sandbox(tmp_path, clock=lambda: clock.now) as sandbox, pytest.MonkeyPatch.context() as patch:
        sandbox.stop()
        sandbox.secret = connections.sandbox_secret()
        sandbox.start()
        env.sandbox_file.write_text(sandbox.url)
        patch.setattr(connections, "CALL_TIMEOUT", 1.0)
        patch.setattr(waiting, "WAIT", 0.0)
        yield sandbox
