"""A browser with an authenticator: reads what a page's form asks of it, and answers."""

from __future__ import annotations

import html
import re

from flask import Flask
from werkzeug.test import TestResponse

from tests.authenticator import ORIGIN, Authenticator
from tests.browser import Browser

OPTIONS = re.compile(r'data-passkey="(create|get)" data-options="([^"]+)"')


class Keeper(Browser):
    """Stands at a name, since browsers keep no passkeys for a bare address."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app, ORIGIN)

    def add(self, place: str, key: Authenticator, name: str = "Phone") -> TestResponse:
        """Add a passkey on the page `place`/new."""
        page = self.get(f"{place}/new")
        return self.post(place, {"credential": answer(page, key), "name": name})

    def open(self, page: TestResponse, door: str, key: Authenticator, **fields: str) -> TestResponse:
        """Sign in by a passkey that a page asks for. The form token dies with it."""
        opened = self.post(door, {"credential": answer(page, key), **fields})
        if opened.status_code == 303:
            self.token = self.staff_token = ""
        return opened


def answer(page: TestResponse, key: Authenticator) -> str:
    """What an authenticator answers to the form of a page."""
    found = OPTIONS.search(page.text)
    assert found, "no passkey is asked for here"
    options = html.unescape(found[2])
    return key.create(options) if found[1] == "create" else key.get(options)
