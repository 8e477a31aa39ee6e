"""Passwords that are guessed first: repeats, runs along the keyboard, common words with digits, one's own name.

Short on purpose. What counts is length (NIST SP 800-63B, 3.1.1.2): this list keeps out what stands at the top of every
attacker's list and is still twelve characters long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

COMMON, CLOSE = "too_common", "too_close"
LEAST_LEFT = 4  # letters that stay when everything easy is taken away
SHORTEST_WORD = 4  # of a name: "Bob" may stand in a password
LONGEST_UNIT = 4  # "abcdabcdabcd" is one of four repeated
SHORTEST_RUN = 4  # "3456", "rewq"
RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")
KEYBOARD = ("1q2w3e4r5t6z7u8i9o0p", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb", "qazwsxedcrfvtgb")
WORDS = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split()
LEET = str.maketrans("0134578@$!", "oieastbasi")


def reason(password: str, own: Iterable[str]) -> str:
    """Why a password will not do: too_common, or too_close to what is known of its owner or the merchant; else "".

    `own`: names, addresses and ids, as they are written.
    """
    text = password.lower()
    if _left(text, _parts(own)) < LEAST_LEFT:
        return CLOSE
    rest = _without_runs(text)
    if _is_repeated(text) or _left(rest, WORDS) < LEAST_LEFT or (rest != text and _letters(rest) < LEAST_LEFT):
        return COMMON
    return ""


def _left(text: str, words: Iterable[str]) -> int:
    """How many letters stay when these words are taken out, also where digits stand for letters.

    All of it stays where none of the words was in there: twelve digits at random are nobody's word.
    """
    found = _expression(tuple(words))
    if found is None:
        return len(text)
    shortest = len(text)
    for spelt in (text, text.translate(LEET)):
        rest, taken = found.subn("", spelt)
        if taken:
            shortest = min(shortest, _letters(rest))
    return shortest


def _letters(text: str) -> int:
    return sum(mark.isalpha() for mark in text)


@lru_cache(maxsize=16)
def _expression(words: tuple[str, ...]) -> re.Pattern[str] | None:
    longest_first = sorted({word for word in words if word}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _parts(own: Iterable[str]) -> list[str]:
    """Each name whole, run together, and word by word."""
    parts = set()
    for name in own:
        name = name.lower()
        words = [word for word in re.split(r"[\W_]+", name) if word]
        parts |= {name, "".join(words), *words}
    return sorted(part for part in parts if len(part) >= SHORTEST_WORD)


def _is_repeated(text: str) -> bool:
    return any(text == (text[:unit] * len(text))[: len(text)] for unit in range(1, LONGEST_UNIT + 1))


def _without_runs(text: str) -> str:
    """What is not a run of letters, digits or keys beside each other, forwards or backwards, or one key held down."""
    rest, at = [], 0
    while at < len(text):
        length = max(_run_at(text, at), _held_at(text, at))
        if length >= SHORTEST_RUN:
            at += length
        else:
            rest.append(text[at])
            at += 1
    return "".join(rest)


def _run_at(text: str, at: int) -> int:
    longest = 0
    for keys in (*RUNS, *KEYBOARD):
        for way in (keys, keys[::-1]):
            start = way.find(text[at])
            while start >= 0:
                length = 0
                while at + length < len(text) and way[start + length : start + length + 1] == text[at + length]:
                    length += 1
                longest = max(longest, length)
                start = way.find(text[at], start + 1)
    return longest


def _held_at(text: str, at: int) -> int:
    return len(text) - at - len(text[at:].lstrip(text[at]))
