"""The provider for tests of the rules: a sandbox that really runs, with a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from billing import connections, links
from environ import Environ
from models import Connection
from tests.conftest import NOW
from tests.gateways.running import RunningSandbox, running_sandbox


@dataclass
class Clock:
    now: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(env: Environ, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A running sandbox that the portal's connection talks to. Calls give up after one second."""
    links.configure(env)
    monkeypatch.setattr(connections, "CALL_TIMEOUT", 1.0)
    with running_sandbox(tmp_path, clock=clock) as sandbox:
        sandbox.stop()
        sandbox.secret = connections.sandbox_secret()
        sandbox.start()
        env.sandbox_file.write_text(sandbox.url)
        connections.configure(env)
        yield sandbox


@pytest.fixture
def connection(db: object, provider: RunningSandbox) -> Connection:
    return connections.open_sandbox(now=NOW)
