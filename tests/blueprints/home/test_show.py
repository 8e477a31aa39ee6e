from __future__ import annotations

from tests.browser import Browser
from tests.cast import Cast


def test_home_is_for_who_is_signed_in(ada: Browser, cast: Cast) -> None:
    assert ada.get("/").status_code == 200


def test_who_is_not_signed_in_signs_in_first(visitor: Browser) -> None:
    answer = visitor.get("/")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_staff_are_nobody_here(root: Browser) -> None:
    assert root.get("/").status_code == 303
