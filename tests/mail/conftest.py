"""A real mail server on loopback, as unkind as a test wants it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


@dataclass
class Mailbox:
    """aiosmtpd's handler: keeps what arrives. `rcpt`, `data`: answers to give instead, each once."""

    port: int = 0
    arrived: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    mail: list[str] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    hang_up_after_data: bool = False
    addressees: list[str] = field(default_factory=list)
    asked: int = 0  # how many addressees were named
    begun: int = 0  # how many letters came in, whatever became of them
    slow: float = 0  # seconds until a letter is answered

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.mail:
            return self.mail.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.asked += 1
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.begun += 1
        await asyncio.sleep(self.slow)
        if self.data:
            return self.data.pop(0)
        self.raw.append(envelope.content)
        self.addressees.extend(envelope.rcpt_tos)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.arrived.append(message)
        if self.hang_up_after_data:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 kept"


class Server(Controller):
    """A controller that takes a free port, and knows one user."""

    def factory(self) -> SMTP:
        def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            return AuthResult(handled=False, success=(data.login, data.password) == (b"portal", b"s3cret/word"))

        return SMTP(self.handler, authenticator=authenticate, auth_require_tls=False, enable_SMTPUTF8=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(free_port())
    server = Server(box, hostname="127.0.0.1", port=box.port)
    server.start()
    yield box
    server.stop()
