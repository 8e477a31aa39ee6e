"""The transport against a real mail server: what arrived, what did not, and what nobody can know."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

import environ
from environ import BadEnvironment
from mail import transport
from mail.letters import write
from mail.transport import parse
from records import Delivery
from tests.mail import samples
from tests.mail.conftest import Mailbox, free_port

Send = Callable[..., Delivery]


@pytest.fixture
def handed() -> list[str]:
    """One entry for each time a letter was about to leave."""
    return []


@pytest.fixture
def send(home: Path, handed: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Send]:
    """Send a letter to whatever SMTP_URL names."""

    def send(url: str | None, kind: str = "receipt", to: str = "ada@acme.example", ours: bool = True) -> Delivery:
        monkeypatch.setenv("SMTP_URL", url or "")
        transport.configure(environ.read())
        message = write(samples.letter(kind, to=to))

        def hand_over() -> bool:
            handed.append(to)
            return ours

        return transport.deliver(message, kind=kind, hand_over=hand_over)

    yield send
    monkeypatch.delenv("SMTP_URL", raising=False)
    transport.configure(environ.read())


def unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def test_a_letter_arrives_as_it_was_written(mailbox: Mailbox, send: Send, handed: list[str]) -> None:
    assert send(mailbox.url) == Delivery(Delivery.ACCEPTED)
    (message,) = mailbox.arrived
    assert mailbox.addressees == ["ada@acme.example"]
    assert message["Subject"] == "Paid: €1,240.00 for invoice 2026-0142"
    written = write(samples.letter("receipt"))
    assert [unix(part.get_content()) for part in message.iter_parts()] == [
        p.get_content() for p in written.iter_parts()
    ]
    assert handed == ["ada@acme.example"]


def test_a_line_that_is_only_a_dot_does_not_end_the_letter(mailbox: Mailbox, send: Send) -> None:
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"] = "accounts@hartwell.example", "ada@acme.example"
    message.set_content("first\n.\n..second\n", cte="7bit")
    transport.configure(environ.read({"SMTP_URL": mailbox.url, "SECRET_KEY": "x"}))
    assert transport.deliver(message, kind="receipt", hand_over=lambda: True).end == Delivery.ACCEPTED
    assert unix(mailbox.arrived[0].get_content()) == "first\n.\n..second\n"


@pytest.mark.parametrize(
    ("answers", "end", "said"),
    [
        ({"mail": "451 busy"}, Delivery.TRY_AGAIN, "451 busy"),
        ({"mail": "553 we do not relay for you"}, Delivery.TRY_AGAIN, "553 we do not relay for you"),
        ({"rcpt": "450 greylisted"}, Delivery.TRY_AGAIN, "450 greylisted"),
        ({"rcpt": "550 no such user"}, Delivery.REFUSED, "550 no such user"),
        ({"data": "452 disk full"}, Delivery.TRY_AGAIN, "452 disk full"),
        ({"data": "554 looks like spam"}, Delivery.REFUSED, "554 looks like spam"),
    ],
)
def test_what_the_server_says_is_what_we_know(
    mailbox: Mailbox, send: Send, answers: dict[str, str], end: str, said: str
) -> None:
    for step, answer in answers.items():
        getattr(mailbox, step).append(answer)
    assert send(mailbox.url) == Delivery(end, said)
    assert mailbox.arrived == []


def test_a_refused_addressee_never_counts_as_handed_over(mailbox: Mailbox, send: Send, handed: list[str]) -> None:
    mailbox.rcpt.append("550 no such user")
    send(mailbox.url)
    assert handed == []


def test_a_server_that_is_away_is_tried_again(send: Send, handed: list[str]) -> None:
    told = send(f"smtp://127.0.0.1:{free_port()}")
    assert told.end == Delivery.TRY_AGAIN
    assert "refused" in told.said.lower()
    assert handed == []


def test_a_letter_of_another_worker_is_not_sent(mailbox: Mailbox, send: Send) -> None:
    assert send(mailbox.url, ours=False).end == Delivery.NOT_OURS
    assert mailbox.arrived == []


def test_no_answer_after_the_letter_means_nobody_knows(mailbox: Mailbox, send: Send) -> None:
    mailbox.hang_up_after_data = True
    assert send(mailbox.url).end == Delivery.LOST
    assert len(mailbox.arrived) == 1


class Scripted:
    """A server that says its lines and hangs up: what aiosmtpd would never do."""

    def __init__(self, *lines: bytes) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.lines = lines
        self.heard = b""
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.listening.getsockname()[1]}"

    def _serve(self) -> None:
        peer, _ = self.listening.accept()
        with peer, self.listening:
            for line in self.lines:
                peer.sendall(line + b"\r\n")
                self.heard += peer.recv(65536)

    def end(self) -> None:
        self.thread.join(5)
        assert not self.thread.is_alive()


def test_hanging_up_before_it_takes_the_letter_is_tried_again(send: Send, handed: list[str]) -> None:
    server = Scripted(b"220 hello", b"250 hello", b"250 sender", b"250 addressee")
    assert send(server.url).end == Delivery.TRY_AGAIN
    server.end()
    assert handed == ["ada@acme.example"], "and it is written down that it may have left: the outbox takes that back"


def test_hanging_up_in_the_middle_of_the_letter_means_nobody_knows(send: Send) -> None:
    server = Scripted(b"220 hello", b"250 hello", b"250 sender", b"250 addressee", b"354 go on")
    assert send(server.url).end == Delivery.LOST
    server.end()


def test_it_signs_in_where_the_address_says_so(mailbox: Mailbox, send: Send) -> None:
    url = f"smtp://portal:s3cret%2Fword@127.0.0.1:{mailbox.port}"
    assert send(url).end == Delivery.ACCEPTED


def test_a_wrong_password_is_ours_to_mend_and_told_nowhere(
    mailbox: Mailbox, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tillhouse")
    told = send(f"smtp://portal:hunter2-hunter2@127.0.0.1:{mailbox.port}")
    assert told.end == Delivery.TRY_AGAIN
    assert "user name or password" in told.said
    assert "hunter2" not in told.said + caplog.text


def test_where_encryption_is_required_nothing_goes_without_it(mailbox: Mailbox, send: Send) -> None:
    told = send(f"{mailbox.url}?starttls=required")
    assert told.end == Delivery.TRY_AGAIN
    assert "STARTTLS" in told.said
    assert mailbox.asked == 0


def test_an_address_in_other_letters_needs_a_server_that_takes_it(mailbox: Mailbox, send: Send) -> None:
    assert send(mailbox.url, to="zoë@acme.example").end == Delivery.ACCEPTED
    assert mailbox.addressees == ["zoë@acme.example"]
    server = Scripted(b"220 hello", b"250 hello")
    assert send(server.url, to="zoë@acme.example").end == Delivery.REFUSED
    server.end()


# --- Files ------------------------------------------------------------------------------------------------------------


def test_without_a_server_letters_are_kept_as_files(home: Path, send: Send) -> None:
    assert send(None).end == Delivery.ACCEPTED
    (file,) = (home / "mail").iterdir()
    assert file.name == "20261122T100000-receipt-ada-at-acme.example-0f0f0f0f.eml"
    assert file.stat().st_mode & 0o077 == 0, "they hold sign-in links"
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert message["Subject"] == "Paid: €1,240.00 for invoice 2026-0142"


@pytest.mark.parametrize("to", ["../../etc/passwd@acme.example", "zoë'$(x)@acme.example", f"{'a' * 200}@acme.example"])
def test_an_address_cannot_name_another_file(home: Path, send: Send, to: str) -> None:
    assert send(None, to=to).end == Delivery.ACCEPTED
    (file,) = (home / "mail").iterdir()
    assert file.suffix == ".eml"
    assert len(file.name) < 130


def test_nothing_is_kept_of_a_letter_of_another_worker(home: Path, send: Send) -> None:
    assert send(None, ours=False).end == Delivery.NOT_OURS
    assert list((home / "mail").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_tried_again(home: Path, send: Send) -> None:
    (home / "mail").write_text("in the way")
    assert send(None).end == Delivery.TRY_AGAIN


# --- The address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "starttls"),
    [
        ("smtp://mail.example", "mail.example", 25, False, "auto"),
        ("smtp://me:pw@mail.example", "mail.example", 587, False, "required"),
        ("smtp://me:pw@127.0.0.1:2525", "127.0.0.1", 2525, False, "auto"),
        ("smtps://me:p%40w@mail.example", "mail.example", 465, True, "required"),
        ("smtp://me:pw@mail.example?starttls=off&timeout=5", "mail.example", 587, False, "off"),
    ],
)
def test_the_address_of_a_server(url: str, host: str, port: int, secure: bool, starttls: str) -> None:
    server = parse(url)
    assert (server.host, server.port, server.secure, server.starttls) == (host, port, secure, starttls)
    assert "pw" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        *("http://mail.example", "smtp://", "mail.example:25", "smtp://x:pw@mail.example:99999"),
        *("smtp://x:pw@mail.example?starttls=maybe", "smtp://x:pw@mail.example?tls=1"),
        *("smtp://x:pw@mail.example?timeout=soon", "smtp://x:pw@mail.example?timeout=0", "smtp://x:pw@m.example?a"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_clear_line(url: str) -> None:
    with pytest.raises(BadEnvironment) as refused:
        parse(url)
    assert str(refused.value).startswith("SMTP_URL: ")
    assert "pw" not in str(refused.value)
    assert "\n" not in str(refused.value)
