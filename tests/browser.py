"""A browser without JavaScript, or with htmx where a test says so: keeps cookies, fills in the form token."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from billing import dates, sign_ins
from models import Person, Staff

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


class Browser:
    """Talks to the app at PORTAL_URL. `last` is the newest answer, `token` the newest form token seen.

    Staff have a cookie, and so a form token, of their own.
    """

    def __init__(self, app: Flask, url: str = "http://127.0.0.1:8000") -> None:
        self.client = app.test_client()
        self.url = url
        self.token = self.staff_token = ""
        self.last: TestResponse | None = None

    def get(self, path: str, *, htmx: bool = False, headers: dict[str, str] | None = None) -> TestResponse:
        return self._keep(self.client.get(path, base_url=self.url, headers=self._headers(htmx, headers)))

    def post(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        *,
        htmx: bool = False,
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> TestResponse:
        """Send a form with the form token of this browser; `token=""` sends it without."""
        if token is None:
            token = (self.staff_token if _is_staffs(path) else self.token) or self._fetch_token(path)
        typed = {**({"csrf_token": token} if token else {}), **(fields or {})}
        return self._keep(self.client.post(path, data=typed, base_url=self.url, headers=self._headers(htmx, headers)))

    def ask(self, method: str, path: str) -> TestResponse:
        return self.client.open(path, method=method, base_url=self.url)

    def name(self) -> str | None:
        """Who the customers' side takes this browser for: the name in the menu, which every page has."""
        found = re.search(r"<summary>([^<]*)</summary>", self.get("/nowhere").text)
        return found[1] if found else None

    def company(self) -> str | None:
        """The company looked at just now, by the same menu."""
        found = re.search(r"<strong>([^<]*)</strong>", self.get("/nowhere").text)
        return found[1] if found else None

    def follow(self) -> TestResponse:
        """Go where the newest answer leads."""
        assert self.last is not None
        return self.get(self.last.headers["Location"])

    def sign_in(self, who: Person | Staff, **fields: str) -> Browser:
        path = sign_ins.for_command(who, now=dates.now()).removeprefix(self.url)
        self.get(path)
        answer = self.post(path, fields)
        assert answer.status_code == 303, answer.text
        self.token = self.staff_token = ""
        return self

    def cookie(self, name: str = "portal") -> str | None:
        found = self.client.get_cookie(name, domain=self.url.split("/")[2].split(":")[0])
        return found.value if found else None

    def _fetch_token(self, path: str) -> str:
        """Any page with a form: a signed-in person's menu has one, the sign-in page another."""
        for page in ("/admin/patterns", "/admin/sign-in") if _is_staffs(path) else ("/nowhere", "/sign-in"):
            self.get(page)
        return self.staff_token if _is_staffs(path) else self.token

    def _keep(self, answer: TestResponse) -> TestResponse:
        self.last = answer
        if answer.mimetype == "text/html" and (found := TOKEN.search(answer.text)):
            if _is_staffs(answer.request.path):
                self.staff_token = found[1]
            else:
                self.token = found[1]
        return answer

    def _headers(self, htmx: bool, more: dict[str, str] | None) -> dict[str, str]:
        return {**(HTMX if htmx else {}), **(more or {})}


def _is_staffs(path: str) -> bool:
    return path.startswith("/admin")
