"""Passkeys in a real browser with a pretend authenticator: added, used at the door, and turned down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from billing import dates, sign_ins
from models import Passkey, Person, Session, Staff
from tests.journeys.conftest import CHROMIUM, House

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="BROWSER TESTS SKIPPED: there is no /usr/bin/chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


class Device:
    """The phone's authenticator, as the browser's own tools pretend one."""

    def __init__(self, page: Page) -> None:
        self.tools: CDPSession = page.context.new_cdp_session(page)
        self.tools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.id: str = self.tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def verifies(self, whether: bool) -> None:
        self.tools.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": whether})

    def keys(self) -> list[Any]:
        found: list[Any] = self.tools.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]
        return found


def at_a_name(url: str) -> str:
    """Browsers keep no passkeys for a bare address."""
    return url.replace("127.0.0.1", "localhost")


def come_in(page: Page, who: Person | Staff) -> None:
    page.goto(at_a_name(sign_ins.for_command(who, now=dates.now())))
    page.locator("main button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def sign_out(page: Page) -> None:
    page.locator("#user-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_staff_add_a_passkey_and_it_is_both_steps(house: House, page: Page) -> None:
    url, device = at_a_name(house.url), Device(page)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    come_in(page, house.cast.root)
    page.goto(f"{url}/admin/settings/security")
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.locator("#without-passkeys")).to_be_hidden()
    page.get_by_label("Its name").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("h1")).to_have_text("Your recovery codes")
    assert page.locator("#codes li").count() == 10
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert Passkey.get(Passkey.staff == house.cast.root).name == "My phone"
    assert len(device.keys()) == 1

    page.goto(f"{url}/admin/settings/security/passkeys/new")  # the device knows that it holds one
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="This device has a passkey")).to_be_visible()
    assert Passkey.select().where(Passkey.staff == house.cast.root).count() == 1

    sign_out(page)
    device.verifies(False)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="No passkey was used.")).to_be_visible()
    device.verifies(True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("#user-menu summary")).to_have_text("Root")
    newest = Session.select().where(Session.staff == house.cast.root).order_by(Session.id.desc()).get()
    assert (newest.way, newest.stage) == ("passkey", "")
    assert said == []


def test_a_customer_adds_a_passkey_and_the_door_asks_for_nothing_else(house: House, page: Page) -> None:
    url, device = at_a_name(house.url), Device(page)
    come_in(page, house.cast.ada)
    page.goto(f"{url}/account/passkeys/new")
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url(lambda url: not url.endswith("/new"))
    assert Passkey.get(Passkey.person == house.cast.ada).transports == ["internal"]
    page.goto(f"{url}/")
    sign_out(page)
    page.goto(f"{url}/sign-in?next=/payments")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("h1")).to_have_text("Payments")
    assert device.keys()[0]["signCount"] > 1


def test_without_javascript_no_passkey_is_offered(house: House, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{at_a_name(house.url)}/admin/sign-in")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    context.close()
