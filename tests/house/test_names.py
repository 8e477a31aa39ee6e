"""Names and first words: no drawer for everything, no room without its sentence, every job a job."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.house import source

FORBIDDEN = re.compile(r"(utils?|helpers?|common|misc)|.*_(service|manager)")
# Not of this project: paths of somebody's machine, and what wrote the text.
MACHINES = re.compile(
    rb"(?<!\w)/(?:home|Users)/[a-z]+/|(?<!\w)/roo[t]/|(?<!\w)/wor[k]/|\bChat[G]PT\b|\bClaud[e]\b|\bCopilo[t]\b|Co-Authore[d]-By"
)


def test_no_file_is_a_drawer_for_everything() -> None:
    wrong = [str(path) for path in source.python() if FORBIDDEN.fullmatch(path.stem)]
    wrong += [str(path.parent) for path in source.python() if FORBIDDEN.fullmatch(path.parent.name)]
    assert wrong == []


def test_every_room_opens_with_its_sentence() -> None:
    silent = [
        str(path.relative_to(source.ROOT))
        for path in source.ours()
        if path.name == "__init__.py" and not ast.get_docstring(source.tree(path))
    ]
    assert silent == []


def test_every_file_says_what_it_is() -> None:
    silent = [str(path.relative_to(source.ROOT)) for path in source.ours() if not ast.get_docstring(source.tree(path))]
    assert silent == []


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in source.python() if path.relative_to(source.ROOT).parts[0] == "tests"}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def _enqueued() -> list[tuple[Path, int, object]]:
    return [
        (path, node.lineno, node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None)
        for path in source.ours()
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.Call)
        and source.name(path) != "workers.queue"
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) == "enqueue"
    ]


def test_every_job_is_named_in_full_and_resolves() -> None:
    wrong = []
    for path, line, name in _enqueued():
        where = f"{path.relative_to(source.ROOT)}:{line}"
        if not isinstance(name, str):
            wrong.append(f"{where} does not name its job")
            continue
        module, _, function = name.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            wrong.append(f"{where} {name}: {error}")
            continue
        if not module.startswith("workers.") or not hasattr(found, "__wrapped__"):
            wrong.append(f"{where} {name} is not a @job of workers/")
    assert wrong == []


@pytest.mark.parametrize("suffix", [".py", ".md", ".html", ".css", ".js", ".toml", ".txt", ".typ", ".sh", ""])
def test_nothing_names_a_machine_or_a_tool(suffix: str) -> None:
    wrong = []
    for path in source.files():
        if path.suffix == suffix and path.stat().st_size < 1_000_000 and "vendor" not in path.parts:
            found = MACHINES.search(path.read_bytes())
            if found:
                wrong.append(f"{path.relative_to(source.ROOT)}: {found[0]!r}")
    assert wrong == []
