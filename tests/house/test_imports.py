"""Which way imports point: the table of rooms, walked."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house import source

TABLES = ("models", "database")  # the filing cabinet and its key
EVERYTHING = ("portal", "processes", "startup", "demo", "workers.__main__")  # front doors
# Who may import what of ours. The longest name that fits a module counts; a room may always import itself.
MAY: dict[str, tuple[str, ...]] = {
    "money": (),
    "environ": (),
    "logs": (),
    "database": ("money", "environ"),
    "models": ("money", "environ", "database"),
    "records": ("money", *TABLES),
    "gateways": ("money",),
    "accounting": ("money",),
    "theming": ("money", "environ", "records"),
    "mail": ("money", "environ", "records", "theming"),
    "documents": ("money", "environ", "records", "theming"),
    "workers.queue": ("environ", "database"),
    "billing": (
        *("money", "environ", "records", *TABLES, "workers.queue"),
        *("gateways.contract", "gateways.registry", "accounting.contract", "accounting.registry"),
    ),
    "workers": ("money", "environ", "records", *TABLES, "billing", "mail", "documents", "workers.queue"),
    "blueprints": (
        *("money", "environ", "records", *TABLES, "billing", "documents", "theming"),
        "workers.queue",  # where the limiter's Redis is
    ),
    "migrations": ("database",),
    "sandbox": (),
    **dict.fromkeys(EVERYTHING, ("*",)),
}
# Libraries with a home of their own.
HOMES = {
    "flask": ("portal", "blueprints", "theming", "sandbox"),
    "flask_login": ("portal", "blueprints"),
    "flask_wtf": ("portal", "blueprints"),
    "flask_limiter": ("portal", "blueprints"),
    "flask_compress": ("portal", "blueprints"),
    "htmx_flask": ("portal", "blueprints"),
    "wtforms": ("portal", "blueprints"),
    "redis": ("workers.queue",),
    "rq": ("workers.queue",),
    "itsdangerous": ("billing.links",),
    "stripe": ("gateways.stripe",),
    "gocardless_pro": ("gateways.gocardless",),
    "granian": ("portal",),
    "smtplib": ("mail",),
    "publicsuffixlist": ("billing.rules",),
    "typst": ("documents",),
}
OURS = {source.name(path).split(".")[0] for path in source.ours()}
WRITING = ("insert", "insert_many", "create", "update", "delete", "replace", "get_or_create", "bulk_create")
LAZY = {"workers/queue.py": ("redis", "rq")}


def _within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def _allowed(module: str, wanted: str) -> bool:
    room = max((room for room in MAY if _within(module, room)), key=len, default=None)
    assert room is not None, f"{module} stands in no room: is it two things, or has it the wrong name?"
    if MAY[room] == ("*",) or _within(wanted, room):
        return True
    return any(_within(wanted, allowed) for allowed in MAY[room])


@pytest.mark.parametrize("path", source.ours(), ids=source.name)
def test_imports_point_one_way(path: Path) -> None:
    module = source.name(path)
    wrong = [
        f"{path.name}:{line} imports {wanted}"
        for wanted, line in source.imports(path)
        if wanted.split(".")[0] in OURS and not _allowed(module, wanted)
    ]
    assert wrong == []


def test_libraries_stay_at_home() -> None:
    wrong = [
        f"{path.relative_to(source.ROOT)}:{line} imports {wanted}"
        for path in source.ours()
        for wanted, line in source.imports(path)
        for library, homes in HOMES.items()
        if _within(wanted, library) and not any(_within(source.name(path), home) for home in homes)
    ]
    assert wrong == []


def test_nothing_is_imported_inside_a_function() -> None:
    wrong = []
    for path in source.ours():
        where = str(path.relative_to(source.ROOT))
        for function in ast.walk(source.tree(path)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            for node in ast.walk(function):
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    continue
                direct = isinstance(node, ast.Import)
                names = [alias.name for alias in node.names] if direct else [getattr(node, "module", "") or ""]
                wrong += [
                    f"{where}:{node.lineno} {name}"
                    for name in names
                    if not any(_within(name, library) for library in LAZY.get(where, ()))
                ]
    assert wrong == []


def test_blueprints_never_import_each_other() -> None:
    folder = source.ROOT / "blueprints"
    rooms = {source.name(path.parent) for path in folder.rglob("__init__.py")} - {"blueprints", "blueprints.admin"}
    wrong = []
    for path in folder.rglob("*.py"):
        own = next((room for room in rooms if _within(source.name(path), room)), None)
        if own is None:
            continue
        for wanted, line in source.imports(path):
            other = next((room for room in rooms if _within(wanted, room)), own)
            if other != own:
                wrong.append(f"{path.relative_to(source.ROOT)}:{line} imports {wanted}")
    assert wrong == []


def test_only_the_ledger_writes_ledger_lines() -> None:
    wrong = [
        f"{path.relative_to(source.ROOT)}:{node.lineno}"
        for path in source.ours()
        if source.name(path) != "billing.ledger" and not source.name(path).startswith("migrations")
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("LedgerEntry", "LedgerLine")
        and node.attr
        in ("insert", "insert_many", "create", "update", "delete", "replace", "get_or_create", "bulk_create")
    ]
    assert wrong == []
