"""History: newest first, with who did it."""

from __future__ import annotations

import re
from datetime import datetime

from billing import history, history_shown, settings
from tests.browser import Browser
from tests.cast import Cast
from tests.house.source import ROOT


def test_it_says_who_did_what(root: Browser, cast: Cast) -> None:
    settings.save({"allow_pay": False}, by=cast.root, now=cast.root.created_at)
    page = root.get("/admin/history").text
    assert "Setting changed" in page
    assert "Root" in page
    assert "allow_pay" in page


def test_an_asked_for_link_is_told_in_words(root: Browser, cast: Cast, now: datetime) -> None:
    history.note("sign_in", 0, "sign_in_asked", by=cast.ada, now=now)
    assert "Sign-in: Asked for a sign-in link" in root.get("/admin/history").text


def test_every_event_there_is_has_words() -> None:
    words = (ROOT / "templates/admin/_words.html").read_text()
    written = r"history\.(?:record|note)\([^()]*?\"([a-z_]+)\", by="
    events = {found for path in (ROOT / "billing").rglob("*.py") for found in re.findall(written, path.read_text())}
    assert len(events) > 15
    assert {event for event in events if f'code == "{event}"' not in words} == set()


def test_pages_go_on_from_the_last_one(root: Browser, cast: Cast) -> None:
    for n in range(60):
        settings.save({"business_phone": str(n)}, by=cast.root, now=cast.root.created_at)
    first = history_shown.everything()
    assert len(first.lines) == 50
    assert history_shown.everything(first.older).lines
    assert root.get(f"/admin/history?after={first.older}").status_code == 200
    assert root.get("/admin/history?after=-1").status_code == 200
