"""House rules for templates that tests/house does not hold already: double sends, form tokens, words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment

import theming
from tests.look.stage import make_app

FILES = sorted(theming.TEMPLATES.rglob("*.html"))
PAGES = [path for path in FILES if "mail" not in path.relative_to(theming.TEMPLATES).parts]
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
def test_htmx_is_used_by_the_house_rules(path: Path) -> None:
    text = path.read_text()
    assert ":inherited" not in text
    for tag in re.findall(r"<\w+[^>]*\shx-post=[^>]*>", text):
        assert 'hx-sync="this:drop"' in tag, tag
        assert "hx-disable=" in tag, tag


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_form_that_changes_something_carries_the_form_token(path: Path) -> None:
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", path.read_text(), flags=re.S):
        assert "csrf_token" in form or "hidden_tag" in form, form[:80]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_template_compiles(path: Path, env: Environment) -> None:
    env.get_template(named(path))


@pytest.mark.parametrize("path", [path for path in PAGES if "admin" not in path.parts], ids=named)
def test_customers_read_no_machine_words(path: Path) -> None:
    said = re.findall(r"_\(\s*\"(.*?)\"\s*[,)]", path.read_text(), flags=re.S)
    assert not [text for text in said if re.search(rf"\b({MACHINE_WORDS})\b|!", text, flags=re.I)]
