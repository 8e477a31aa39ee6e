"""Imports from the browser: upload, watch, decide, undo."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from billing import arrivals, files
from environ import Environ
from models import Import, ImportItem, Invoice
from tests.browser import Browser
from tests.synchronous import Queue

HEAD = arrivals.SAMPLE.read_text().splitlines()[0]


@pytest.fixture(autouse=True)
def _kept_files(env: Environ) -> None:
    files.configure(env.home)


def upload(root: Browser, *named: tuple[str, bytes]) -> TestResponse:
    root.get("/admin/imports")
    return root.post("/admin/imports", {"files": [(BytesIO(content), name) for name, content in named]})


def sample() -> tuple[str, bytes]:
    return "invoices.csv", arrivals.SAMPLE.read_bytes()


@pytest.fixture
def imported(root: Browser, queue: Queue) -> Import:
    upload(root, sample())
    queue.run()
    run: Import = Import.get()
    return run


def test_nothing_has_been_imported_yet(root: Browser) -> None:
    page = root.get("/admin/imports").text
    assert "Nothing has been imported yet." in page
    assert 'enctype="multipart/form-data"' in page


def test_an_upload_waits_and_is_then_taken_in(root: Browser, queue: Queue) -> None:
    answer = upload(root, sample(), ("..\\evil/../bad.xml", b"<a/>"))
    assert answer.status_code == 303
    waiting = root.follow().text
    assert "You can close this page" in waiting
    assert 'http-equiv="refresh"' in waiting
    assert "every 2s" in waiting
    queue.run()
    run = Import.get()
    page = root.get(f"/admin/imports/{run.public_id}").text
    assert "every" not in page.split('id="import"')[1].split(">")[0]
    assert "Refused" in page
    assert "bad.xml" in page
    assert Invoice.select().count() > 0
    assert Invoice.get().number in page


def test_it_stops_asking_by_itself_after_a_minute(root: Browser, queue: Queue) -> None:
    upload(root, sample())
    path = f"/admin/imports/{Import.get().public_id}"
    fragment = root.get(f"{path}?asked=3", htmx=True, headers={"HX-Target": "section#import"}).text
    assert "asked=4" in fragment
    assert "every 10s" in root.get(f"{path}?asked=11", htmx=True, headers={"HX-Target": "section#import"}).text
    last = root.get(f"{path}?asked=14", htmx=True, headers={"HX-Target": "section#import"}).text
    assert "hx-trigger" not in last
    assert "Check again" in last


def test_without_a_file_nothing_begins(root: Browser) -> None:
    answer = upload(root)
    assert answer.status_code == 422
    assert "Choose one or more files." in answer.text
    assert Import.select().count() == 0


def test_the_template_is_a_file_that_can_be_imported(root: Browser, queue: Queue) -> None:
    answer = root.get("/admin/imports/template.csv")
    assert answer.mimetype == "text/csv"
    upload(root, ("t.csv", answer.data))
    queue.run()
    assert Import.get().counts.get("refused", 0) == 0
    assert Import.get().counts["new"] > 0


def test_it_is_undone_after_asking(root: Browser, imported: Import) -> None:
    count = Invoice.select().count()
    path = f"/admin/imports/{imported.public_id}/delete"
    assert f"{count} invoices go" in root.get(path).text
    assert Invoice.select().where(Invoice.status == "open").count() == count
    assert root.post(path).status_code == 303
    assert Invoice.select().where(Invoice.status == "open").count() == 0
    assert "Undone" in root.follow().text
    assert root.post(path).status_code == 409


def test_what_was_sent_is_not_undone(root: Browser, imported: Import, now: Any) -> None:
    Invoice.update(sent_at=now).execute()
    path = f"/admin/imports/{imported.public_id}/delete"
    assert "an invoice of it was sent" in root.get(path).text
    assert root.post(path).status_code == 409
    assert Import.get().state == "done"


@pytest.fixture
def held(root: Browser, queue: Queue, imported: Import) -> ImportItem:
    """The same file with another amount: each of its invoices is held."""
    lines = arrivals.SAMPLE.read_text()
    number = Invoice.select().where(Invoice.kind == "invoice").get().number
    changed = lines.replace("Hedge", "Hedges").replace("hedge", "hedges").replace(",1,", ",2,")
    upload(root, ("changed.csv", changed.encode()))
    queue.run()
    item: ImportItem | None = ImportItem.get_or_none(ImportItem.outcome == "held", ImportItem.decided_at.is_null())
    assert item is not None, f"nothing of {number} was held: {[r.reason for r in ImportItem.select()]}"
    return item


def test_a_held_document_is_shown_beside_the_first(root: Browser, held: ImportItem) -> None:
    path = f"/admin/imports/{held.run.public_id}/items/{held.id}"
    assert path in root.get(f"/admin/imports/{held.run.public_id}").text
    page = root.get(path).text
    assert "Where they differ" in page
    assert "It is a new version" in page
    assert "/admin/imports?show=held" in root.get("/admin").text
    assert "to decide" in root.get("/admin/imports?show=held").text


@pytest.mark.parametrize("decision", ["revision", "another", "dropped"])
def test_staff_decide_once(root: Browser, held: ImportItem, decision: str) -> None:
    path = f"/admin/imports/{held.run.public_id}/items/{held.id}"
    before = Invoice.select().count()
    root.get(path)
    assert root.post(path, {"decision": decision}).status_code == 303
    item = ImportItem.get_by_id(held.id)
    assert item.decision == decision
    assert Invoice.select().count() == before + (decision == "another")
    assert root.post(path, {"decision": "dropped"}).status_code == 409
    assert ImportItem.get_by_id(held.id).decision == decision


def test_a_decision_that_is_none_changes_nothing(root: Browser, held: ImportItem) -> None:
    path = f"/admin/imports/{held.run.public_id}/items/{held.id}"
    answer = root.post(path, {"decision": "delete"})
    assert answer.status_code == 422
    assert "Choose one of the three." in answer.text
    assert ImportItem.get_by_id(held.id).decided_at is None


def test_differences_name_amounts_and_lines() -> None:
    first = {"currency": "EUR", "total": 100, "lines": [{"name": "A", "net": 100}], "buyer": {"name": "X"}}
    other = {"currency": "EUR", "total": 250, "lines": [{"name": "B", "net": 250}], "buyer": {"name": "X"}}
    found = {
        d.field: (str(getattr(d.before, "minor", d.before)), str(getattr(d.after, "minor", d.after)))
        for d in arrivals.differences(first, other)
    }
    assert found == {"total": ("100", "250"), "line": ("A 1.00", "B 2.50")}


def test_the_sample_is_where_it_is_said_to_be() -> None:
    assert Path(arrivals.SAMPLE).is_file()
    assert "," in HEAD or ";" in HEAD
