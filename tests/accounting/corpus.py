"""Where the public test suite of XRechnung lies, if it lies anywhere: CORPUS, or beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("CORPUS") or Path(__file__).parents[3] / "shared" / "corpus") / "xrechnung"
FILES = sorted(FOLDER.rglob("*.xml"))
needs_corpus = pytest.mark.skipif(not FILES, reason="the corpus is not here (CORPUS names its folder)")


def pairs() -> list[tuple[str, Path, Path]]:
    """(case, UBL, CII) of every case that stands in both syntaxes."""
    found = []
    for path in FILES:
        other = path.with_name(path.name.replace("_ubl", "_uncefact"))
        if other != path and other.exists():
            found.append((path.name.split("_")[0] + ("-cius" if "cius" in path.parts else ""), path, other))
    return found
