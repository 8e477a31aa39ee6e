from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale
from babel.numbers import format_currency, format_decimal, parse_pattern
from hypothesis import given
from hypothesis import strategies as st

import money
from money import EXPONENTS, BadAmount, CurrencyMismatch, Money

LANGUAGES = ["en", "de", "fr", "es", "hi", "he", "pl", "de_CH", "ja", "pt", "sv", "en-GB", "tr", "bn", "fa", "ar"]
amounts = st.integers(min_value=-(10**14), max_value=10**14)
currencies = st.sampled_from(sorted(EXPONENTS))


@given(amounts, st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(any))
def test_shares_sum_to_the_whole(minor: int, weights: list[int]) -> None:
    shares = money.allocate(minor, weights)
    assert sum(shares) == minor
    assert all(share == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0)
    whole = sum(weights)
    assert all(abs(share * whole - minor * weight) < whole for share, weight in zip(shares, weights, strict=True))


def test_the_largest_remainder_gets_the_odd_cent() -> None:
    assert money.allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert money.allocate(5, [3, 7]) == [2, 3]
    assert money.allocate(10, [1, 5]) == [2, 8]
    assert [part.minor for part in Money(-100, "EUR").split(3)] == [-34, -33, -33]


def test_a_percentage_is_rounded_once_half_up() -> None:
    assert Money(1050, "EUR").percent(Decimal("5")) == Money(53, "EUR")
    assert Money(-1050, "EUR").percent(Decimal("5")) == Money(-53, "EUR")


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "EUR") + Money(1, "USD")
    with pytest.raises(CurrencyMismatch):
        money.add([Money(1, "EUR")], "USD")


def test_an_amount_is_never_a_float() -> None:
    with pytest.raises(TypeError):
        Money(1.0, "EUR")  # type: ignore[arg-type]


@given(amounts, currencies)
def test_a_decimal_comes_back_as_it_went(minor: int, currency: str) -> None:
    assert money.from_decimal(money.as_decimal(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("1.005", "too_fine"),
        ("1e3", "not_a_number"),
        ("NaN", "not_a_number"),
        ("1" * 20, "too_large"),
        ("٣", "not_a_number"),
    ],
)
def test_a_document_s_amount_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadAmount) as error:
        money.from_decimal(text, "EUR")
    assert error.value.code == code


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1,240.50", "EUR", 124050),
        ("1.240,50", "EUR", 124050),
        ("1 240,5", "EUR", 124050),
        ("1\u202f240,50 €", "EUR", 124050),
        ("€40", "EUR", 4000),
        ("-€3.00", "EUR", -300),
        ("1.240", "EUR", 124000),
        ("1'240.00", "CHF", 124000),
        ("1,234,567", "JPY", 1234567),
        ("1.234", "KWD", 1234),
        (".5", "EUR", 50),
        ("EUR 12", "EUR", 1200),
    ],
)
def test_what_people_type_is_understood(text: str, currency: str, minor: int) -> None:
    assert money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize("text", ["", "abc", "1,2,3", "1.2.3", "3-4", "--3", "1,23.456,7", "٣"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(BadAmount):
        money.parse(text, "EUR")


@given(st.text(max_size=30), currencies)
def test_no_text_breaks_the_parser(text: str, currency: str) -> None:
    try:
        assert isinstance(money.parse(text, currency), Money)
    except BadAmount as error:
        assert error.code


@given(amounts, currencies, st.sampled_from(LANGUAGES))
def test_amounts_are_written_as_babel_writes_them(minor: int, currency: str, language: str) -> None:
    locale = Locale.parse(language.replace("-", "_"))
    pattern = parse_pattern(locale.currency_formats["standard"].pattern)
    pattern.frac_prec = (EXPONENTS[currency],) * 2  # our own exponents: Babel and ISO disagree about some
    value = Decimal(minor).scaleb(-EXPONENTS[currency])
    expected = pattern.apply(value, locale, currency=currency, currency_digits=False)
    assert money.format(Money(minor, currency), language) == expected


def test_ordinary_amounts() -> None:
    assert money.format(Money(124000, "EUR")) == "€1,240.00"
    assert money.format(Money(124000, "EUR"), "de") == "1.240,00\xa0€"
    assert money.format(Money(-5, "EUR"), "de") == "-0,05\xa0€"
    assert money.format(Money(1240, "JPY")) == "¥1,240"
    assert money.format(Money(12345678900, "INR"), "hi") == format_currency(Decimal(123456789), "INR", locale="hi")
    assert money.format_number(Money(124000, "EUR"), "de") == format_decimal(Decimal("1240.00"), "#,##0.00", "de")


def test_the_pinned_table_is_complete() -> None:
    assert len(EXPONENTS) == 171
    assert (EXPONENTS["JPY"], EXPONENTS["EUR"], EXPONENTS["KWD"], EXPONENTS["CLF"]) == (0, 2, 3, 4)
