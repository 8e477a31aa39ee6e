"""What stands where a form's text should: files and JSON, which any client may send and no page of ours does."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.browser import Browser

FORMS = ["/sign-in", "/sign-in/password", "/create-account", "/forgot-password", "/admin/sign-in"]


@pytest.mark.parametrize("path", FORMS)
def test_a_file_in_the_place_of_text_is_nothing(visitor: Browser, path: str) -> None:
    sent = {name: (io.BytesIO(b"x"), "x.txt") for name in ("email", "password", "name")}
    assert visitor.post(path, sent).status_code == 422


@pytest.mark.parametrize("sent", [[1, 2], "x", {"email": {"a": 1}}, [["email", 5]]])
def test_json_in_the_place_of_a_form_is_an_empty_form(visitor: Browser, sent: Any) -> None:
    visitor.get("/sign-in")
    headers = {"X-CSRFToken": visitor.token}
    answer = visitor.client.post("/sign-in", json=sent, headers=headers, base_url=visitor.url)
    assert answer.status_code == 422
