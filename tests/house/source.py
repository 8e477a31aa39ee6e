"""The tree as the house tests read it: our own files, and what each of them imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {"var", "out", "node_modules", "__pycache__"}


@lru_cache(maxsize=1)
def files() -> tuple[Path, ...]:
    """Every file of the tree but what is made: hidden folders, the data folder."""
    return tuple(sorted(_walk(ROOT)))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in SKIPPED:
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def python() -> list[Path]:
    return [path for path in files() if path.suffix == ".py"]


def ours() -> list[Path]:
    """What runs: neither tests nor benchmarks."""
    return [path for path in python() if path.relative_to(ROOT).parts[0] not in ("tests", "bench", "bin")]


def name(path: Path) -> str:
    """`billing.payments.road` for billing/payments/road.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@lru_cache(maxsize=1000)
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Each module a file imports, by its full name, with the line. `from a import b` is a.b where that is a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = ROOT.joinpath(*node.module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").exists()
                yield (f"{node.module}.{alias.name}" if is_module else node.module), node.lineno
