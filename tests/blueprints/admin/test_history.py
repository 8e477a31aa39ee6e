"""History: newest first, with who did it."""

from __future__ import annotations

from billing import dossiers, settings
from tests.browser import Browser
from tests.cast import Cast


def test_it_says_who_did_what(root: Browser, cast: Cast) -> None:
    settings.save({"allow_pay": False}, by=cast.root, now=cast.root.created_at)
    page = root.get("/admin/history").text
    assert "Setting changed" in page
    assert "Root" in page
    assert "allow_pay" in page


def test_pages_go_on_from_the_last_one(root: Browser, cast: Cast) -> None:
    for n in range(60):
        settings.save({"business_phone": str(n)}, by=cast.root, now=cast.root.created_at)
    first = dossiers.history()
    assert len(first.lines) == 50
    assert dossiers.history(first.older).lines
    assert root.get(f"/admin/history?after={first.older}").status_code == 200
    assert root.get("/admin/history?after=-1").status_code == 200
