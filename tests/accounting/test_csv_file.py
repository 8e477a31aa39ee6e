"""CSV as spreadsheets really write it; what may mean two things is refused, never guessed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accounting
from accounting import registry
from accounting.contract import Document, Kind, Refused

HEAD = "number,date,customer,currency,total"


def read(text: str, encoding: str = "utf-8") -> list[Document | Refused]:
    return list(registry.read(text.encode(encoding)))


def documents(text: str, encoding: str = "utf-8") -> list[Document]:
    found = read(text, encoding)
    assert all(isinstance(item, Document) for item in found), [str(item) for item in found]
    return [item for item in found if isinstance(item, Document)]


def codes(text: str) -> list[tuple[str, int | None]]:
    return [(item.code, item.line) for item in read(text) if isinstance(item, Refused)]


def test_the_template_reads_without_a_refusal() -> None:
    found = list(registry.read(Path(accounting.__file__).parent / "samples" / "invoices.csv"))
    first, second, note = (item for item in found if isinstance(item, Document))
    assert (first.number, first.payable, len(first.lines), first.taxes[0].amount) == ("2026-0001", 16860, 2, 2810)
    assert (second.buyer.lines, second.prepaid) == (("4 Mill Lane", "Unit 9"), 4000)
    assert (note.kind, note.preceding) == (Kind.CREDIT_NOTE, (("2026-0001", None),))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_encoding_of_spreadsheets_is_read(encoding: str) -> None:
    (found,) = documents(f"{HEAD}\r\n1,2026-11-02,Müller & Söhne,EUR,12.50\r\n", encoding)
    assert (found.buyer.name, found.total) == ("Müller & Söhne", 1250)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_found(delimiter: str) -> None:
    row = delimiter.join(["1", "2026-11-02", '"Acme, Inc; a|b"', "EUR", "12"])
    (found,) = documents(HEAD.replace(",", delimiter) + "\n" + row + "\n")
    assert found.buyer.name == "Acme, Inc; a|b"


def test_excels_hint_of_the_delimiter_is_obeyed_and_lines_still_count() -> None:
    assert codes("sep=;\r\n" + HEAD.replace(",", ";") + "\r\n1;2026-11-02;Acme;EUR;x\r\n") == [("bad_amount", 3)]


def test_line_breaks_in_quotes_do_not_shift_the_lines_of_refusals() -> None:
    text = f'{HEAD}\n1,2026-11-02,"Acme\nLtd",EUR,1\n2,2026-11-02,Acme,EUR,x\n'
    assert [(item.code, item.line) if isinstance(item, Refused) else item.buyer.name for item in read(text)] == [
        "Acme Ltd",
        ("bad_amount", 4),
    ]


@pytest.mark.parametrize(
    ("amounts", "minor"),
    [
        (['"1.234,50"', "7"], [123450, 700]),
        (['"1,234.50"', "7"], [123450, 700]),
        (['"1,50"', '"1.234"'], [150, 123400]),
        (["1.50", '"1,234"'], [150, 123400]),
        (["1 234.50", "(7.00)"], [123450, -700]),
        (["1'234.50", "7.00-"], [123450, -700]),
        (["€12.50", "12.50 EUR"], [1250, 1250]),
        (["0.125e", "1"], None),
    ],
)
def test_one_row_tells_how_the_file_writes_numbers(amounts: list[str], minor: list[int] | None) -> None:
    rows = "".join(f"{at},2026-11-02,Acme,EUR,{amount}\n" for at, amount in enumerate(amounts))
    found = read(f"{HEAD}\n{rows}")
    if minor is None:
        assert isinstance(found[0], Refused)
    else:
        assert [item.total for item in found if isinstance(item, Document)] == minor


def test_an_amount_that_may_be_thousands_is_refused_where_no_row_tells() -> None:
    assert codes(f"{HEAD}\n1,2026-11-02,Acme,EUR,1.234\n2,2026-11-02,Acme,EUR,5\n") == [("unclear_amount", 2)]


def test_a_file_that_mixes_decimal_signs_is_refused_whole() -> None:
    assert codes(f'{HEAD}\n1,2026-11-02,Acme,EUR,1.50\n2,2026-11-02,Acme,EUR,"1,50"\n') == [("mixed_decimals", 3)]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["31.12.2026"], [date(2026, 12, 31)]),
        (["2026-12-31T00:00:00"], [date(2026, 12, 31)]),
        (["20261231"], [date(2026, 12, 31)]),
        (["31/12/2026", "1/2/2026"], [date(2026, 12, 31), date(2026, 2, 1)]),
        (["12/31/2026", "1/2/2026"], [date(2026, 12, 31), date(2026, 1, 2)]),
        (["5/5/2026"], [date(2026, 5, 5)]),
    ],
)
def test_dates_are_read_by_what_the_file_proves(days: list[str], expected: list[date]) -> None:
    found = documents(f"{HEAD}\n" + "".join(f"{at},{day},Acme,EUR,1\n" for at, day in enumerate(days)))
    assert [item.issued_on for item in found] == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["1/2/2026"], [("unclear_date", 2)]),
        (["31/12/2026", "12/31/2026"], [("mixed_dates", 3)]),
        (["31.02.2026"], [("bad_date", 2)]),
        (["31.12.26"], [("bad_date", 2)]),
        (["soon"], [("bad_date", 2)]),
    ],
)
def test_dates_that_may_mean_two_things_are_refused(days: list[str], expected: list[tuple[str, int]]) -> None:
    assert codes(f"{HEAD}\n" + "".join(f"{at},{day},Acme,EUR,1\n" for at, day in enumerate(days))) == expected


def test_rows_of_one_number_are_lines_even_where_they_stand_apart() -> None:
    text = "number,date,customer,currency,item,line net,tax rate\n"
    text += "A,2026-11-02,Acme,EUR,Paper,10,19\nB,2026-11-02,Globex,EUR,Ink,5,19\nA,,,,Glue,20,7\n"
    ink, paper = documents(text)
    assert (ink.number, paper.number, [line.name for line in paper.lines]) == ("B", "A", ["Paper", "Glue"])
    assert (paper.net, paper.tax, paper.payable) == (3000, 190 + 140, 3330)


def test_rows_that_contradict_their_invoice_are_refused_at_their_line() -> None:
    text = "number,date,customer,currency,line net\nA,2026-11-02,Acme,EUR,10\nA,2026-11-03,,,20\n"
    assert codes(text) == [("differs_in_rows", 3)]


@pytest.mark.parametrize(
    ("columns", "cells", "code"),
    [
        ("net,tax,total", "100,19,120", "does_not_add_up"),
        ("total,paid,due", "100,20,90", "does_not_add_up"),
        ("line net,net", "10,11", "does_not_add_up"),
        ("line net,tax rate,tax", "100,19,25", "does_not_add_up"),
        ("quantity,total", "3,10", "missing_cell"),
        ("type,total", "letter,10", "unknown_kind"),
        ("currency,total", "EURO,10", "unknown_currency"),
        ("price,total", "x,10", "bad_number"),
        ("total", "10,extra", "too_many_cells"),
    ],
)
def test_rows_that_cannot_be_are_refused(columns: str, cells: str, code: str) -> None:
    money = "" if "currency" in columns else ",currency"
    value = "" if "currency" in columns else ",EUR"
    assert codes(f"number,date,customer{money},{columns}\n1,2026-11-02,Acme{value},{cells}\n") == [(code, 2)]


def test_tax_rounded_by_line_is_taken_as_stated() -> None:
    text = "number,date,customer,currency,line net,tax rate,tax,total\n"
    text += 'A,2026-11-02,Acme,EUR,"0,13",19,"0,06","0,45"\n' + 'A,,,,"0,13",19,,\nA,,,,"0,13",19,,\n'
    (found,) = documents(text)
    assert (found.net, found.tax, found.total, [tax.amount for tax in found.taxes]) == (39, 6, 45, [6])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("number,date,total\n1,2026-11-02,1\n", "missing_column"),
        ("number,date,customer,currency\n", "missing_column"),
        ("number,date,customer,total\n", "missing_column"),
        ("number,date,customer,client,currency,total\n", "double_column"),
        ('number,date,customer,currency,total\n1,2026-11-02,"Acme,EUR,1\n', "bad_csv"),
        ("a,b\0c", "not_text"),
    ],
)
def test_a_file_whose_shape_is_wrong_is_refused_whole(text: str, code: str) -> None:
    assert [item.code for item in read(text) if isinstance(item, Refused)] == [code]


def test_the_merchants_currency_stands_in_where_rows_name_none() -> None:
    (found,) = registry.read(b"number,date,customer,total\n1,2026-11-02,Acme,500\n", currency="JPY")
    assert isinstance(found, Document)
    assert (found.currency, found.total) == ("JPY", 500)


def test_a_formula_is_only_text() -> None:
    (found,) = documents(f'{HEAD},note\n1,2026-11-02,"=HYPERLINK(""http://x"")",EUR,1,@SUM(A1)\n')
    assert (found.buyer.name, found.notes) == ('=HYPERLINK("http://x")', ("@SUM(A1)",))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet='0123456789.,;-/"€ \nabEUR', max_size=30), max_size=8))
def test_any_text_below_a_good_header_raises_nothing(rows: list[str]) -> None:
    for found in read(HEAD + "\n" + "\n".join(rows)):
        assert isinstance(found, Document | Refused)
        if isinstance(found, Refused):
            assert registry.reason(found)
