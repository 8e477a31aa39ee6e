"""House rules for every template: the contract on top, nothing the content security policy breaks, no machine words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, meta

import theming
from tests.look.stage import make_app

FILES = sorted(theming.TEMPLATES.rglob("*.html"))
PAGES = [path for path in FILES if "mail" not in path.relative_to(theming.TEMPLATES).parts]
PARTIALS = [path for path in PAGES if path.name.startswith("_")]
# What every page is given besides what its view hands over.
EVERYWHERE = [
    "merchant",
    "person",
    "group",
    "staff",
    "notices",
    "current",
    "static_url",
    "language",
    "direction",
    "today",
    "csrf_token",
    "timezone",
    "scripts",
    "fragment",
    "invalid",
    "is_page",
    "dom_id",
    "url_for",
    "gettext",
    "ngettext",
    "_",
    "home_path",
]
MACHINE_WORDS = (
    "billing group|allocation|attempt|mandate|dunning|gateway|idempotency|token|webhook|please|successfully|"
    "submit|click here"
)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return make_app(tmp_path_factory.mktemp("home")).jinja_env


def named(path: Path) -> str:
    return path.relative_to(theming.TEMPLATES).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_nothing_stands_in_a_page_that_the_policy_refuses(path: Path) -> None:
    text = path.read_text()
    assert not re.findall(r"<style|\sstyle\s*=|<script(?![^>]*\bsrc=)|javascript:", text)
    assert not re.findall(r"\son\w+\s*=\s*[\"']", text)
    assert not re.findall(r"hx-on|[\"']js:|hx-trigger=\"[^\"]*\[", text)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_htmx_is_used_by_the_house_rules(path: Path) -> None:
    text = path.read_text()
    assert not re.findall(r"hx-boost|hx-delete|hx-put|hx-patch|hx-swap-oob|:inherited", text)
    for tag in re.findall(r"<\w+[^>]*\shx-get=[^>]*>", text):
        assert "href=" in tag or "action=" in tag or "every" in tag or "hx-trigger" in tag, (
            f"no way without htmx: {tag}"
        )
    for tag in re.findall(r"<\w+[^>]*\shx-post=[^>]*>", text):
        assert tag.startswith("<form"), tag
        assert "action=" in tag, tag
        assert 'hx-sync="this:drop"' in tag, tag
        assert "hx-disable=" in tag, tag


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_form_that_changes_something_carries_the_form_token(path: Path) -> None:
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", path.read_text(), flags=re.S):
        assert "csrf_token" in form or "hidden_tag" in form, form[:80]


@pytest.mark.parametrize("path", PARTIALS, ids=named)
def test_a_partial_says_first_what_it_accepts_and_uses_nothing_else(path: Path, env: Environment) -> None:
    text = path.read_text()
    accepts = re.match(r"\{# Accepts: (.*?)#\}", text, flags=re.S)
    assert accepts, "the first line is the contract"
    used = meta.find_undeclared_variables(env.parse(text)) - set(EVERYWHERE) - set(env.globals)
    missing = {name for name in used if not re.search(rf"\b{name}\b", accepts[1])}
    assert not missing, f"used and not in the Accepts line: {missing}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_template_compiles(path: Path, env: Environment) -> None:
    env.get_template(named(path))


@pytest.mark.parametrize("path", [path for path in PAGES if "admin" not in path.parts], ids=named)
def test_customers_read_no_machine_words(path: Path) -> None:
    said = re.findall(r"_\(\s*\"(.*?)\"\s*[,)]", path.read_text(), flags=re.S)
    assert not [text for text in said if re.search(rf"\b({MACHINE_WORDS})\b|!", text, flags=re.I)]


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    assert not re.findall(r"(?:src|href|action|hx-get|hx-post)=\"(?:https?:)?//", path.read_text())
