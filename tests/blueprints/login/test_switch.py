from __future__ import annotations

from billing import people
from models import Membership, Session
from tests.blueprints.conftest import Clock
from tests.browser import HTMX, Browser
from tests.cast import Cast


def let_ada_see_globex(cast: Cast, clock: Clock) -> None:
    people.make_member("ada@acme.example", cast.globex, Membership.VIEW, by=cast.root, now=clock.now)


def test_the_other_company_is_looked_at(ada: Browser, cast: Cast, clock: Clock) -> None:
    let_ada_see_globex(cast, clock)

    answer = ada.post("/account/company", {"group": cast.globex.public_id})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert ada.company() == "Globex GmbH"


def test_a_strangers_company_is_not_there(ada: Browser, cast: Cast) -> None:
    for group in (cast.globex.public_id, "no-such", "", str(cast.acme.id), "\x00"):
        assert ada.post("/account/company", {"group": group}).status_code == 404
    assert Session.get(Session.person == cast.ada).group is None


def test_a_company_that_was_taken_away_is_no_longer_the_current_one(ada: Browser, cast: Cast, clock: Clock) -> None:
    let_ada_see_globex(cast, clock)
    ada.post("/account/company", {"group": cast.globex.public_id})
    Membership.delete().where(Membership.person == cast.ada, Membership.group == cast.globex).execute()

    assert ada.company() == "Acme Ltd"


def test_who_is_not_signed_in_signs_in_first(visitor: Browser, cast: Cast) -> None:
    answer = visitor.post("/account/company", {"group": cast.acme.public_id})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_htmx_is_told_where_to_sign_in(visitor: Browser, cast: Cast) -> None:
    answer = visitor.post(
        "/account/company",
        {"group": cast.acme.public_id},
        headers={**HTMX, "HX-Current-URL": f"{visitor.url}/invoices?q=4711"},
    )

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?next=%2Finvoices%3Fq%3D4711")


def test_no_other_method_is_answered(ada: Browser) -> None:
    assert ada.ask("PUT", "/account/company").status_code == 405
