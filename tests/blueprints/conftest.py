"""The app as a browser meets it: the portal is on, the clock stands still until a test moves it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

import portal
from billing import connections, dates, history, links, settings
from blueprints import assets, waiting
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


class Compiled(BytecodeCache):
    """What Jinja made of each template, kept over the tests of a process: it is the same for every app."""

    def __init__(self) -> None:
        self.made: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.made:
            bucket.bytecode_from_string(self.made[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.made[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@pytest.fixture(scope="session")
def quick_routes() -> Iterator[None]:
    """Werkzeug writes and compiles two functions for each route of each app: here once, for the routes are the same."""
    make = Rule._compile_builder
    made: dict[tuple[Any, ...], Any] = {}

    def kept(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, rule.endpoint, repr(rule.defaults), append_unknown)
        if key not in made:
            made[key] = make(rule, append_unknown)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", kept)
        yield


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files, squeezed once: each app finds them in its folder."""
    folder = tmp_path_factory.mktemp("static")
    assets.build(folder)
    return folder / "static"


@pytest.fixture
def counted_in() -> tuple[str, dict[str, Any]]:
    """Where limits are counted: in memory, for this test alone."""
    return "memory://", {}


@pytest.fixture
def app(
    cast: Cast,
    env: Environ,
    clock: Clock,
    counted_in: tuple[str, dict[str, Any]],
    static_files: Path,
    quick_routes: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Flask:
    monkeypatch.setattr(queue, "for_limits", lambda env: counted_in)
    links.configure(env)
    connections.configure(env)
    settings.save(
        {"portal_enabled": True, "business_name": "Hartwell", "business_phone": "01234 567890"},
        by=history.COMMAND,
        now=clock.now,
    )
    shutil.copytree(static_files, env.home / "static", dirs_exist_ok=True)
    app = portal.create_app(env)
    app.jinja_env.bytecode_cache = COMPILED
    return app


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
