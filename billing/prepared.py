"""SQL that Peewee builds once and that runs many times: building it costs ten times what SQLite needs to run it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from peewee import ModelSelect, Value

from database import db
from models import Table

Row = TypeVar("Row", bound=Table)
_built: dict[tuple[Any, ...], str] = {}


@dataclass(frozen=True)
class _Place:
    """Where the value of that number goes, among a select's parameters."""

    at: int


@dataclass
class _Select:
    query: ModelSelect
    sql: str
    given: list[Any]
    make: Callable[[tuple[Any, ...]], Any] | None = None


_selects: dict[tuple[Any, ...], _Select] = {}


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


def tuples(name: Hashable, build: Callable[..., ModelSelect], *values: Any) -> list[tuple[Any, ...]]:
    """What a select finds, as the database's driver gives it: on SQLite days are text and truths 0 or 1.

    The select is built once under its name. `build` gets a stand-in for each value and may use it once or more, in any
    order; whatever else it uses must be told apart by the name. Values are such as the driver takes: an instant is
    `database.InstantField`'s `db_value` of it.
    """
    return list(_select(name, build, values)[1].fetchall())


def found(name: Hashable, build: Callable[..., ModelSelect], *values: Any) -> list[Any]:
    """The same as Peewee gives it: rows of a model, with those joined to them."""
    select, cursor = _select(name, build, values)
    make = select.make
    if make is None:
        reader = select.query._get_cursor_wrapper(cursor)
        reader.initialize()  # finds out which column belongs to which field of which model: as dear as the query
        make = select.make = reader.process_row
    return [make(row) for row in cursor.fetchall()]


def _select(name: Hashable, build: Callable[..., ModelSelect], values: tuple[Any, ...]) -> tuple[_Select, Any]:
    key = (type(db.obj), name, len(values))
    if key not in _selects:
        query = build(*(Value(_Place(at), converter=False) for at in range(len(values))))
        _selects[key] = _Select(query, *query.sql())
    select = _selects[key]
    given = [values[one.at] if type(one) is _Place else one for one in select.given]
    return select, db.execute_sql(select.sql, given)
