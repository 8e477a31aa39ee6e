"""The guards, tried on routes made for it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Response, g, request

from billing import history, people, settings
from blueprints import guards, respond
from models import Membership, Person, Session
from tests.blueprints.conftest import Clock
from tests.browser import Browser
from tests.cast import Cast


@pytest.fixture
def app(app: Flask) -> Flask:
    @app.get("/probe/person")
    @guards.require_person
    def person() -> Response:
        return Response(f"{g.person.email} {g.group.name} {g.role} {g.today} {g.language}")

    @app.post("/probe/pay")
    @guards.require_role("pay")
    def pay() -> Response:
        guards.need("pay", request.form.get("group", g.group.id, type=int))
        return Response("paid")

    @app.get("/probe/group/<int:id>")
    @guards.require_person
    def group(id: int) -> Response:
        guards.look_at(id)
        return respond.page("errors/404.html")

    @app.get("/admin/probe")
    @guards.require_staff
    def staff() -> Response:
        return Response(f"{g.staff.email} {g.person}")

    @app.post("/probe/small")
    @guards.takes_up_to(1000)
    def small() -> Response:
        return Response("ok")

    @app.post("/admin/probe/large")
    @guards.takes_up_to(500_000)
    def large() -> Response:
        return Response(f"{len(request.form['text'])}")

    @app.get("/probe/broken")
    def broken() -> Response:
        raise ZeroDivisionError

    return app


def test_a_page_knows_who_is_there_where_and_when(ada: Browser) -> None:
    assert ada.get("/probe/person").text == "ada@acme.example Acme Ltd pay 2026-11-22 en"


def test_the_business_day_is_the_merchants(ada: Browser, clock: Clock) -> None:
    settings.save({"timezone": "Pacific/Auckland"}, by=history.COMMAND, now=clock.now)
    clock.forward(hours=2)  # noon UTC is one in the morning there

    assert "2026-11-23" in ada.get("/probe/person").text


def test_who_is_not_signed_in_is_led_to_sign_in_and_back(visitor: Browser) -> None:
    answer = visitor.get("/probe/person?q=a%26b")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=%2Fprobe%2Fperson%3Fq%3Da%2526b")


def test_htmx_is_told_and_gets_no_sign_in_page_inside_a_table(visitor: Browser) -> None:
    answer = visitor.get("/probe/person", htmx=True)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?next=%2Fprobe%2Fperson")
    assert answer.text == ""


def test_after_a_form_one_comes_back_to_its_page(visitor: Browser) -> None:
    answer = visitor.post("/probe/pay", headers={"Referer": f"{visitor.url}/invoices/7"})

    assert answer.headers["Location"] == "/sign-in?next=%2Finvoices%2F7"


def test_another_sites_page_is_nothing_to_come_back_to(visitor: Browser) -> None:
    answer = visitor.post("/probe/pay", headers={"Referer": "https://evil.example/invoices/7"})

    assert answer.headers["Location"] == "/sign-in"


@pytest.mark.parametrize("header", ["Referer", "HX-Current-URL"])
def test_a_header_that_is_no_address_is_nothing_to_come_back_to(visitor: Browser, header: str) -> None:
    answer = visitor.post("/probe/pay", headers={header: "http://["})

    assert answer.headers["Location"] == "/sign-in"


def test_a_viewer_cannot_pay(vic: Browser, ada: Browser) -> None:
    assert vic.post("/probe/pay").status_code == 403
    assert ada.post("/probe/pay").text == "paid"


def test_a_viewers_refusal_is_a_page_or_a_small_partial(vic: Browser) -> None:
    assert "You may not do this" in vic.post("/probe/pay").text

    answer = vic.post("/probe/pay", htmx=True)
    assert answer.status_code == 403
    assert "<html" not in answer.text


def test_a_role_in_one_company_opens_none_in_another(vic: Browser, ada: Browser, cast: Cast, clock: Clock) -> None:
    people.make_member("vic@acme.example", cast.globex, Membership.PAY, by=cast.root, now=clock.now)

    assert vic.post("/probe/pay", {"group": cast.globex.id}).text == "paid"
    assert vic.post("/probe/pay", {"group": cast.acme.id}).status_code == 403
    assert ada.post("/probe/pay", {"group": cast.globex.id}).status_code == 404


def test_a_strangers_company_is_not_there(mallory: Browser, cast: Cast) -> None:
    assert mallory.get(f"/probe/group/{cast.acme.id}").status_code == 404
    assert mallory.get(f"/probe/group/{cast.acme.id}", htmx=True).status_code == 404


def test_somebody_in_both_is_switched_and_told_so_once(ada: Browser, cast: Cast, clock: Clock) -> None:
    people.make_member("ada@acme.example", cast.globex, Membership.VIEW, by=cast.root, now=clock.now)

    page = ada.get(f"/probe/group/{cast.globex.id}").text
    assert "You are now looking at Globex GmbH." in page
    assert "<strong>Globex GmbH</strong>" in page

    assert "You are now looking at" not in ada.get(f"/probe/group/{cast.globex.id}").text
    assert "Globex GmbH view" in ada.get("/probe/person").text


def test_a_customer_never_reaches_the_merchants_side(ada: Browser, root: Browser) -> None:
    answer = ada.get("/admin/probe")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/sign-in?next=%2Fadmin%2Fprobe")

    assert root.get("/admin/probe").text == "root@hartwell.example None"


def test_a_customers_cookie_is_worth_nothing_under_the_staff_name(ada: Browser, visitor: Browser) -> None:
    visitor.client.set_cookie("portal_staff", ada.cookie() or "", domain="127.0.0.1")

    assert visitor.get("/admin/probe").status_code == 303


def test_a_staff_cookie_is_worth_nothing_under_the_customers_name(root: Browser, visitor: Browser) -> None:
    visitor.client.set_cookie("portal", root.cookie("portal_staff") or "", domain="127.0.0.1")

    assert visitor.get("/probe/person").status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "é", "a" * 43, "a" * 5000, '"><script>'])
def test_a_made_up_cookie_is_nobody(visitor: Browser, cookie: str) -> None:
    answer = visitor.get("/probe/person", headers={"Cookie": f"portal={cookie}; remember_token=1|x; session=x"})

    assert answer.status_code == 303


def test_an_idle_session_ends(ada: Browser, clock: Clock) -> None:
    clock.forward(hours=12)

    assert ada.get("/probe/person").status_code == 303


def test_use_is_noted_at_most_every_five_minutes(ada: Browser, clock: Clock) -> None:
    began = clock.now
    clock.forward(minutes=4)
    ada.name()
    assert Session.get().last_seen_at == began

    clock.forward(minutes=1)
    ada.name()
    assert Session.get().last_seen_at == clock.now


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/sign-in/code", "/sign-in/x", "/pay/x", "/probe/person", "/nowhere"]
)
def test_while_the_portal_is_off_every_customers_page_says_so(ada: Browser, clock: Clock, path: str) -> None:
    ada.get("/nowhere")
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)

    for htmx in (False, True):
        assert ada.get(path, htmx=htmx).status_code == 503
    assert ada.post(path).status_code == 503


def test_switched_on_again_sessions_go_on(ada: Browser, clock: Clock) -> None:
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)
    ada.get("/probe/person")
    settings.save({"portal_enabled": True}, by=history.COMMAND, now=clock.now)

    assert ada.get("/probe/person").status_code == 200


def test_the_merchants_side_goes_on_while_the_portal_is_off(root: Browser, clock: Clock) -> None:
    settings.save({"portal_enabled": False}, by=history.COMMAND, now=clock.now)

    assert root.get("/admin/probe").status_code == 200
    assert root.get("/healthz").status_code == 200


def test_too_large_a_body_is_refused_with_a_page(visitor: Browser) -> None:
    assert visitor.post("/probe/small", {"text": "x" * 1000}).status_code == 413
    assert visitor.post("/probe/small", {"text": "x" * 100}).text == "ok"
    assert visitor.post("/sign-in", {"email": "x" * 300_000}).status_code == 413


def test_a_large_body_is_read_of_staff_alone(root: Browser, visitor: Browser) -> None:
    assert root.post("/admin/probe/large", {"text": "x" * 200_000}).text == "200000"
    assert root.post("/admin/probe/large", {"text": "x", "file": (BytesIO(b"x" * 400_000), "x.csv")}).text == "1"
    for token in (None, ""):
        answer = visitor.post("/admin/probe/large", {"file": (BytesIO(b"x" * 400_000), "x.csv")}, token=token)
        assert answer.status_code == 413


def test_a_failure_is_a_page_that_says_nothing_of_it(visitor: Browser) -> None:
    visitor.client.application.config["PROPAGATE_EXCEPTIONS"] = False

    answer = visitor.get("/probe/broken")

    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    assert "Content-Security-Policy" in answer.headers


def test_a_page_costs_five_questions_to_the_database_at_most(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    database = Person._meta.database.obj
    run = database.execute_sql

    def counted(sql: str, *args: Any) -> Any:
        asked.append(sql)
        return run(sql, *args)

    monkeypatch.setattr(database, "execute_sql", counted)

    ada.get("/probe/person")

    assert len(asked) == 5, asked  # settings, session, memberships, access rules, whether it is a rehearsal
