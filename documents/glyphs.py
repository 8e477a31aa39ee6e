"""Which characters our fonts can draw: under PDF/A one without a glyph is an error, so text is made drawable first."""

from __future__ import annotations

import re
import struct
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import typst

FONTS = Path(__file__).with_name("fonts")
FAMILIES = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew", "Tillhouse Symbols")
INSTEAD = "?"
UNBROKEN = 24  # characters a line may hold without a place to break; longer runs get places

_EASY = re.compile(
    r"[ -~\n\u00a0-\u02ff\u0386-\u03ce\u0400-\u045f\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026\u20ac]*"
)
_BREAK = "\u200b"


@dataclass(frozen=True)
class Coverage:
    """The characters of one font, as sorted ranges of code points (last ones included)."""

    family: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __contains__(self, character: str) -> bool:
        code = ord(character)
        place = bisect_right(self.starts, code) - 1
        return place >= 0 and code <= self.ends[place]

    def holds(self, cluster: str) -> bool:
        """Whether one font can draw all of it: a letter and its marks must come from the same font."""
        return all(character in self for character in cluster)


@dataclass(frozen=True)
class Drawable:
    """Text as it can be drawn: `families` of this machine to add to ours, `lost` the characters that became "?"."""

    text: str
    families: tuple[str, ...] = ()
    lost: frozenset[str] = frozenset()


def drawable(text: str, *, machine: bool = True) -> Drawable:
    """The text with what cannot be drawn replaced, and which of the machine's fonts it needs. Usual text: one regex."""
    if _EASY.fullmatch(text):
        return Drawable(breakable(text))
    pieces: list[str] = []
    families: list[str] = []
    lost: set[str] = set()
    for cluster in _clusters(unicodedata.normalize("NFC", text)):
        whole, bare = cluster, cluster[0]
        if any(font.holds(whole) for font in _shipped()):
            pieces.append(whole)
        elif machine and (family := _family_for(whole)):
            pieces.append(whole)
            families.append(family)
        elif any(bare in font for font in _shipped()):
            pieces.append(bare)
            lost.update(mark for mark in whole[1:] if unicodedata.category(mark) != "Cf" and not _is_selector(mark))
        elif (alike := unicodedata.normalize("NFKC", bare)) != bare and _EASY.fullmatch(alike):
            pieces.append(alike)  # a wide or styled form of a letter we have
        else:
            pieces.append(INSTEAD)
            lost.add(bare)
    return Drawable(breakable("".join(pieces)), tuple(dict.fromkeys(families)), frozenset(lost))


def isolated(text: str, right_to_left: bool) -> str:
    """Text whose own direction is not the document's, wrapped so that its dots and brackets stay on its own side."""
    if right_to_left:
        strong = next(
            (d for c in text if (d := unicodedata.bidirectional(c)) in ("L", "R", "AL")), "L" if " " in text else ""
        )
        return f"\u2066{text}\u2069" if strong == "L" else text
    if _EASY.fullmatch(text):
        return text
    strong = next((d for c in text if (d := unicodedata.bidirectional(c)) in ("L", "R", "AL")), "")
    return f"\u2067{text}\u2069" if strong in ("R", "AL") else text


def missing(text: str) -> set[str]:
    """The characters that neither our fonts nor this machine's can draw; they are printed as "?"."""
    return set(drawable(text).lost)


def breakable(text: str, longest: int = UNBROKEN) -> str:
    """Runs longer than this without a space may break anywhere, or they would leave the paper."""
    return _runs(longest).sub(lambda run: _BREAK.join(run[0]), text)


@lru_cache(maxsize=8)
def _runs(longest: int) -> re.Pattern[str]:
    return re.compile(rf"[!-~\u00a1-\u058f−]{{{longest + 1},}}")


def _clusters(text: str) -> list[str]:
    """Letters with their marks. Invisible controls are dropped, blanks become spaces."""
    clusters: list[str] = []
    for character in text:
        category = unicodedata.category(character)
        if character == "\n":
            clusters.append(character)
        elif category in ("Zs", "Zl", "Zp", "Cc"):
            clusters.append(character if character in " \u00a0\u202f" else " ")
        elif category == "Cf" and not any(character in font for font in _shipped()):
            continue
        elif category in ("Mn", "Mc", "Me") and clusters and not clusters[-1].isspace():
            clusters[-1] += character
        elif category in ("Mn", "Mc", "Me"):
            clusters.append("\u25cc" + character)
        else:
            clusters.append(character)
    return clusters


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f"


@lru_cache(maxsize=4096)
def _family_for(cluster: str) -> str | None:
    return next((font.family for font in _machine() if font.holds(cluster)), None)


@lru_cache(maxsize=1)
def _shipped() -> tuple[Coverage, ...]:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
    every = _coverages(fonts)
    return tuple(
        sorted((font for font in every if font.family in FAMILIES), key=lambda font: FAMILIES.index(font.family))
    )


@lru_cache(maxsize=1)
def _machine() -> tuple[Coverage, ...]:
    """Upright regular fonts of the machine, sans serif first. Read once, when first needed (0.2 s and more)."""
    fonts = _coverages(typst.Fonts(include_system_fonts=True, include_embedded_fonts=False))
    usable = (font for font in fonts if not re.search("colou?r|emoji|last ?resort|blank", font.family, re.I))
    return tuple(
        sorted(usable, key=lambda font: ("Noto Sans" not in font.family, "Sans" not in font.family, font.family))
    )


def _coverages(fonts: typst.Fonts) -> list[Coverage]:
    found = []
    for font in fonts.fonts():
        if font.path and font.style == "normal" and 350 <= font.weight <= 450:
            try:
                ranges = _read(Path(font.path), font.index)
            except (OSError, struct.error, IndexError):
                continue  # a font we cannot read is a font we do not use
            found.append(Coverage(font.family, tuple(a for a, _ in ranges), tuple(b for _, b in ranges)))
    return found


def _read(path: Path, index: int) -> list[tuple[int, int]]:
    """Ranges of code points in a font's cmap table (OpenType specification, formats 4 and 12)."""
    with path.open("rb") as file:
        content = file.read()
    start = struct.unpack_from(">I", content, 12 + 4 * index)[0] if content[:4] == b"ttcf" else 0
    tables = struct.unpack_from(">H", content, start + 4)[0]
    records = (struct.unpack_from(">4sIII", content, start + 12 + 16 * i) for i in range(tables))
    cmap = next((offset for tag, _, offset, _ in records if tag == b"cmap"), None)
    if cmap is None:
        return []
    best: tuple[int, int] | None = None
    for i in range(struct.unpack_from(">H", content, cmap + 2)[0]):
        platform, _, offset = struct.unpack_from(">HHI", content, cmap + 4 + 8 * i)
        form = struct.unpack_from(">H", content, cmap + offset)[0]
        if platform in (0, 3) and form in (4, 12):
            best = max(best or (0, 0), (form, cmap + offset))
    if best is None:
        return []
    return _format_12(content, best[1]) if best[0] == 12 else _format_4(content, best[1])


def _format_12(content: bytes, at: int) -> list[tuple[int, int]]:
    groups = struct.unpack_from(">I", content, at + 12)[0]
    return [struct.unpack_from(">II", content, at + 16 + 12 * i) for i in range(groups)]


def _format_4(content: bytes, at: int) -> list[tuple[int, int]]:
    count = struct.unpack_from(">H", content, at + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", content, at + 14)
    starts = struct.unpack_from(f">{count}H", content, at + 16 + 2 * count)
    deltas = struct.unpack_from(f">{count}H", content, at + 16 + 4 * count)
    base = at + 16 + 6 * count
    offsets = struct.unpack_from(f">{count}H", content, base)
    ranges: list[tuple[int, int]] = []
    for i, (start, end, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        if start == 0xFFFF:
            continue
        if not offset:
            ranges.append((start, end))
            continue
        glyphs = struct.unpack_from(f">{end - start + 1}H", content, base + 2 * i + offset)
        ranges += [
            (code, code)
            for code, glyph in zip(range(start, end + 1), glyphs, strict=True)
            if glyph and (glyph + delta) & 0xFFFF
        ]
    return ranges
