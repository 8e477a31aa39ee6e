from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from blueprints.admin import patterns
from tests.look.stage import make_app, read_html


def soup(home: Path) -> Any:
    answer = make_app(home).test_client().get("/admin/patterns")
    assert answer.status_code == 200
    return read_html(answer.text)


def test_the_pattern_page_is_for_staff(home: Path) -> None:
    answer = make_app(home, staff=False).test_client().get("/admin/patterns")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/admin/sign-in")


def test_it_shows_every_status_and_every_shape(home: Path) -> None:
    badges = soup(home).select(".badge")
    shapes = {name for badge in badges for name in badge["class"]} - {"badge"}
    assert shapes == {"paid", "due", "overdue", "part", "moving", "asked", "failed", "closed"}
    assert all(badge.text.strip() for badge in badges)
    assert {"Overdue by 1 day", "Overdue by 1119 days", "Due in 9 days"} <= {badge.text for badge in badges}


def test_it_shows_no_row_one_row_and_fifty(home: Path) -> None:
    page = soup(home)
    assert [len(page.select(f"#list-{name} tbody tr")) for name in ("none", "one", "fifty")] == [0, 1, 50]
    assert page.select_one("#list-none").text.strip().startswith("Hartwell has not sent you an invoice yet.")


def test_only_what_can_be_paid_has_a_tick_and_the_tick_has_a_name(home: Path) -> None:
    table = soup(home).select_one("#list-fifty")
    payable = [row for row in patterns.rows(50) if row.can_pay]
    ticks = table.select("input[type=checkbox]")
    assert [tick["value"] for tick in ticks] == [row.address for row in payable]
    assert ticks[0].parent.text == f"Select invoice {payable[0].number}"


def test_tables_keep_their_roles_whatever_their_display(home: Path) -> None:
    table = soup(home).select_one("#list-fifty table")
    # the roles stand on every part; HTML's checker forbids them below a table that is one itself, so its frame is it
    frame = table.parent
    assert (frame["role"], table["role"]) == ("table", "none")
    assert frame["aria-labelledby"] == table.caption["id"]
    for name, role in (("thead tr", "row"), ("thead th", "columnheader"), ("tbody tr", "row"), ("tbody td", "cell")):
        assert {found.get("role") for found in table.select(name)} == {role}
    assert {found["scope"] for found in table.select("tbody th")} == {"row"}


def test_no_id_stands_twice(home: Path) -> None:
    ids = [found["id"] for found in soup(home).select("[id]")]
    assert len(ids) == len(set(ids))


def test_errors_are_listed_linked_and_told_by_their_fields(home: Path) -> None:
    page = soup(home)
    summary = page.select_one("#errors")
    assert summary.has_attr("autofocus")
    assert summary["tabindex"] == "-1"
    for link in summary.select("a"):
        assert page.select_one(link["href"]), link
    amount = page.select_one("#wrong-amount")
    assert amount["aria-invalid"] == "true"
    assert amount["value"] == "5"
    described = [page.select_one(f"#{name}").text.strip() for name in amount["aria-describedby"].split()]
    assert described == ["At least €10.00", "Enter an amount of €10.00 or more"]


def test_what_is_typed_comes_back_harmless(home: Path) -> None:
    text = make_app(home).test_client().get("/admin/patterns").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


def test_right_to_left_is_written_in_its_own_way(home: Path) -> None:
    section = soup(home).select_one("#rtl")
    assert section["dir"] == "rtl"
    assert not re.search(r"Nov 2026", section.text)
