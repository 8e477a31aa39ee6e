"""The numbered steps from an empty database to today's tables. A step is never edited once it has shipped."""

from __future__ import annotations

from pathlib import Path

from playhouse.migrations import Runner

from database import db

FOLDER = Path(__file__).parent


def bring_up() -> list[str]:
    """Run what is still to run, each step in a transaction of its own; the names of what ran. Needs a connection."""
    return list(_runner().up())


def pending() -> list[str]:
    """The steps this database still lacks."""
    return [step.name for step in _runner().status() if step.applied is None]


def unknown() -> list[str]:
    """Steps this database has that this version of the program does not know: it was used by a newer one."""
    return [step.name for step in _runner().status() if step.path is None]


def _runner() -> Runner:
    return Runner(db.obj, str(FOLDER))
