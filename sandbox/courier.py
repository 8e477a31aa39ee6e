"""Webhooks: signed, sent from a thread of their own, tried again until somebody answers 2xx."""

from __future__ import annotations

import hmac
import http.client
import json
import sqlite3
import threading
import time
from urllib.parse import urlsplit

from sandbox import intents
from sandbox.descriptions import describe_event
from sandbox.store import Row, Store

TICK = 0.25  # seconds between two looks at the books
TIMEOUT = 5.0
PATIENCE = 60.0  # the longest pause between two tries, in seconds
TRIES = 60


def sign(secret: bytes, body: bytes, timestamp: int) -> str:
    """The `Sandbox-Signature` header: HMAC-SHA256 over `timestamp.body`."""
    digest = hmac.new(secret, b"%d." % timestamp + body, "sha256").hexdigest()
    return f"t={timestamp},v1={digest}"


class Courier(threading.Thread):
    """Sends events that are due, and lets time pass for pages and debits."""

    def __init__(self, store: Store, secret: bytes, account: str, webhook_url: str | None) -> None:
        super().__init__(name="courier", daemon=True)
        self._store, self._secret, self._account, self._url = store, secret, account, webhook_url
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            self._store.news.clear()
            try:
                intents.catch_up(self._store)
                for row in self._due():
                    self._send(row)
            except sqlite3.OperationalError:
                self._over.wait(1)  # the disk is full or the file is busy: the events are still there
            self._store.news.wait(TICK)

    def stop(self) -> None:
        self._over.set()
        self._store.news.set()
        self.join()

    def _due(self) -> list[Row]:
        return self._store.all("SELECT * FROM events WHERE send_at <= ? ORDER BY id LIMIT 50", time.time())

    def _send(self, row: Row) -> None:
        copies = self._store.settings()["webhook_copies"]  # 0: lost on the way; 2: told twice
        posted = [self._post(row) for _ in range(copies if self._url else 0)]
        tries = row["tries"] + 1
        later = None if all(posted) or tries >= TRIES else time.time() + min(PATIENCE, 0.5 * 2 ** min(tries, 10))
        self._store.run("UPDATE events SET tries = ?, send_at = ? WHERE id = ?", tries, later, row["id"])

    def _post(self, row: Row) -> bool:
        body = json.dumps(describe_event(row, self._account)).encode()
        headers = {"Content-Type": "application/json", "Sandbox-Signature": sign(self._secret, body, int(time.time()))}
        to = urlsplit(self._url or "")
        connection = http.client.HTTPConnection(to.hostname or "", to.port or 80, timeout=TIMEOUT)
        try:
            connection.request("POST", to.path or "/", body, headers)
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
