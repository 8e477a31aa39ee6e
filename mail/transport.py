"""How a letter leaves: over SMTP, or as a file where no server is set.

The answer is a returned value, and it is exact about the one thing that matters: whether the letter may have been
delivered. Until the server has said 354 to DATA it has nothing; after that, only its last answer tells.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from environ import LOOPBACK, BadEnvironment, Environ
from records import Delivery

TIMEOUT = 20.0  # seconds for each answer of the server
ANSWER_TIMEOUT = 120.0  # for its answer to the letter itself: RFC 5321 4.5.3.2.6 asks for more, a worker has less
STARTTLS = ("required", "auto", "off")


@dataclass(frozen=True)
class Server:
    """A mail server as SMTP_URL names it."""

    host: str
    port: int
    secure: bool  # TLS from the first byte
    starttls: str
    user: str
    password: str = field(repr=False)
    timeout: float


@dataclass(frozen=True)
class Post:
    """Where letters go: to a server, or into a folder."""

    server: Server | None
    folder: Path
    name: str  # what we call ourselves to the server


_post: Post | None = None


def configure(environ: Environ) -> None:
    """Take the mail server. Raises BadEnvironment where SMTP_URL cannot be used."""
    global _post
    server = parse(environ.smtp_url) if environ.smtp_url else None
    name = urlsplit(environ.url).hostname or "localhost"
    _post = Post(server, environ.home / "mail", name if re.search("[a-z]", name) else "localhost")


def parse(url: str) -> Server:
    """`smtp://user:password@host:port` or `smtps://…`; `?starttls=required|auto|off` and `timeout=` in seconds.

    Port: 465 for smtps, else 587 with a user and 25 without. Without a word about it STARTTLS is required where a
    password would travel to another machine, else used if offered. Raises BadEnvironment, without the address in it.
    """
    try:
        parts = urlsplit(url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        port, host = parts.port, parts.hostname
        timeout = float(asked.pop("timeout", TIMEOUT))
    except ValueError:
        raise BadEnvironment("SMTP_URL: not an address such as smtp://user:password@mail.example:587") from None
    if parts.scheme not in ("smtp", "smtps") or not host:
        raise BadEnvironment("SMTP_URL: must start with smtp:// or smtps:// and name a host")
    user = unquote(parts.username or "")
    starttls = asked.pop("starttls", "required" if user and host not in LOOPBACK else "auto")
    if starttls not in STARTTLS or asked or not 0 < timeout <= ANSWER_TIMEOUT:
        raise BadEnvironment(
            "SMTP_URL: after ? only starttls=required, auto or off, and timeout=1 to 120 (seconds) are known"
        )
    secure = parts.scheme == "smtps"
    usual = 465 if secure else 587 if user else 25
    return Server(host, port or usual, secure, starttls, user, unquote(parts.password or ""), timeout)


def deliver(message: EmailMessage, *, kind: str, hand_over: Callable[[], bool]) -> Delivery:
    """Send one message to its one addressee.

    `hand_over` is asked just before the letter leaves and writes that down; where it says no, nothing is sent.
    `kind` only names the file.
    """
    assert _post is not None, "transport.configure() comes first"
    if _post.server is None:
        return _as_file(message, kind, _post.folder, hand_over)
    try:
        smtp = _open(_post.server, _post.name)
    except (OSError, smtplib.SMTPException) as error:
        return Delivery(Delivery.TRY_AGAIN, _said(error))
    try:
        return _converse(smtp, message, hand_over)
    except (OSError, smtplib.SMTPException) as error:
        return Delivery(Delivery.TRY_AGAIN, _said(error))  # before the letter itself: see _send_content
    finally:
        smtp.close()


def _open(server: Server, name: str) -> smtplib.SMTP:
    """Greeted, encrypted and signed in."""
    tls = ssl.create_default_context()
    smtp: smtplib.SMTP
    if server.secure:
        smtp = smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=server.timeout, context=tls)
    else:
        smtp = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=server.timeout)
    try:
        smtp.ehlo_or_helo_if_needed()
        if not server.secure and server.starttls != "off":
            if smtp.has_extn("starttls"):
                smtp.starttls(context=tls)
                smtp.ehlo()
            elif server.starttls == "required":
                raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS")
        if server.user:
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _converse(smtp: smtplib.SMTP, message: EmailMessage, hand_over: Callable[[], bool]) -> Delivery:
    sender, to = (message[name].addresses[0].addr_spec for name in ("From", "To"))
    options: list[str] = []
    if not (to.isascii() and sender.isascii()):
        if not smtp.has_extn("smtputf8"):
            return Delivery(Delivery.REFUSED, "the mail server takes only addresses in plain letters")
        smtp.command_encoding = "utf-8"
        options = ["SMTPUTF8", "BODY=8BITMIME"]
    code, said = smtp.mail(sender, options)
    if code != 250:
        return Delivery(Delivery.TRY_AGAIN, _answer(code, said))  # it does not like us; that is for us to mend
    code, said = smtp.rcpt(to)
    if code not in (250, 251):
        return Delivery(Delivery.REFUSED if code >= 500 else Delivery.TRY_AGAIN, _answer(code, said))
    if not hand_over():
        return Delivery(Delivery.NOT_OURS)
    code, said = smtp.docmd("DATA")
    if code != 354:
        return Delivery(Delivery.REFUSED if code >= 500 else Delivery.TRY_AGAIN, _answer(code, said))
    return _send_content(smtp, message)


def _send_content(smtp: smtplib.SMTP, message: EmailMessage) -> Delivery:
    """From here on silence means that nobody knows."""
    content = re.sub(rb"(?m)^\.", b"..", message.as_bytes())
    try:
        assert smtp.sock is not None
        smtp.sock.settimeout(ANSWER_TIMEOUT)
        smtp.send(content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        code, said = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Delivery(Delivery.LOST, _said(error))
    if code == 250:
        _say_goodbye(smtp)
        return Delivery(Delivery.ACCEPTED)
    if 400 <= code < 600:
        return Delivery(Delivery.REFUSED if code >= 500 else Delivery.TRY_AGAIN, _answer(code, said))
    return Delivery(Delivery.LOST, _answer(code, said))


def _say_goodbye(smtp: smtplib.SMTP) -> None:
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        pass  # it has the letter; manners change nothing


def _answer(code: int, said: bytes) -> str:
    return f"{code} {' '.join(said.decode('utf-8', 'replace').split())}".strip()


def _said(error: Exception) -> str:
    """What went wrong, in one line and without the password."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{error.smtp_code} the mail server refuses our user name or password"
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return _answer(error.smtp_code, said if isinstance(said, bytes) else str(said).encode())
    return " ".join(f"{type(error).__name__}: {error}".split())


def _as_file(message: EmailMessage, kind: str, folder: Path, hand_over: Callable[[], bool]) -> Delivery:
    """`20261122T100000-receipt-ada-at-acme.example-1f2e3d4c.eml`: whole or not there at all."""
    moment = parsedate_to_datetime(message["Date"]).strftime("%Y%m%dT%H%M%S")
    to = re.sub(r"[^a-z0-9.-]+", "-", message["To"].addresses[0].addr_spec.lower().replace("@", "-at-")).strip("-.")
    name = f"{moment}-{kind}-{to[:80]}-{message['Message-ID'][1:9]}"
    part = folder / f".{name}.part"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        if not hand_over():
            part.unlink(missing_ok=True)
            return Delivery(Delivery.NOT_OURS)
        part.rename(folder / f"{name}.eml")
    except OSError as error:
        return Delivery(Delivery.TRY_AGAIN, _said(error))
    return Delivery(Delivery.ACCEPTED)
