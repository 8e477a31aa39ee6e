from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateways.contract import Event, Outcome
from tests.gateways.running import running_sandbox
from tests.sandbox.orders import charge


class Hook(ThreadingHTTPServer):
    """Somebody who listens: keeps what came, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HookHandler)
        self.status = 200
        self.came: list[tuple[bytes, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/sandbox"

    def wait(self, many: int) -> None:
        deadline = time.monotonic() + 5
        while len(self.came) < many and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.came) >= many


class HookHandler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((body, dict(self.headers)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_sent_is_what_the_adapter_believes(tmp_path: Path, hook: Hook) -> None:
    with running_sandbox(tmp_path, hook.url) as sandbox:
        gateway = sandbox.gateway()
        paid = gateway.charge(charge(sandbox.keep("visa"), "o1"), key="k")
        hook.wait(1)
        (event,) = gateway.events(*hook.came[0])
        assert isinstance(event, Event)
        assert (event.theirs, event.ours) == (paid.theirs, "o1")
        assert event == gateway.changes(None).items[0]


def test_an_event_nobody_took_is_sent_again_with_the_same_id(tmp_path: Path, hook: Hook) -> None:
    hook.status = 500
    with running_sandbox(tmp_path, hook.url) as sandbox:
        gateway = sandbox.gateway()
        gateway.charge(charge(sandbox.keep("visa"), "o1"), key="k")
        hook.wait(1)
        hook.status = 200
        hook.wait(2)
        first, second = (gateway.events(*came)[0] for came in hook.came[:2])
        assert first == second


def test_an_event_may_be_lost_or_told_twice(tmp_path: Path, hook: Hook) -> None:
    with running_sandbox(tmp_path, hook.url) as sandbox:
        token = sandbox.keep("visa")
        sandbox.set(webhook_copies=0)
        sandbox.gateway().charge(charge(token, "lost"), key="k1")
        time.sleep(0.4)
        sandbox.set(webhook_copies=2)
        sandbox.gateway().charge(charge(token, "twice"), key="k2")
        hook.wait(2)
        told = [sandbox.gateway().events(*came)[0].ours for came in hook.came]
        assert told == ["twice", "twice"]


def test_a_hook_that_is_away_keeps_no_charge_waiting(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, "http://127.0.0.1:1/hooks/sandbox") as sandbox:
        token, begun = sandbox.keep("visa"), time.monotonic()
        assert sandbox.gateway().charge(charge(token, "o1"), key="k").outcome is Outcome.SUCCEEDED
        assert time.monotonic() - begun < 2


def test_events_not_yet_sent_survive_a_restart(tmp_path: Path, hook: Hook) -> None:
    with running_sandbox(tmp_path, None) as sandbox:
        sandbox.set(webhook_delay_ms=500)
        sandbox.gateway().charge(charge(sandbox.keep("visa"), "o1"), key="k")
        sandbox.stop()
        assert not hook.came
        sandbox.webhook_url = hook.url
        sandbox.start()
        hook.wait(1)
