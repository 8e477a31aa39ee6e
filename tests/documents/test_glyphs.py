from __future__ import annotations

import pytest

from documents import glyphs, pdf


@pytest.mark.parametrize(
    "text", ["Ludlow", "Łódź", "Ελλάδα", "Россия", "مرحبا", "שלום", "€ − ± ✓ → ≥ ½ № ™", "e\u0301"]
)
def test_our_fonts_hold_what_invoices_say(text: str) -> None:
    assert glyphs.drawable(text, machine=False).lost == frozenset()


def test_what_no_font_holds_is_a_question_mark_and_is_named() -> None:
    ready = glyphs.drawable("a\ue000b\U000f0000", machine=False)
    assert ready.text == "a?b?"
    assert ready.lost == {"\ue000", "\U000f0000"}
    assert pdf.missing("a\ue000") == {"\ue000"}
    assert pdf.missing("Hedge cutting") == set()


def test_controls_vanish_and_blanks_become_spaces() -> None:
    assert glyphs.drawable("a\x00b\tc\u3000d\ufeffe", machine=False).text == "a b c de"


def test_wide_forms_become_the_letters_we_have() -> None:
    assert glyphs.drawable("￥１２", machine=False).text == "¥12"


def test_a_mark_never_stands_without_a_letter_of_its_own_font() -> None:
    assert glyphs.drawable("a\u05b0", machine=False).text == "a"


def test_long_runs_get_places_to_break() -> None:
    assert "\u200b" in glyphs.drawable("x" * 25).text
    assert "\u200b" not in glyphs.drawable("x" * 24 + " " + "y" * 24).text


def test_fonts_are_shipped_with_their_licences_and_stay_small() -> None:
    files = list(glyphs.FONTS.iterdir())
    assert sum(file.stat().st_size for file in files) < 3_000_000
    assert {"LICENSE-Noto.txt", "LICENSE-TillhouseSymbols.txt"} <= {file.name for file in files}
