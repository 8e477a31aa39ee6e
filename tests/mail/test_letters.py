"""What letters say, and what stands on the envelope."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mail.letters import LETTERS, write
from money import Money
from records import AllocationView, LetterView, PaperView
from tests.mail import samples

EVERY = tuple(LETTERS)
WITHOUT_BUTTON = ("locked", "password_changed", "email_changed", "access_refused", "factor_changed")
TOLD_OF_A_CHANGE = ("password_changed", "email_changed", "factor_changed")
ABOUT_PAYMENTS = tuple(kind for kind in EVERY if kind not in ("sign_in", "invoice_issued", *samples.GETTING_IN))
HEAVIEST = 15_000  # bytes of both parts together
PORTAL = "https://pay.hartwell.example/sign-in"


def parts(letter: LetterView) -> tuple[str, str]:
    message = write(letter)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def words(html: str) -> str:
    """What of a page is read: tags, style and title gone."""
    html = re.sub(r"<(style|title)>.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


@pytest.mark.parametrize("kind", EVERY)
def test_both_parts_are_complete(kind: str) -> None:
    letter = samples.letter(kind)
    for part in parts(letter):
        assert letter.url in part
        assert PORTAL in part
        assert "Hartwell Garden Services" in part
        assert "01234 567890" in part
        if letter.payment:
            assert "P-7K3M-92" in part
            assert "€1,240.00" in part


@pytest.mark.parametrize("kind", EVERY)
def test_text_comes_first_and_html_after(kind: str) -> None:
    message = write(samples.letter(kind))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert {part.get_content_charset() for part in message.iter_parts()} == {"utf-8"}


@pytest.mark.parametrize("kind", EVERY)
def test_a_letter_is_small_and_loads_nothing(kind: str) -> None:
    text, html = parts(samples.letter(kind))
    assert len(text.encode()) + len(html.encode()) < HEAVIEST
    assert not re.search(r"<(img|script|link|iframe)|url\(|@import|src=", html)


@pytest.mark.parametrize("kind", EVERY)
def test_a_letter_has_one_button_and_our_manners(kind: str) -> None:
    text, html = parts(samples.letter(kind))
    assert html.count('class="button"') == (kind not in WITHOUT_BUTTON)
    for said in (text, words(html)):
        assert not re.search(r"please|successfully|!", said, re.IGNORECASE)
        assert not re.search(r"token|attempt|capture|gateway|mandate|allocation|None|\{\{|%\(", said)


@pytest.mark.parametrize("kind", EVERY)
def test_a_switch_takes_the_portal_link_out_of_both_parts(kind: str) -> None:
    letter = samples.letter(kind, portal_url="")
    for part in parts(letter):
        assert PORTAL not in (part.replace(letter.url, "") if letter.url else part)
        assert letter.url in part
        assert "Manage my account" not in part
        assert "Your invoices and payments" not in part


@pytest.mark.parametrize("kind", [*ABOUT_PAYMENTS, "refunded"])
def test_in_payment_letters_the_portal_link_is_called_manage_my_account(kind: str) -> None:
    text, html = parts(samples.letter(kind))
    assert f"Manage my account:\n{PORTAL}" in text.replace("\r\n", "\n")
    assert f'<a href="{PORTAL}">Manage my account</a>' in html


@pytest.mark.parametrize(
    ("kind", "checked", "first"),
    [
        ("receipt", False, "Paid. Thank you."),
        ("receipt", True, "We checked. It is paid, once."),
        ("declined", False, "Not paid. No money was taken."),
        ("declined", True, "We checked. Not paid, no money was taken."),
        ("not_taken", True, "We checked. No money was taken."),
        ("not_taken", False, "No money was taken."),
        ("action_needed", False, "No money was taken yet. Your bank asks you to confirm."),
        ("on_its_way", False, "On its way"),
        ("being_checked", False, "We are checking your payment"),
        ("refunded", False, "Sent back to you."),
    ],
)
def test_an_outcome_says_first_whether_money_moved(kind: str, checked: bool, first: str) -> None:
    text, html = parts(samples.letter(kind, checked=checked))
    assert text.startswith(first)
    assert words(html).startswith(f"Hartwell Garden Services {first} €1,240.00")


@pytest.mark.parametrize(
    ("tell", "said"),
    [
        ("", "The card company refused Visa ending 4242. They do not tell us more; they will tell you."),
        ("insufficient_funds", "There was not enough money on Visa ending 4242."),
        ("expired", "Visa ending 4242 has expired."),
        ("not_approved", "The payment was not confirmed with your bank."),
        ("account_closed", "The bank account is closed."),
    ],
)
def test_a_refusal_gives_the_reason_that_may_be_told(tell: str, said: str) -> None:
    for part in parts(samples.letter("declined", payment=samples.payment("declined", decline_tell=tell))):
        assert said in part


def test_an_invoice_letter_shows_five_lines_and_counts_the_rest() -> None:
    text, html = parts(samples.letter("invoice_issued", invoice=samples.invoice(lines=7)))
    for part in (text, words(html)):
        assert "Gravel, 2 t" in part
        assert "and 2 more lines" in part
        assert part.count("€147.62") == 5
    assert "Open invoice 2026-0142" in html


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "To pay by 6 December 2026"),
        ({"due_on": samples.NOW.date().replace(day=1)}, "Was to be paid by 1 November 2026"),
        ({"due_on_receipt": True}, "To pay on receipt"),
        ({"pays_itself": True}, "Taken automatically. You need do nothing."),
        ({"open": samples.ZERO}, "There is nothing to pay."),
        ({"kind": "credit_note", "open": samples.ZERO}, "In your favour. There is nothing to pay."),
    ],
)
def test_an_invoice_letter_says_until_when(changes: dict[str, object], said: str) -> None:
    letter = samples.letter("invoice_issued", invoice=replace(samples.invoice(), **changes))  # type: ignore[arg-type]
    for part in parts(letter):
        assert said in part


def test_a_payment_of_many_invoices_lists_ten_of_them() -> None:
    many = tuple(AllocationView(f"R-{n}", f"R-{n}", Money(100, "EUR")) for n in range(13))
    payment = samples.payment("receipt", allocations=many, credited=Money(500, "EUR"))
    for part in parts(samples.letter("receipt", payment=payment)):
        assert "Invoice R-9" in part
        assert "Invoice R-10" not in part
        assert "and 3 more invoices" in part
        assert "€5.00" in part
    assert write(samples.letter("receipt", payment=payment))["Subject"] == "Paid: €1,240.00 for 13 invoices"


@pytest.mark.parametrize("kind", TOLD_OF_A_CHANGE)
def test_a_letter_about_a_change_says_when_on_what_and_whom_to_call(kind: str) -> None:
    for part in (parts(samples.letter(kind))[0], words(parts(samples.letter(kind))[1])):
        assert "22 November 2026, 10:00" in part
        assert "iPhone" in part
        assert "Was it not you? Call Hartwell Garden Services: 01234 567890" in " ".join(part.split())
    assert "Device" not in parts(samples.letter(kind, device=""))[0]


@pytest.mark.parametrize("kind", [*TOLD_OF_A_CHANGE, "locked", "access_refused", "temporary_password"])
def test_without_a_telephone_it_is_the_merchants_address_to_write_to(kind: str) -> None:
    for part in parts(samples.letter(kind, merchant=replace(samples.HARTWELL, phone=""))):
        assert "Write to Hartwell Garden Services: " in part
    for part in parts(samples.letter(kind, merchant=replace(samples.HARTWELL, phone="", email=""))):
        assert "Ask Hartwell Garden Services." in part


@pytest.mark.parametrize("kind", ["password_changed", "factor_changed", "locked"])
def test_staff_are_sent_to_a_colleague_and_not_to_their_own_telephone(kind: str) -> None:
    for part in parts(samples.letter(kind, for_staff=True, portal_url="")):
        assert "colleague" in part
        assert "Call Hartwell" not in part


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("passkey_added", "A passkey was added"),
        ("passkey_removed", "A passkey was removed"),
        ("totp_set", "A code app was set up"),
        ("totp_removed", "The code app was removed"),
        ("codes_made", "New recovery codes were made"),
        ("code_used", "A recovery code was used"),
    ],
)
def test_a_letter_about_a_second_factor_says_what_became_of_it(what: str, said: str) -> None:
    letter = samples.letter("factor_changed", what=what)
    assert write(letter)["Subject"] == said
    for part in parts(letter):
        assert said in part
        assert "Hartwell Garden Services" in part


def test_a_locked_account_names_what_does_not_open_it_and_who_does() -> None:
    for part in (parts(samples.letter("locked"))[0], words(parts(samples.letter("locked"))[1])):
        assert "links and codes by mail do not open it" in part
        assert "You want it unlocked? Call Hartwell Garden Services: 01234 567890" in " ".join(part.split())
        assert "by itself" not in part


def test_a_lock_with_a_timer_says_when_it_ends() -> None:
    for part in parts(samples.letter("locked", until=samples.NOW.replace(minute=30))):
        assert "It unlocks by itself: 22 November 2026, 10:30." in part
        assert "You need it sooner?" in part


def test_a_reset_letter_reads_right_for_who_asked_for_an_account_too() -> None:
    for part in parts(samples.letter("reset")):
        assert "This address has an account with Hartwell Garden Services." in part
        assert "within 60 minutes" in part
        assert "forgot" not in part
    assert "has an account" not in parts(samples.letter("reset", for_staff=True))[0]


def test_a_temporary_password_is_shown_with_its_end_and_nothing_around_it() -> None:
    letter = samples.letter("temporary_password")
    text, html = parts(letter)
    assert "hedge-lawn-4821" in [line.strip() for line in text.splitlines()]
    assert "<bdi>hedge-lawn-4821</bdi>" in html
    for part in (text, html):
        assert "signs you in once, until 23 November 2026, 10:00. Then you choose your own." in part
    assert "hedge" not in write(letter)["Subject"]
    assert "hedge" not in repr(letter)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Hartwell Garden Services invites you to the account of Acme Ltd."),
        ({"inviter": "Ada Lane"}, "Ada Lane invites you to the account of Acme Ltd with Hartwell Garden Services."),
        ({"role": "view"}, "You may look at its invoices and payments."),
        ({"role": "pay"}, "You may look at its invoices and payments, and pay."),
        ({"role": "manage"}, "You may look at its invoices and payments, pay, and decide who else gets in."),
        ({"access_until": samples.NOW.replace(month=12)}, "Your access ends: 22 December 2026, 10:00."),
        ({}, "It works once, until 29 November 2026, 10:00."),
    ],
)
def test_an_invitation_says_who_invites_to_what_and_until_when(changes: dict[str, object], said: str) -> None:
    for part in parts(samples.letter("invitation", **changes)):
        assert said in part


def test_who_paid_without_an_account_gets_no_button_to_a_page_they_cannot_open() -> None:
    text, html = parts(samples.letter("refunded", url=""))
    assert 'class="button"' not in html
    for part in (text, html):
        assert "R-2B4C-77" in part
        assert "€1,240.00" in part


def test_where_nobody_signs_in_by_mail_an_invoice_letter_promises_no_link() -> None:
    for part in parts(samples.letter("invoice_issued")):
        assert "no password is needed" in part
    for part in parts(samples.letter("invoice_issued", signs_in_by_mail=False)):
        assert "password" not in part


def test_a_sign_in_letter_without_a_code_names_only_the_link() -> None:
    text, html = parts(samples.letter("sign_in", code="", code_minutes=0))
    assert "30 minutes" in text
    assert "code" not in text
    assert 'class="code"' not in html


def test_the_code_is_not_in_the_subject_where_a_locked_phone_shows_it() -> None:
    assert "482" not in write(samples.letter("sign_in"))["Subject"]


def test_a_rehearsal_is_called_one() -> None:
    merchant = replace(samples.HARTWELL, rehearsal=True)
    for part in parts(samples.letter("receipt", merchant=merchant)):
        assert "This is a rehearsal: no money moves." in part


def test_the_envelope() -> None:
    message = write(samples.letter("receipt"))
    assert message["From"] == "Hartwell Garden Services <accounts@hartwell.example>"
    assert message["Reply-To"] == "Hartwell Garden Services <accounts@hartwell.example>"
    assert message["To"] == "Ada Lane <ada@acme.example>"
    assert message["Date"] == "Sun, 22 Nov 2026 10:00:00 +0000"
    assert message["Message-ID"] == f"<{'0f' * 16}@pay.hartwell.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"
    assert "List-Unsubscribe" not in message


@pytest.mark.parametrize("email", ["", "no address", "two@a.example, b@c.example", "a@b.example\nBcc: x@y.example"])
def test_without_a_usable_address_of_the_merchant_letters_come_from_no_reply(email: str) -> None:
    message = write(samples.letter("receipt", merchant=replace(samples.HARTWELL, email=email)))
    assert message["From"] == "Hartwell Garden Services <no-reply@pay.hartwell.example>"
    assert "Reply-To" not in message


def test_a_portal_without_a_name_writes_from_localhost() -> None:
    merchant = replace(samples.HARTWELL, email="")
    message = write(samples.letter("receipt", host="127.0.0.1", merchant=merchant))
    assert message["From"].addresses[0].addr_spec == "no-reply@localhost"
    assert message["Message-ID"].endswith("@localhost>")


EVIL = "Evil\r\nBcc: everyone@else.example\r\n\r\nbody\u2028\x00\u202eLtd"


@pytest.mark.parametrize("kind", EVERY)
def test_nobody_writes_headers_through_a_name_or_number(kind: str) -> None:
    merchant = replace(samples.HARTWELL, name=EVIL)
    letter = samples.letter(kind, merchant=merchant, name=EVIL)
    if letter.invoice:
        letter = replace(letter, invoice=replace(letter.invoice, number=EVIL))
    if letter.payment:
        part = AllocationView(EVIL, "x", Money(1, "EUR"))
        letter = replace(letter, payment=replace(letter.payment, allocations=(part,)))
    letter = replace(letter, company=EVIL, inviter=EVIL, masked=EVIL)
    read = message_from_bytes(write(letter).as_bytes(), policy=policy.default)
    expected = write(samples.letter(kind))
    assert isinstance(read, EmailMessage)
    assert sorted(read.keys()) == sorted(expected.keys())
    assert [address.addr_spec for address in read["To"].addresses] == ["ada@acme.example"]
    assert len(read["Subject"].splitlines()) == 1


@pytest.mark.parametrize(
    "name",
    [
        'Mr Bcc: thief@else.example "><script>alert(1)</script><img src=x onerror=alert(2)>',
        "Sehr lange Gesellschaft für Gärten und mehr, thief@else.example; und noch viel",
        "Acme, Incorporated (of a very long street indeed), <thief@else.example>, Ltd",
        '""""""""""""""""""""""""""""""""""""""""',
    ],
)
def test_a_name_that_looks_like_addresses_names_only_one(name: str) -> None:
    message = write(samples.letter("receipt", merchant=replace(samples.HARTWELL, name=name), name=name))

    read = message_from_bytes(message.as_bytes(), policy=policy.default)
    for header, address in (
        ("From", "accounts@hartwell.example"),
        ("Reply-To", "accounts@hartwell.example"),
        ("To", "ada@acme.example"),
    ):
        assert [found.addr_spec for found in read[header].addresses] == [address]
        assert not read[header].defects


def test_a_name_with_a_comma_is_written_as_it_is() -> None:
    read = message_from_bytes(write(samples.letter("receipt", name="Acme, Inc.")).as_bytes(), policy=policy.default)

    assert read["To"].addresses[0].display_name == "Acme, Inc."


@pytest.mark.parametrize("kind", EVERY)
def test_markup_in_names_stays_text(kind: str) -> None:
    evil = '<b onload="x">&amp; Söhne'
    letter = samples.letter(kind, merchant=replace(samples.HARTWELL, name=evil))
    if letter.invoice:
        letter = replace(letter, invoice=replace(letter.invoice, number=evil))
    if letter.payment:
        method = replace(samples.VISA, brand=evil)
        part = AllocationView(evil, "x", Money(1, "EUR"))
        letter = replace(letter, payment=replace(letter.payment, allocations=(part,), method=method))
    letter = replace(letter, company=evil, inviter=evil, masked=evil, password=evil)
    text, html = parts(letter)
    assert evil in text
    assert "<b" not in re.sub("<(bdi|body)", "", html)
    assert "&lt;b onload=" in html


@pytest.mark.parametrize("kind", EVERY)
def test_right_to_left_letters_say_so(kind: str) -> None:
    _, html = parts(samples.letter(kind, language="ar"))
    assert '<html lang="ar" dir="rtl">' in html
    assert '<div class="ground" lang="ar" dir="rtl">' in html, "mail programs throw the html element away"


def test_long_names_are_cut_in_headers_and_whole_in_the_letter() -> None:
    name = "Gesellschaft " * 20
    message = write(samples.letter("receipt", merchant=replace(samples.HARTWELL, name=name), name=name))
    assert len(message["From"].addresses[0].display_name) <= 80
    read = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert read["From"].addresses[0].addr_spec == "accounts@hartwell.example"
    assert all(len(line) <= 998 for line in message.as_bytes().split(b"\r\n"))


def test_what_is_attached_comes_after_the_words() -> None:
    message = write(samples.letter("receipt"), [PaperView("P-7K3M-92.pdf", "application/pdf", b"%PDF-1.7")])
    assert message.get_content_type() == "multipart/mixed"
    (paper,) = message.iter_attachments()
    assert (paper.get_filename(), paper.get_content()) == ("P-7K3M-92.pdf", b"%PDF-1.7")
    assert "The receipt is attached as a PDF." in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_an_address_in_other_letters_is_written_as_it_is() -> None:
    message = write(samples.letter("receipt", to="zoë@acme.example"))
    assert "zoë@acme.example".encode() in message.as_bytes()
