"""Nobody but staff comes in, whatever the address and the verb."""

from __future__ import annotations

import pytest

from models import Invoice, Person
from tests.browser import Browser

PAGES = (
    "/admin",
    "/admin/customers",
    "/admin/customers/C-ACME",
    "/admin/invoices",
    "/admin/invoices/2026-0142",
    "/admin/invoices/2026-0142.pdf",
    "/admin/invoices/2026-0142/files/1",
    "/admin/invoices/2026-0142/letters/new",
    "/admin/payments",
    "/admin/payments/P-TEST-01",
    "/admin/payments/P-TEST-01.pdf",
    "/admin/payments/P-TEST-01/decision?taken=yes",
    "/admin/imports",
    "/admin/imports/template.csv",
    "/admin/imports/abc",
    "/admin/imports/abc/delete",
    "/admin/imports/abc/items/1",
    "/admin/settings",
    "/admin/settings/portal",
    "/admin/settings/business",
    "/admin/settings/password",
    "/admin/attention",
    "/admin/health",
    "/admin/history",
)
FORMS = (
    "/admin/invoices/2026-0142/letters",
    "/admin/letters/1/resends",
    "/admin/payments/P-TEST-01/lookups",
    "/admin/payments/P-TEST-01/decision",
    "/admin/imports",
    "/admin/imports/abc/delete",
    "/admin/imports/abc/items/1",
    "/admin/settings/portal",
    "/admin/settings/business",
    "/admin/settings/password",
    "/admin/attention/1",
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_a_visitor_to_the_staff_door(visitor: Browser, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/admin/sign-in")


@pytest.mark.parametrize("path", PAGES)
def test_a_signed_in_customer_is_a_stranger_here(ada: Browser, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/admin/sign-in")


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_a_customer_changes_nothing(ada: Browser, path: str) -> None:
    ada.get("/admin/sign-in")  # a form token of the staff's side
    answer = ada.post(path, {"portal_enabled": "y"})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/admin/sign-in")


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_its_token_is_refused(root: Browser, path: str) -> None:
    assert root.post(path, token="").status_code == 400


@pytest.mark.parametrize("path", [path for path in PAGES if path not in FORMS and "?" not in path])
def test_a_page_that_takes_no_form_says_so(root: Browser, path: str) -> None:
    root.get("/admin/settings/portal")
    assert root.post(path).status_code == 405


@pytest.mark.parametrize("path", [path for path in FORMS if path not in PAGES and "/decision" not in path])
def test_a_form_is_not_asked_for(root: Browser, path: str) -> None:
    assert root.get(path).status_code == 405


@pytest.mark.parametrize("path", ["/admin/customers", "/admin/invoices", "/admin/payments", "/admin/attention"])
def test_htmx_of_a_visitor_is_sent_to_the_door_and_gets_no_page(visitor: Browser, path: str) -> None:
    answer = visitor.get(path, htmx=True)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/admin/sign-in")


@pytest.mark.parametrize(
    "path",
    [
        "/admin/customers/none",
        "/admin/invoices/none",
        "/admin/invoices/none.pdf",
        "/admin/invoices/none/letters/new",
        "/admin/payments/none",
        "/admin/payments/none.pdf",
        "/admin/payments/none/decision?taken=yes",
        "/admin/imports/none",
        "/admin/imports/none/delete",
        "/admin/imports/none/items/1",
    ],
)
def test_what_is_not_there_is_404(root: Browser, path: str) -> None:
    assert root.get(path).status_code == 404


@pytest.mark.parametrize("path", [path for path in PAGES if "C-ACME" in path or "P-TEST" in path or "abc" in path])
def test_a_sign_that_no_database_keeps_is_404(root: Browser, path: str) -> None:
    for known in ("C-ACME", "P-TEST-01", "abc"):
        path = path.replace(known, "%00")
    assert root.get(path).status_code == 404


@pytest.mark.parametrize("place", ["customers", "invoices", "payments", "imports", "attention", "history"])
def test_a_list_bears_any_question(root: Browser, place: str) -> None:
    questions = ("q=%00", "q=%25_", "after=%00_1", "before=2026-11-22_%00", "customer=%00", "show=%00")
    for question in (*questions, "q=" + "9" * 400, "after=9999-12-31T00:00:00Z_1"):
        assert root.get(f"/admin/{place}?{question}").status_code == 200


def test_forms_bear_signs_that_no_database_keeps(root: Browser, invoice: Invoice) -> None:
    fields = {"email": "new@acme.example", "name": "New\x00 Person\x07", "nth": "0"}
    assert root.post("/admin/invoices/2026-0142/letters", fields).status_code == 303
    assert Person.get(Person.email == "new@acme.example").name == "New Person"
    address = {
        "business_name": "Hartwell",
        "business_address": "12 Mill\x00 Lane",
        "timezone": "UTC",
        "currency": "EUR",
    }
    assert root.post("/admin/settings/business", {**address, "language": "en"}).status_code == 422
