"""README, CHANGELOG, SECURITY and docs/: their links lead somewhere, and what they promise theme authors is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import theming
from tests.house import source
from tests.house.test_templates import ACCEPTS, _names

PAGES = [*sorted(source.ROOT.glob("*.md")), *sorted((source.ROOT / "docs").glob("*.md"))]
THEMES = source.ROOT / "docs" / "themes.md"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|srcset)=\"([^\"]+)\"")
COMMAND = re.compile(r"portal\.py ([a-z]+)")
LATER = {"backup", "restore", "upgrade", "sync", "theme"}  # named as not there yet


def _id(path: Path) -> str:
    return str(path.relative_to(source.ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    found = [one or other for one, other in LINK.findall(page.read_text())]
    inside = [link for link in found if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_pages_name_only_commands_that_are_there(page: Path) -> None:
    known = set(re.findall(r'command\("(\w+)"', (source.ROOT / "portal.py").read_text()))
    assert set(COMMAND.findall(page.read_text())) - known - LATER == set()


def test_themes_md_lists_every_partial_a_theme_may_replace_and_what_it_accepts() -> None:
    listed = dict(re.findall(r"^\| `([\w/]+\.html)` \| (.+) \|$", THEMES.read_text(), re.M))
    there = {}
    for path in sorted(theming.TEMPLATES.rglob("_*.html")):
        name = path.relative_to(theming.TEMPLATES).as_posix()
        line = ACCEPTS.match(path.read_text())
        if not name.startswith("mail/") and not theming.LOCKED.fullmatch(name):
            assert line is not None, name
            there[name] = _names(" ".join(line[1].split()))
    assert {name: _names(text) for name, text in listed.items()} == there
