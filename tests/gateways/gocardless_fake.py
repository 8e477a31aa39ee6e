"""A pretend GoCardless on a loopback port, and everything a test may want to do to it.

with running_gocardless() as fake:
    gateway = fake.gateway()
    fake.trouble("drop_after")
"""

from __future__ import annotations

import copy
import hmac
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateways.contract import Gateway
from gateways.registry import load
from tests.gateways.gocardless_books import CREDITOR, PREFIX, Books, No

TOKEN, SECRET, LIVE_SECRET = "sandbox_rehearsal_token", "webhook-secret", "webhook-secret-of-the-live-endpoint"
SILENCE = 0.8  # seconds, longer than an impatient adapter waits
TROUBLES = ("drop_before", "drop_after", "reset_before", "reset_after", "error_before", "error_after", "gibberish",
            "silence")  # fmt: skip


class FakeGoCardless:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.books = Books(self.url)
        self.silent: set[str] = set()  # mandates whose charges are carried out, and not answered for a while
        self.asked: list[str] = []  # method and path of every request
        self._trouble: tuple[str, int, bool] | None = None
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def gateway(self, **changes: str) -> Gateway:
        return load("gocardless", {"access_token": TOKEN, "webhook_secret": SECRET, "account": CREDITOR, "live": "",
                                   "base": self.url, **changes})  # fmt: skip

    def begin_again(self) -> None:
        """Empty books."""
        with self._lock:
            self.books = Books(self.url)

    def trouble(self, name: str, after: int = 0, *, orders_only: bool = False) -> None:
        """The next request meets trouble; or the one `after` so many."""
        self._trouble = (name, after, orders_only)

    def met_trouble(self) -> bool:
        """Whether it has come to that; what has not is called off."""
        met, self._trouble = self._trouble is None, None
        return met

    def payments(self, ours: str, *statuses: str) -> list[dict[str, Any]]:
        """The payments with a reference of ours, of these states or of any."""
        with self._lock:
            return [copy.deepcopy(each) for each in self.books.things["payments"].values()
                    if each["metadata"].get("tillhouse") == ours
                    and (not statuses or each["status"] in statuses)]  # fmt: skip

    def keep(self, scheme: str = "sepa_core", *, silent: bool = False) -> str:
        """A mandate without a page; its id."""
        with self._lock:
            id: str = self.books.mandate(scheme)["id"]
            if silent:
                self.silent.add(id)
            return id

    def authorise(self, page: str) -> None:
        """The payer goes through a page to its end."""
        with self._lock:
            flow = self.books.things["billing_request_flows"][dict(parse_qsl(urlsplit(page).query))["id"]]
            self.books.authorise(flow["links"]["billing_request"])

    def move(self, theirs: str, status: str, cause: str = "", action: str = "") -> None:
        """What a bank or time does to a payment, a refund, a mandate; of a page: to its payment."""
        with self._lock:
            kind = next(kind for kind, prefix in PREFIX.items() if theirs.startswith(prefix))
            if kind == "billing_requests":
                kind, theirs = "payments", self.books.things[kind][theirs]["links"]["payment_request_payment"]
            self.books.move(kind, self.books.things[kind][theirs], status, cause, action)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(fake) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake._serve(self, "")

            def do_POST(self) -> None:
                fake._serve(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def _serve(self, handler: BaseHTTPRequestHandler, body: str) -> None:
        with self._lock:
            self.asked.append(f"{handler.command} {urlsplit(handler.path).path}")
            trouble = self._due(handler.command == "POST") or ""
            if trouble == "busy":
                status, answer = 429, No(429, "invalid_api_usage", reason="rate_limit_exceeded").body
            elif not trouble.endswith("_before"):
                status, answer = self._answer(handler, body)
            given = (json.loads(body or "null") or {}).get("payments") or {}
            quiet = trouble == "silence" or (given.get("links") or {}).get("mandate") in self.silent
        if trouble.startswith(("drop", "reset")):
            _hang_up(handler, trouble)
        elif trouble.startswith("error"):
            _send(handler, 500, No(500, "gocardless", reason="internal_server_error").body)
        elif trouble == "gibberish":
            _send(handler, 502, b"<html>Bad gateway</html>")
        else:
            time.sleep(SILENCE if quiet else 0)
            _send(handler, status, answer)

    def _answer(self, handler: BaseHTTPRequestHandler, body: str) -> tuple[int, Any]:
        try:
            status, answer = self._do(handler, body)
        except No as no:
            status, answer = no.status, no.body
        return status, copy.deepcopy(answer)

    def _due(self, orders: bool) -> str | None:
        if self._trouble is None:
            return None
        name, after, orders_only = self._trouble
        if orders_only and not orders:
            return None
        self._trouble = (name, after - 1, orders_only) if after else None
        return None if after else name

    def _do(self, handler: BaseHTTPRequestHandler, body: str) -> tuple[int, Any]:
        if handler.headers["Authorization"] != f"Bearer {TOKEN}":
            raise No(401, "invalid_api_usage", reason="access_token_not_found")
        assert handler.headers["GoCardless-Version"] == "2015-07-06"
        asked = urlsplit(handler.path)
        kind, *rest = asked.path.strip("/").split("/")
        if kind not in PREFIX:
            raise No(404, "invalid_api_usage", reason="resource_not_found")
        if handler.command == "GET" and not rest:
            found, after = self.books.list(kind, dict(parse_qsl(asked.query)))
            return 200, {kind: found, "meta": {"cursors": {"before": None, "after": after}, "limit": len(found)}}
        if handler.command == "GET":
            return 200, {kind: self.books.get(kind, rest[0])}
        if not rest:
            return 201, {kind: self.books.create(kind, json.loads(body)[kind], handler.headers["Idempotency-Key"])}
        self.books.use_key(asked.path, handler.headers["Idempotency-Key"], rest[0])
        if rest[2] == "initialise":
            return 200, {kind: {**self.books.get(kind, rest[0]), "session_token": "fresh"}}
        assert rest[1:] == ["actions", "cancel"]
        return 200, {kind: self.books.cancel(kind, rest[0])}


@contextmanager
def running_gocardless() -> Iterator[FakeGoCardless]:
    fake = FakeGoCardless()
    try:
        yield fake
    finally:
        fake.stop()


def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"Webhook-Signature": hmac.new(secret.encode(), body, "sha256").hexdigest()}


def _send(handler: BaseHTTPRequestHandler, status: int, answer: Any) -> None:
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    try:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
    except OSError:
        pass  # who asked did not wait


def _hang_up(handler: BaseHTTPRequestHandler, how: str) -> None:
    if how.startswith("reset"):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()
