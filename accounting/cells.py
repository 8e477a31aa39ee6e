"""Single cells of a spreadsheet: how people and programs write numbers and dates, and what that proves."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from money import BadAmount, from_decimal

_NUMBER = re.compile(r"[+-]?\d[\d., ]*|[+-]?[.,]\d+", re.ASCII)
_LOOSE = re.compile("[\\s\u00a0\u202f\u2009'\u2019]")
_MONEY = r"(?:[A-Z]{3}|[$£€¥₹₺₽₴₩₪₫฿]|kr\.?|zł|Kč|Ft|Fr\.?|lei|лв\.?)"  # codes and signs beside an amount
_SIGNS = re.compile(rf"^{_MONEY}|(?<=[\d)-]){_MONEY}$")
_CONTROLS = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Unclear(Exception):
    """It may mean two things."""


def folded(name: str) -> str:
    """A column's name without case, blanks and signs."""
    return "".join(mark for mark in name.lower() if mark.isalnum())


@lru_cache(maxsize=65536)
def clean(text: str) -> str:
    """A cell without control characters and the blanks around it."""
    return _CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n").strip()


@lru_cache(maxsize=65536)
def _bare(text: str) -> str:
    """A number without blanks, currency sign and the ways bookkeepers write below zero: "(1.00)", "1.00-"."""
    bare = _LOOSE.sub("", text).replace("−", "-")
    bare = _SIGNS.sub("", bare)
    if bare.startswith("(") and bare.endswith(")"):
        bare = "-" + bare[1:-1]
    if bare.endswith("-"):
        bare = "-" + bare[:-1]
    return bare


@lru_cache(maxsize=65536)
def point_of(text: str) -> str:
    """The decimal sign that a cell proves; "" if it proves none."""
    bare = _bare(text).lstrip("+-")
    marks = [mark for mark in bare if mark in ".,"]
    if not marks or not _NUMBER.fullmatch(bare):
        return ""
    if len(set(marks)) == 2:
        return marks[-1]
    if len(marks) > 1:  # it groups thousands, so the other one is the decimal sign
        return "," if marks[0] == "." else "."
    whole, rest = bare.split(marks[0])
    groups = len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return "" if groups else marks[0]


@lru_cache(maxsize=65536)
def number(text: str, point: str) -> str:
    """A plain decimal. Raises BadAmount, Unclear."""
    bare = _bare(text)
    if not re.fullmatch(r"[+-]?[\d.,]*\d[\d.,]*", bare, re.ASCII):
        raise BadAmount("not_a_number")
    if not point and ("." in bare or "," in bare):
        raise Unclear
    group = "," if point == "." else "."
    whole, *rest = bare.split(point) if point else [bare]
    if len(rest) > 1 or (rest and group in rest[0]):
        raise BadAmount("not_a_number")
    if group in whole and not re.fullmatch(rf"[+-]?\d{{1,3}}(\{group}\d{{3}})+", whole, re.ASCII):
        raise BadAmount("not_a_number")
    return f"{whole.replace(group, '') or '0'}.{rest[0]}" if rest and rest[0] else whole.replace(group, "") or "0"


@lru_cache(maxsize=65536)
def minor(text: str, currency: str) -> int:
    """Minor units of a plain decimal. Raises BadAmount."""
    return from_decimal(text, currency)


_ISO = re.compile(r"(\d{4})[-/.]?(\d\d?)[-/.]?(\d\d?)(?:[T ][\d:.]*Z?)?", re.ASCII)
_DOTTED = re.compile(r"(\d\d?)\. ?(\d\d?)\. ?(\d{4})(?: [\d:]*)?", re.ASCII)
_SLASHED = re.compile(r"(\d\d?)[/-](\d\d?)[/-](\d{4})(?: [\d:]*(?: ?[AP]M)?)?", re.ASCII | re.IGNORECASE)


@lru_cache(maxsize=8192)
def day_first_of(text: str) -> bool | None:
    """What order of day and month a cell proves; None if none."""
    found = _SLASHED.fullmatch(text.strip())
    if not found or (int(found[1]) > 12) == (int(found[2]) > 12):
        return None
    return int(found[1]) > 12


@lru_cache(maxsize=8192)
def day(text: str, day_first: bool | None) -> date:
    """The date that a cell means. Raises ValueError, Unclear."""
    if found := _ISO.fullmatch(text):
        if len(text) < 8 or (not any(mark in text for mark in "-/.") and len(text) != 8):
            raise ValueError(text)
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _DOTTED.fullmatch(text):
        return date(int(found[3]), int(found[2]), int(found[1]))
    if found := _SLASHED.fullmatch(text):
        first, second = int(found[1]), int(found[2])
        if day_first is None and first != second:
            raise Unclear
        return date(int(found[3]), second, first) if day_first else date(int(found[3]), first, second)
    raise ValueError(text)
