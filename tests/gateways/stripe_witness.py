"""localstripe, somebody else's idea of Stripe, as a program of its own (GPL; it is only spoken to, never imported).

It knows Stripe of some years ago. The shim before it adds what it lacks: it remembers keys, takes away words that it
does not know, adds what an intent received, and says that there are no Checkout pages and no search.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

# As its command does, but without a file in /tmp that every run would write.
START = """
import sys
from localstripe.resources import store
store.dump_to_disk = lambda: None
sys.argv = ["localstripe", "--from-scratch", "--port", sys.argv[1]]
from localstripe.server import start
start()
"""
NOT_KNOWN = ("description", "off_session", "return_url", "mandate", "capture_method")
NONE = {"object": "list", "data": [], "has_more": False, "url": "/"}


class Witness:
    """`url` is the shim's; `call` speaks to localstripe itself."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.kept: dict[str, tuple[int, bytes]] = {}
        self.lock = threading.Lock()
        self.told: list[tuple[bytes, dict[str, str]]] = []  # the webhooks it sent
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def call(self, path: str, **given: str) -> dict[str, Any]:
        status, body = self.forward("POST", path, urlencode(given))
        assert status == 200, (status, body)
        found: dict[str, Any] = json.loads(body or b"{}")
        return found

    def keep(self, number: str) -> str:
        """Store a card with a customer of its own; the adapter's token for it."""
        customer = self.call("/v1/customers")["id"]
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2031", "card[cvc]": "123"}
        method = self.call("/v1/payment_methods", type="card", **card)["id"]
        self.call(f"/v1/payment_methods/{method}/attach", customer=customer)
        return f"{customer}/{method}"

    def forward(self, method: str, path: str, form: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": "Bearer sk_test_rehearsal", "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request(method, path, form if method == "POST" else None, headers)
            response = connection.getresponse()
            return response.status, _with_received(response.read())
        finally:
            connection.close()

    def shimmed(self, method: str, path: str, form: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        words = []
        for name, value in parse_qsl(form):
            if name.split("[")[0] not in NOT_KNOWN:
                words.append((name.replace("allowed_payment_method_types", "payment_method_types"), value))
        if path.startswith("/v1/checkout/sessions"):
            return 200, json.dumps(NONE).encode()
        if path == "/v1/payment_intents/search":
            return 400, b'{"error": {"type": "invalid_request_error", "message": "no search"}}'
        if method == "GET":
            return self.forward(method, f"{path}?{urlencode(words)}", "")
        with self.lock:
            key = headers["Idempotency-Key"]
            if key not in self.kept:
                self.kept[key] = self.forward(method, path, urlencode(words))
            return self.kept[key]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        witness = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                at = urlsplit(self.path)
                self._send(*witness.shimmed("GET", at.path, at.query, self.headers))  # type: ignore[arg-type]

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/hook":
                    witness.told.append((body, dict(self.headers)))
                    self._send(200, b"")
                    return
                self._send(*witness.shimmed("POST", self.path, body.decode(), self.headers))  # type: ignore[arg-type]

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return None

        return Handler


def _with_received(body: bytes) -> bytes:
    """It names no `amount_received`, which Stripe always does."""
    try:
        found = json.loads(body)
    except ValueError:
        return body
    for item in (found, *(found.get("data") or ())) if isinstance(found.get("data", []), list) else (found,):
        if item.get("object") == "payment_intent":
            item["amount_received"] = item["amount"] if item["status"] == "succeeded" else 0
    return json.dumps(found).encode()


@contextmanager
def running_witness() -> Iterator[Witness]:
    """It and its shim, on free loopback ports."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", START, str(port)], stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        _wait(port)
        witness = Witness(port)
        yield witness
        witness.server.shutdown()
        witness.server.server_close()
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < until, "localstripe did not start"
            time.sleep(0.05)
