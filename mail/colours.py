"""The merchant's colour as letters use it: readable on white paper, and on dark paper too."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

PLAIN = "#1d4e80"
PAPER, DARK_PAPER = "#ffffff", "#1b1e22"
READABLE = 4.5  # WCAG 2.2 contrast of text
CLEAR = 7.0  # a bare 4.5 on dark paper looks dull


def on_paper(accent: str) -> str:
    """Darkened until it can be read on white; white can be read on it just as well."""
    return _until(READABLE, accent, PAPER, lambda part: part * 9 // 10)


def on_dark(accent: str) -> str:
    """Lightened until it can be read on dark paper."""
    return _until(CLEAR, accent, DARK_PAPER, lambda part: part + (255 - part) // 8 + 1)


def contrast(one: str, other: str) -> float:
    """Between two colours, 1 to 21."""
    light, dark = sorted((_luminance(_parts(one)), _luminance(_parts(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _until(least: float, accent: str, paper: str, step: Callable[[int], int]) -> str:
    colour = accent if re.fullmatch(r"#[0-9a-fA-F]{6}", accent) else PLAIN
    while contrast(colour, paper) < least:
        colour = "#" + "".join(f"{min(255, step(part)):02x}" for part in _parts(colour))
    return colour


def _parts(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _luminance(parts: Sequence[int]) -> float:
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
