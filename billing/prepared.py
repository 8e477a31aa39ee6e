"""SQL that Peewee builds once and that runs many times: building it costs ten times what SQLite needs to run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from peewee import ModelSelect

from database import db
from models import Table

Row = TypeVar("Row", bound=Table)
_built: dict[tuple[Any, ...], str] = {}


def insert(table: type[Table], *, ignore_conflict: bool = False, **values: Any) -> int | None:
    """Add a row; its id, or None where `ignore_conflict` met one that is there. Foreign keys are given as ids."""
    meta = table._meta
    for field, default in meta.defaults.items():
        if field.name not in values:
            values[field.name] = default() if callable(default) else default
    fields = [meta.combined[name] for name in values]
    key = (type(db.obj), table, tuple(field.name for field in fields), ignore_conflict)
    if key not in _built:
        columns = ", ".join(f'"{field.column_name}"' for field in fields)
        marks = ", ".join([db.obj.param] * len(fields))
        conflict = " ON CONFLICT DO NOTHING" if ignore_conflict else ""
        _built[key] = f'INSERT INTO "{meta.table_name}" ({columns}) VALUES ({marks}){conflict} RETURNING "id"'
    given = [field.db_value(value) for field, value in zip(fields, values.values(), strict=True)]
    found = db.execute_sql(_built[key], given).fetchone()
    return None if found is None else int(found[0])


def rows(table: type[Row], name: str, build: Callable[..., ModelSelect], *values: Any) -> list[Row]:
    """The rows of a select built once under a name; `build` gets one stand-in for each value, in the order of its SQL.

    The values must be such as the database's driver takes: text, whole numbers, dates.
    """
    key = (type(db.obj), table, name, len(values))
    if key not in _built:
        stand_ins = [f"\0{at}" for at in range(len(values))]
        _built[key], given = build(*stand_ins).sql()
        assert given == stand_ins, f"{name} needs its values in the order of its SQL: {given}"
    return list(table.raw(_built[key], *values))
