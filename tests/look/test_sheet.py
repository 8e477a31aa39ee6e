"""portal.css keeps to its budget, its tokens, its promises to themes, and to what old browsers understand."""

from __future__ import annotations

import re

import brotli  # type: ignore[import-untyped]
import pytest

from blueprints import assets

SHEET = (assets.SOURCES / "portal.css").read_text()
BARE = re.sub(r"/\*.*?\*/", "", SHEET, flags=re.S)
BUDGET = 4096  # bytes, brotli 11; the stretch is 2,560
PROMISED = [
    "sheet",
    "total",
    "num",
    "sum",
    "list",
    "tick",
    "more",
    "badge",
    "paid",
    "due",
    "overdue",
    "part",
    "moving",
    "asked",
    "failed",
    "closed",
    "note",
    "good",
    "warn",
    "bad",
    "paybar",
    "button",
    "quiet",
    "danger",
    "choice",
    "hint",
    "wrong",
    "row",
    "brand",
    "soft",
    "away",
    "wide",
]
TOKENS = [
    "ground",
    "sheet",
    "ink",
    "soft",
    "line",
    "field",
    "accent",
    "on-accent",
    "link",
    "good",
    "good-bg",
    "wait",
    "wait-bg",
    "warn",
    "warn-bg",
    "bad",
    "bad-bg",
    "sans",
    "serif",
    "s",
    "radius",
    "tap",
    "page",
    "wide",
]


def test_the_sheet_keeps_to_its_budget() -> None:
    assert len(brotli.compress(assets.squeeze(SHEET.encode()), quality=11)) <= BUDGET


def test_squeezing_changes_nothing_but_space() -> None:
    squeezed = assets.squeeze(SHEET.encode()).decode()
    assert re.sub(r"[\s;]", "", squeezed) == re.sub(r"[\s;]", "", BARE)
    assert "calc(2 * var(--s))" in squeezed  # the spaces of calc are needed


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_class_is_there(name: str) -> None:
    assert re.search(rf"\.{name}\b", BARE), f".{name} is promised to themes"


def test_every_token_is_there_and_every_colour_in_both_schemes() -> None:
    light, dark = (dict(re.findall(r"--([\w-]+):\s*([^;]+);", block)) for block in schemes())
    assert set(TOKENS) <= set(light)
    assert {name for name in light if light[name].startswith("#")} == set(dark)


def schemes() -> tuple[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", BARE, flags=re.S)
    return blocks[0], blocks[1]


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("text", "paper", "least"),
    [
        *((ink, paper, 4.5) for ink in ("ink", "soft", "link", "bad") for paper in ("ground", "sheet")),
        *((tone, f"{tone}-bg", 4.5) for tone in ("good", "wait", "warn", "bad")),
        *(("ink", f"{tone}-bg", 4.5) for tone in ("good", "wait", "warn", "bad")),
        *(("link", f"{tone}-bg", 4.5) for tone in ("good", "wait", "warn", "bad")),
        ("on-accent", "accent", 4.5),
        *((edge, paper, 3) for edge in ("field", "accent", "bad", "ink") for paper in ("ground", "sheet")),
    ],
)
def test_colours_can_be_told_apart(scheme: int, text: str, paper: str, least: float) -> None:
    colours = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]+)", schemes()[scheme]))
    assert contrast(colours[text], colours[paper]) >= least


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_old_browsers_understand_every_declaration() -> None:
    found = re.findall(r"color-mix|light-dark\(|oklch|:has\(|:is\(|@layer|@container|@import|&", BARE)
    assert not found


def test_no_ornament() -> None:
    assert not re.findall(r"gradient|box-shadow|text-shadow|@font-face|url\(|!important|animation|transition", BARE)


def test_only_logical_properties() -> None:
    sided = r"(?:margin|padding|border)-(?:left|right|top|bottom)|(?<![\w-])(?:left|right|top|bottom|float)\s*:"
    assert not re.findall(sided, BARE)
    assert not re.findall(r"text-align:\s*(?:left|right)", BARE)


def test_colours_stand_in_tokens_only() -> None:
    body = BARE.split("/* Page */")[0]
    rules = re.sub(r":root \{.*?\}", "", body, flags=re.S)
    assert not re.findall(r"#[0-9a-f]{3,6}\b", rules)
