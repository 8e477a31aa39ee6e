"""Every variable and every setting is documented."""

from __future__ import annotations

import ast

from billing.settings import FIELDS
from tests.conftest import environ_names
from tests.house import source

OPERATING = source.ROOT / "docs" / "operating.md"


def _read_by_the_environment() -> set[str]:
    tree = source.tree(source.ROOT / "environ.py")
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.isupper()
        and node.value.replace("_", "").isalpha()
    } - {"PORT_"}


def test_every_variable_is_documented() -> None:
    text = OPERATING.read_text()
    names = _read_by_the_environment()
    assert {"PORTAL_HOME", "DATABASE_URL", "PORTAL_NOW"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_tests_take_every_variable_away() -> None:
    assert set(environ_names()) == _read_by_the_environment()


def test_only_environ_reads_the_environment() -> None:
    doors = ("environ", "portal", "processes", "workers.__main__", "sandbox.__main__")
    wrong = [
        f"{path.relative_to(source.ROOT)}:{node.lineno}"
        for path in source.ours()
        if source.name(path) not in doors
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]
    assert wrong == []


def test_every_setting_is_documented() -> None:
    text = "\n".join(path.read_text() for path in (source.ROOT / "docs").glob("*.md"))
    assert [name for name in FIELDS if f"`{name}`" not in text] == []
