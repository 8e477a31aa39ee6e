"""Serving the pretend provider: a thread per request, so that one that hangs keeps nobody else waiting."""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.app import ACCOUNT, create_app, wall_clock
from sandbox.courier import Courier
from sandbox.store import Store

PR_SET_PDEATHSIG = 1


class Quiet(WSGIRequestHandler):
    """No line per request: an address of a hosted page is a secret, and logs are kept."""

    def log(self, type: str, message: str, *args: Any) -> None:
        return None


@dataclass
class Running:
    """A sandbox that serves; `stop` ends it within moments, hanging requests included."""

    url: str
    server: BaseWSGIServer
    courier: Courier
    store: Store

    def stop(self) -> None:
        self.server.shutdown()
        self.close()

    def close(self) -> None:
        self.server.server_close()
        self.courier.stop()
        self.store.close()


def open_server(
    folder: Path,
    host: str,
    port: int,
    *,
    secret: str,
    webhook_url: str | None = None,
    account: str = ACCOUNT,
    clock: Callable[[], datetime] = wall_clock,
) -> Running:
    """Bind (port 0: any free one) without serving yet. Raises OSError if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=128) as bound:
        app = create_app(folder, secret=secret, webhook_url=webhook_url, account=account, clock=clock)
        port = bound.getsockname()[1]
        server = make_server(host, port, app, threaded=True, request_handler=Quiet, fd=bound.fileno())
    store: Store = app.extensions["store"]
    courier = Courier(store, secret.encode(), account, webhook_url)
    shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
    return Running(f"http://{shown}:{port}", server, courier, store)


def start(folder: Path, host: str = "127.0.0.1", port: int = 0, **settings: Any) -> Running:
    """Serve from a background thread; for tests. Settings as `open_server` takes them."""
    running = open_server(folder, host, port, **settings)
    running.courier.start()
    threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return running


def run(
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    secret: str,
    webhook_url: str | None = None,
    account: str = ACCOUNT,
    clock: Callable[[], datetime] = wall_clock,
    ready: Callable[[str], None] = print,
    die_with_parent: bool = False,
) -> None:
    """Serve in the main thread until TERM or INT. `ready` gets the address once it answers. Raises OSError."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    if die_with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    running = open_server(folder, host, port, secret=secret, webhook_url=webhook_url, account=account, clock=clock)
    running.courier.start()
    try:
        ready(running.url)
        running.server.serve_forever()
    finally:
        running.server.server_close()  # threads still in a request are daemons and end with the process


def leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
