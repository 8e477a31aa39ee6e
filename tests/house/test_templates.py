"""Templates keep their contract: Accepts lines hold, and nothing is written that our content policy would break."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import Environment, meta, nodes

import portal
from environ import Environ
from tests.house import source

TEMPLATES = source.ROOT / "templates"
PAGES = [path for path in source.files() if path.suffix == ".html" and path.is_relative_to(TEMPLATES)]
PARTIALS = [path for path in PAGES if path.name.startswith("_")]
ACCEPTS = re.compile(r"\{# Accepts: (.*?) #\}\n", re.S)
# Each breaks under our policy or our rules for htmx (architecture.md, rules 2, 3, 10 and 12).
FORBIDDEN = {
    "hx-on": r"\shx-on\b",
    "js: values": r"""=["']\s*(?:js|javascript):""",
    "trigger filter": r"""hx-trigger=["'][^"']*\[""",
    "inline script": r"<script(?![^>]*\ssrc=)(?![^>]*\btype=[\"']application/json)",
    "inline style": r"\sstyle=",
    "inline handler": r"\son[a-z]+\s*=",
    "hx-boost": r"\shx-boost\b",
    "hx-delete, put, patch": r"\shx-(?:delete|put|patch)\b",
    "hx-swap-oob": r"\shx-swap-oob\b",
    "safe": r"\|\s*safe\b",
    "another host": r"""(?:src|href|action|hx-[a-z-]+)=["'](?:https?:)?//""",
}


def _id(path: Path) -> str:
    return str(path.relative_to(TEMPLATES))


@pytest.fixture
def app(db: Any, env: Environ) -> Flask:
    return portal.create_app(env)


def test_every_partial_says_what_it_accepts_and_takes_no_more(app: Flask) -> None:
    with app.test_request_context("/"):
        known: dict[str, Any] = {}
        app.update_template_context(known)
    given = set(known) | set(app.jinja_env.globals)
    wrong = []
    for path in PARTIALS:
        line = ACCEPTS.match(path.read_text())
        if line is None:
            wrong.append(f"{_id(path)}: its first line is no {{# Accepts: … #}}")
            continue
        listed = _names(line[1])
        used = _used(app.jinja_env, _id(path))
        if unlisted := used - listed - given:
            wrong.append(f"{_id(path)}: uses {', '.join(sorted(unlisted))}, not listed")
        if unused := listed - used - _asked_by_macros(app.jinja_env, _id(path)):
            wrong.append(f"{_id(path)}: lists {', '.join(sorted(unused))}, not used")
    assert not wrong, "\n".join(wrong)


def _names(line: str) -> set[str]:
    """The names of `a (str), b (list of (x, y), optional), and words`; "nothing" is none."""
    names, depth, word = set(), 0, ""
    for mark in line:
        if mark == "(":
            if depth == 0 and re.fullmatch(r"\w+", word.strip()):
                names.add(word.strip())
            depth += 1
        elif mark == ")":
            depth -= 1
            word = ""
        elif mark == "," and depth == 0:
            word = ""
        elif depth == 0:
            word += mark
    return names


def _used(env: Environment, name: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """What a template takes from its context, in what it includes as well."""
    assert env.loader is not None
    tree = env.parse(env.loader.get_source(env, name)[0])
    names = meta.find_undeclared_variables(tree)
    set_here = {node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param")}
    for include in tree.find_all(nodes.Include):
        if isinstance(include.template, nodes.Const) and include.template.value not in seen:
            names |= _used(env, include.template.value, seen | {name}) - set_here
    return names


def _asked_by_macros(env: Environment, name: str) -> set[str]:
    """The arguments of macros that others import: such a partial accepts them, not a context."""
    assert env.loader is not None
    tree = env.parse(env.loader.get_source(env, name)[0])
    return {argument.name for macro in tree.find_all(nodes.Macro) for argument in macro.args}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_writes_what_the_policy_breaks(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    wrong = [
        f"{path.relative_to(source.ROOT)}:{number} {line.strip()[:80]}"
        for path in source.files()
        if path.suffix == ".html"
        and path.relative_to(source.ROOT).parts[0] in ("templates", "themes")
        and not path.is_relative_to(TEMPLATES / "mail")  # mail programs know no sheets, and have no policy of ours
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert wrong == []


def test_what_htmx_gets_has_an_address_without_it() -> None:
    """Every hx-get stands beside an href (or on a form or a polled element), every hx-post on a form with an action."""
    wrong = []
    for path in PAGES:
        for tag in re.findall(r"<[a-z][^<>]*?hx-(?:get|post)=(?:[^<>]|\{[^}]*\})*>", path.read_text()):
            polls = "hx-trigger" in tag and "every" in tag
            if "hx-get=" in tag and not re.search(r"\s(href|action|formaction)=", tag) and not polls:
                wrong.append(f"{_id(path)}: {tag[:80]}")
            if "hx-post=" in tag and not (tag.startswith("<form") and " action=" in tag):
                wrong.append(f"{_id(path)}: {tag[:80]}")
    assert wrong == []
