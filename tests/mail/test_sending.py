"""The whole road of a letter: from its row, through the job, to a mailbox."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pikepdf
import pytest

import database
import environ
from billing import dates, files, letters, links, passwords, settings, sign_ins
from billing.history import COMMAND
from database import transaction
from mail import transport
from models import Allocation, Attempt, Connection, Invoice, InvoiceFile, Letter, Payment, PaymentMethod, Person, SignIn
from portal import create_app
from tests.bills import bill
from tests.cast import Cast
from tests.mail.conftest import Mailbox, free_port
from tests.synchronous import Queue
from workers.letters import MOST_ATTACHED
from workers.letters import send as send_job

ROOT = Path(__file__).parents[2]
URL = "https://pay.hartwell.example"
PAYMENT_KINDS = {
    "receipt": Payment.PAID,
    "on_its_way": Payment.PROCESSING,
    "action_needed": Payment.NEEDS_CUSTOMER,
    "declined": Payment.DECLINED,
    "being_checked": Payment.UNKNOWN,
    "not_taken": Payment.CANCELLED,
}
KINDS = ("sign_in", "invoice_issued", *PAYMENT_KINDS)
LINKED = {"enrol": SignIn.ENROL, "reset": SignIn.RESET, "invitation": SignIn.INVITE, "email_confirm": SignIn.EMAIL}
GETTING_IN = (*LINKED, "access_allowed", "temporary_password")
WITHOUT_BUTTON = ("locked", "password_changed", "email_changed", "factor_changed", "access_refused")

Owe = Callable[..., int]
Use = Callable[[str], None]


@pytest.fixture
def use(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Name a mail server; none: letters become files."""

    def use(url: str) -> None:
        monkeypatch.setenv("SMTP_URL", url)
        monkeypatch.setenv("PORTAL_URL", URL)
        env = environ.read()
        transport.configure(env)
        links.configure(env)
        files.configure(env.home)

    use("")
    yield use
    dates.start_at(None)


@pytest.fixture
def owe(cast: Cast, now: datetime, use: Use) -> Owe:
    """Owe Ada a letter of a kind, about real rows, in an open portal."""
    switches = {"portal_enabled": True, "allow_manage_emails": True}
    business = {"business_name": "Hartwell", "business_email": "accounts@hartwell.example"}
    settings.save(switches | business, by=COMMAND, now=now)
    connection = Connection.create(provider="sandbox", account="rehearsal", created_at=now)
    method = PaymentMethod.create(
        public_id="M1",
        group=cast.acme,
        connection=connection,
        token="t",
        kind="card",
        brand="Visa",
        last4="4242",
        created_at=now,
    )

    def payment(kind: str) -> Payment:
        state = PAYMENT_KINDS[kind]
        made: Payment = Payment.create(
            public_id="P-7K3M-92",
            secret="s",
            group=cast.acme,
            connection=connection,
            amount=8650,
            currency="EUR",
            state=state,
            rank=Payment.RANK[state],
            initiator="customer",
            person=cast.ada,
            method=method,
            created_at=now,
            unknown_since=now,
            ended_at=now,
            captured=8650 if kind == "receipt" else 0,
            decline_code="expired",
            decline_tell=True,
        )
        Allocation.create(payment=made, invoice=bill(cast.acme, 8650, now=now, number="2026-0142"), amount=8650)
        if kind == "action_needed":
            Attempt.create(
                payment=made,
                number=1,
                operation="charge",
                key="k",
                parameters_hash="h",
                connection=connection,
                state=Attempt.OPEN,
                live=True,
                url="https://bank.example/3ds",
                started_at=now,
                expires_at=now + timedelta(days=1),
            )
        return made

    def owe(kind: str, **about: Any) -> int:
        dates.start_at(now)
        if kind == "sign_in":
            sign_ins.ask(cast.ada.email, "", now=now)
            return int(Letter.get(Letter.kind == "sign_in").id)
        if kind == "temporary_password":
            passwords.mail_temporary(cast.ada, by=COMMAND, now=now)
            return int(Letter.get(Letter.kind == kind).id)
        if kind == "locked":
            Person.update(locked_at=now).where(Person.id == cast.ada.id).execute()
        if kind in LINKED:
            email = "new@acme.example" if kind == "email_confirm" else cast.ada.email
            role = "view" if kind == "invitation" else None
            row = SignIn.create(
                purpose=LINKED[kind], person=cast.ada, email=email, group=cast.acme, role=role, created_at=now,
                link_expires_at=now + timedelta(hours=1),
            )  # fmt: skip
            about = {"details": {"sign_in": row.id}}
        elif kind in (*WITHOUT_BUTTON, "access_allowed"):
            about = {"details": {"what": "passkey_added", "masked": "a•••@new.example"}}
        elif kind == "invoice_issued":
            about = {"invoice": bill(cast.acme, 8650, now=now, number="2026-0142")} | about
        else:
            about = {"payment": payment(kind)} | about
        id = letters.queue(kind, cause=kind, to=cast.ada.email, person=cast.ada, group=cast.acme, now=now, **about)
        assert id is not None
        return id

    return owe


def later(minutes: float) -> datetime:
    """Let the clock go on."""
    moment = dates.now() + timedelta(minutes=minutes)
    dates.start_at(moment)
    return moment


def state(id: int) -> str:
    return str(Letter.get_by_id(id).state)


def both(message: EmailMessage) -> list[str]:
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    assert all(parts)
    return [part.get_content() for part in parts if part]


@pytest.mark.parametrize("kind", KINDS + GETTING_IN + WITHOUT_BUTTON)
def test_every_letter_arrives_with_links_that_lead_somewhere(
    mailbox: Mailbox, use: Use, owe: Owe, env: Any, kind: str
) -> None:
    use(mailbox.url)
    routes = create_app(env).url_map.bind("pay.hartwell.example")
    id = owe(kind)
    send_job(id)
    (message,) = mailbox.arrived
    assert (state(id), mailbox.addressees) == (Letter.SENT, ["ada@acme.example"])
    for part in both(message):
        found = {address.rstrip(".") for address in re.findall(r"https?://[^\s\"<>]+", part)}
        assert f"{URL}/sign-in" in found
        # the way to the portal, and what the letter is about
        assert len(found) == (1 if kind in WITHOUT_BUTTON or kind == "temporary_password" else 2)
        for address in found:
            assert address.startswith(f"{URL}/")
            assert routes.test(urlsplit(address).path, "GET"), address


@pytest.mark.parametrize("switch", ["portal_enabled", "portal_link_in_mails"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_switch_takes_the_portal_link_out_of_both_parts(
    mailbox: Mailbox, use: Use, owe: Owe, now: datetime, kind: str, switch: str
) -> None:
    use(mailbox.url)
    id = owe(kind)
    settings.save({switch: False}, by=COMMAND, now=now)
    send_job(id)
    if kind == "sign_in" and switch == "portal_enabled":
        assert (state(id), mailbox.arrived) == (Letter.DROPPED, []), "its link would meet a closed door"
        return
    for part in both(mailbox.arrived[0]):
        assert not re.search(rf"{URL}/sign-in(?!/)", part)
        assert re.search(rf"{URL}/(pay|payments|sign-in)/\S", part)


def test_an_invoice_letter_leads_to_its_invoice_and_carries_the_pdf(mailbox: Mailbox, use: Use, owe: Owe) -> None:
    use(mailbox.url)
    send_job(owe("invoice_issued"))
    (message,) = mailbox.arrived
    invoice, person = Invoice.get(), 1
    assert links.pay(invoice.id, person) in both(message)[0]
    (paper,) = message.iter_attachments()
    assert paper.get_filename() == "2026-0142.pdf"
    assert paper.get_content().startswith(b"%PDF")


def test_the_copy_that_is_mailed_carries_the_e_invoice_unchanged(
    mailbox: Mailbox, use: Use, owe: Owe, now: datetime
) -> None:
    use(mailbox.url)
    id = owe("invoice_issued")
    came = b"<Invoice>as it came</Invoice>"
    with transaction():
        kept = files.keep(came, "application/xml", now=now)
        InvoiceFile.create(invoice=Invoice.get(), version=1, file=kept, role="original", syntax="ubl", name="a.xml")
    send_job(id)
    (paper,) = mailbox.arrived[0].iter_attachments()
    with pikepdf.open(io.BytesIO(paper.get_content())) as pdf:
        assert pdf.attachments["a.xml"].get_file().read_bytes() == came


@pytest.mark.parametrize(("size", "attached"), [(1000, True), (MOST_ATTACHED + 1, False)])
def test_an_invoice_that_came_as_a_pdf_goes_as_it_came(
    mailbox: Mailbox, use: Use, owe: Owe, now: datetime, size: int, attached: bool
) -> None:
    use(mailbox.url)
    id = owe("invoice_issued")
    came = b"%PDF-as it came".ljust(size)
    with transaction():
        kept = files.keep(came, "application/pdf", now=now)
        InvoiceFile.create(invoice=Invoice.get(), version=1, file=kept, role="original", syntax="pdf", name="a.pdf")
    send_job(id)
    papers = [paper.get_content() for paper in mailbox.arrived[0].iter_attachments()]
    assert papers == ([came] if attached else [])
    assert ("The PDF is attached." in both(mailbox.arrived[0])[0]) == attached


def test_a_receipt_is_attached_to_its_letter(mailbox: Mailbox, use: Use, owe: Owe) -> None:
    use(mailbox.url)
    send_job(owe("receipt"))
    (paper,) = mailbox.arrived[0].iter_attachments()
    assert paper.get_filename() == "P-7K3M-92.pdf"
    assert paper.get_content().startswith(b"%PDF")


def test_the_code_and_the_link_of_a_sign_in_letter_work(
    mailbox: Mailbox, use: Use, owe: Owe, cast: Cast, now: datetime
) -> None:
    use(mailbox.url)
    send_job(owe("sign_in"))
    text = both(mailbox.arrived[0])[0]
    link, code = re.search(rf"{URL}/sign-in/(\S+)", text), re.search(r"^(\d{3} \d{3})\s*$", text, re.MULTILINE)
    assert link
    assert code
    assert sign_ins.peek(link[1]).person_id == cast.ada.id
    assert sign_ins.use_code(cast.ada.email, code[1], now=now).person_id == cast.ada.id


def test_a_guest_gets_a_receipt_that_says_nothing_of_the_customer(
    mailbox: Mailbox, use: Use, owe: Owe, now: datetime
) -> None:
    use(mailbox.url)
    id = owe("receipt")
    Payment.update(came_by=Payment.GUEST, person=None, guest_name="Gil", guest_email="gil@else.example").execute()
    Letter.update(person=None, to="gil@else.example").execute()
    send_job(id)
    (message,) = mailbox.arrived
    assert str(message["To"]) == "Gil <gil@else.example>"
    for part in both(message):
        assert links.guest_payment(Invoice.get().id, "P-7K3M-92") in part
        assert "Visa" not in part
        assert "Acme" not in part
    (paper,) = message.iter_attachments()
    with pikepdf.open(io.BytesIO(paper.get_content())) as pdf:
        assert "Acme" not in str(pdf.docinfo)


def test_staff_get_a_link_and_no_way_to_the_portal(
    mailbox: Mailbox, use: Use, owe: Owe, cast: Cast, now: datetime
) -> None:
    use(mailbox.url)
    dates.start_at(now)
    sign_ins.ask_as_staff(cast.root.email, "", now=now)
    send_job(Letter.get().id)
    for part in both(mailbox.arrived[0]):
        assert re.search(rf"{URL}/sign-in/\S", part)
        assert not re.search(rf"{URL}/sign-in(?!/)", part)
        assert "code" not in re.sub("<style>.*</style>", "", part, flags=re.DOTALL)


@pytest.mark.parametrize(
    "changed",
    [{"used_at": 0}, {"replaced_at": 0}, {"link_expires_at": 0}],
    ids=["used", "replaced", "expired"],
)
def test_a_sign_in_letter_that_would_no_longer_work_is_dropped(
    mailbox: Mailbox, use: Use, owe: Owe, now: datetime, changed: dict[str, int]
) -> None:
    use(mailbox.url)
    id = owe("sign_in")
    SignIn.update(**dict.fromkeys(changed, now)).execute()
    send_job(id)
    assert (state(id), mailbox.arrived) == (Letter.DROPPED, [])


def test_a_late_sign_in_letter_says_what_is_left(mailbox: Mailbox, use: Use, owe: Owe) -> None:
    use(mailbox.url)
    id = owe("sign_in")
    later(20)
    send_job(id)
    text = both(mailbox.arrived[0])[0]
    assert "within 10 minutes" in text
    assert "code" not in text


@pytest.mark.parametrize(
    ("kind", "became"),
    [
        ("being_checked", Payment.PAID),
        ("on_its_way", Payment.PAID),
        ("action_needed", Payment.DECLINED),
        ("not_taken", Payment.PAID),
    ],
)
def test_what_is_no_longer_so_is_not_told(mailbox: Mailbox, use: Use, owe: Owe, kind: str, became: str) -> None:
    use(mailbox.url)
    id = owe(kind)
    Payment.update(state=became).execute()
    send_job(id)
    assert (state(id), mailbox.arrived) == (Letter.DROPPED, [])


def test_a_cancelled_invoice_is_not_sent(mailbox: Mailbox, use: Use, owe: Owe) -> None:
    use(mailbox.url)
    id = owe("invoice_issued")
    Invoice.update(status=Invoice.VOID).execute()
    send_job(id)
    assert (state(id), mailbox.arrived) == (Letter.DROPPED, [])


def test_a_language_nobody_knows_stops_no_letter(mailbox: Mailbox, use: Use, owe: Owe, now: datetime) -> None:
    use(mailbox.url)
    id = owe("receipt")
    settings.save({"language": "klingon!"}, by=COMMAND, now=now)
    send_job(id)
    assert "€86.50" in both(mailbox.arrived[0])[0]


# --- Retried, never twice ---------------------------------------------------------------------------------------------


def test_a_letter_waits_for_a_server_that_is_away_and_then_arrives_once(
    mailbox: Mailbox, use: Use, owe: Owe, queue: Queue
) -> None:
    use(f"smtp://127.0.0.1:{free_port()}")
    id = owe("receipt")
    send_job(id)
    assert state(id) == Letter.QUEUED
    send_job(id)
    assert Letter.get_by_id(id).tries == 1, "not before its time"
    use(mailbox.url)
    mailbox.rcpt.append("450 greylisted")
    letters.sweep(later(2))
    queue.run()
    assert (state(id), mailbox.arrived) == (Letter.QUEUED, [])
    letters.sweep(later(6))
    queue.run()
    assert (state(id), len(mailbox.arrived)) == (Letter.SENT, 1)
    letters.sweep(later(600))
    queue.run()
    assert len(mailbox.arrived) == 1


def test_workers_racing_for_one_letter_send_it_once(mailbox: Mailbox, use: Use, owe: Owe) -> None:
    use(mailbox.url)
    id = owe("receipt")

    def work(_: int) -> None:
        send_job(id)
        database.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert (state(id), len(mailbox.arrived)) == (Letter.SENT, 1)


def test_a_letter_without_an_answer_is_not_sent_again(mailbox: Mailbox, use: Use, owe: Owe, queue: Queue) -> None:
    use(mailbox.url)
    mailbox.hang_up_after_data = True
    id = owe("receipt")
    send_job(id)
    assert (state(id), Letter.get_by_id(id).failure) == (Letter.FAILED, letters.LOST)
    for _ in range(5):
        letters.sweep(later(600))
        queue.run()
    assert len(mailbox.arrived) == 1
    mailbox.hang_up_after_data = False
    assert letters.resend(Letter.get_by_id(id), now=dates.now())
    queue.run()
    first, second = mailbox.arrived
    assert first["Message-ID"] == second["Message-ID"], "staff may: the mail program shows it once"


def test_a_worker_killed_while_the_server_takes_the_letter_sends_it_once(
    mailbox: Mailbox, use: Use, owe: Owe, queue: Queue, database_url: str
) -> None:
    use(mailbox.url)
    mailbox.slow = 2.0
    id = owe("receipt")
    script = f"import startup; startup.make_ready('worker'); from workers.letters import send; send({id})"
    env = os.environ | {"PORTAL_NOW": dates.now().isoformat()}
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while mailbox.begun == 0 and time.monotonic() < until:
        time.sleep(0.02)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert mailbox.begun == 1
    assert state(id) == Letter.SENDING
    for _ in range(3):
        letters.sweep(later(10))
        queue.run()
    assert (state(id), mailbox.begun) == (Letter.FAILED, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_log_line_holds_what_opens_a_door(
    mailbox: Mailbox, use: Use, owe: Owe, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.DEBUG, "tillhouse")
    use(mailbox.url)
    mailbox.rcpt.append("450 <ada@acme.example> greylisted")
    id = owe(kind)
    send_job(id)
    later(2)
    send_job(id)
    assert f"letter id={id} kind={kind} try=2 end=accepted" in caplog.text
    text = both(mailbox.arrived[0])[0]
    for secret in [
        *re.findall(rf"{URL}/(?:sign-in|pay)/(\S+)", text),
        *re.findall(r"^\d{3} \d{3}", text, re.MULTILINE),
    ]:
        assert secret not in caplog.text
        assert secret.replace(" ", "") not in caplog.text
    assert "ada@" not in caplog.text


def test_without_a_mail_server_letters_become_files(home: Path, owe: Owe) -> None:
    id = owe("invoice_issued")
    send_job(id)
    (file,) = (home / "mail").glob("*.eml")
    assert state(id) == Letter.SENT
    assert re.fullmatch(r"\d{8}T\d{6}-invoice_issued-ada-at-acme\.example-[0-9a-f]{8}\.eml", file.name)
