"""A proxy that spoils chosen requests on their way to a provider, or the answers on their way back."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("drop_before", "drop_after", "reset_before", "reset_after", "error_before", "error_after", "delay", "garbage",
          "nothing", "half")  # fmt: skip
DELAY = 0.8  # seconds


class Proxy:
    """`spoil[2] = "drop_after"`: the third request from now on is carried out, and its answer is lost."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.spoil: dict[int, str] = {}
        self.seen = 0
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def begin(self, **spoil: str) -> None:
        """Count from here. Names are `call_0`, `call_1`, …; none: everything passes."""
        with self.lock:
            self.seen, self.spoil = 0, {int(name.removeprefix("call_")): fault for name, fault in spoil.items()}

    def _fault(self) -> str | None:
        with self.lock:
            self.seen += 1
            return self.spoil.get(self.seen - 1)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else the second half of each answer waits 40 ms

            def do_GET(self) -> None:
                self._pass()

            do_POST = do_PUT = do_GET

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = proxy._fault()
                if fault in ("drop_before", "reset_before"):
                    return self._end(fault)
                if fault == "error_before":
                    return self._send(500, b'{"error": {"type": "api_error"}}')
                status, answer = self._forward(body)
                if fault in ("drop_after", "reset_after"):
                    return self._end(fault)
                if fault == "error_after":
                    return self._send(500, b'{"error": {"type": "api_error"}}')
                if fault == "delay":
                    time.sleep(DELAY)
                if fault == "garbage":
                    return self._send(200, b"<html>You are not connected to the Internet</html>")
                if fault == "nothing":
                    return self._send(200, b"{}")
                return self._send(status, answer, part=2 if fault == "half" else 1)

            def _forward(self, body: bytes) -> tuple[int, bytes]:
                connection = HTTPConnection(proxy.target.hostname or "", proxy.target.port, timeout=30)
                try:
                    connection.request(self.command, self.path, body, dict(self.headers))
                    response = connection.getresponse()
                    return response.status, response.read()
                finally:
                    connection.close()

            def _send(self, status: int, body: bytes, part: int = 1) -> None:
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body[: len(body) // part])
                    self.wfile.flush()
                except OSError:
                    self.close_connection = True  # the caller did not wait
                if part > 1:
                    self._end("drop")

            def _end(self, how: str) -> None:
                if how.startswith("reset"):  # no lingering: what is closed is reset
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                return None

        return Handler

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.stop()
