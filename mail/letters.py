"""One function per letter. Each gives a whole message: text first, then HTML, then what is attached.

The words are in `templates/mail/<kind>/`; here is only what goes on the envelope.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

import theming
from mail import colours
from records import LetterView, PaperView

LONGEST_SUBJECT = 150  # characters
LONGEST_NAME = 80
LONGEST_QUOTED = 30  # characters that fit on a header's first line whatever has to be escaped in them
SPECIAL = re.compile(r'[()<>\[\]:;@\\,"]')  # RFC 5322, but for the full stop, which every reader bears
LINES_SHOWN = 5  # of an invoice

Papers = Sequence[PaperView]


def sign_in(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """A link and a code that sign somebody in."""
    return _letter(letter, papers)


def invoice_issued(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """An invoice: how much, until when, what for, and the way to pay it."""
    return _letter(letter, papers)


def receipt(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Money arrived."""
    return _letter(letter, papers)


def on_its_way(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """A bank debit was accepted and takes days."""
    return _letter(letter, papers)


def action_needed(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """The card company or bank wants to hear it from the customer."""
    return _letter(letter, papers)


def declined(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """No money was taken; why, where the customer may know."""
    return _letter(letter, papers)


def being_checked(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Nobody knows yet whether money was taken."""
    return _letter(letter, papers)


def not_taken(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """The end of the checking, or of the waiting: no money was taken."""
    return _letter(letter, papers)


def enrol(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """An address that wants an account is asked whether it is its owner's wish."""
    return _letter(letter, papers)


def reset(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """A link to choose a password, for who forgot theirs or forgot that they have an account."""
    return _letter(letter, papers)


def temporary_password(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """A password from the merchant that is good for one sign-in."""
    return _letter(letter, papers)


def locked(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Too many wrong passwords: nobody gets in, and who can change that."""
    return _letter(letter, papers)


def password_changed(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Another password is in force."""
    return _letter(letter, papers)


def email_confirm(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """To a new address: whether it may take the old one's place."""
    return _letter(letter, papers)


def email_changed(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """To the old address: another one has taken its place."""
    return _letter(letter, papers)


def invitation(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Somebody is asked into a company's account."""
    return _letter(letter, papers)


def access_allowed(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Who asked to be let in is let in."""
    return _letter(letter, papers)


def access_refused(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Who asked to be let in is not."""
    return _letter(letter, papers)


def factor_changed(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """A passkey, second factor or recovery code was added, taken away or used."""
    return _letter(letter, papers)


def guests_closed(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """To staff: payments without an account were closed, since cards are being tried out."""
    return _letter(letter, papers)


def refunded(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """Money goes back to who paid."""
    return _letter(letter, papers)


LETTERS: dict[str, Callable[[LetterView, Papers], EmailMessage]] = {
    function.__name__: function
    for function in (
        sign_in,
        invoice_issued,
        receipt,
        on_its_way,
        action_needed,
        declined,
        being_checked,
        not_taken,
        enrol,
        reset,
        temporary_password,
        locked,
        password_changed,
        email_confirm,
        email_changed,
        invitation,
        access_allowed,
        access_refused,
        factor_changed,
        guests_closed,
        refunded,
    )
}


def write(letter: LetterView, papers: Papers = ()) -> EmailMessage:
    """The letter of its kind. Raises KeyError for a kind nobody can write."""
    return LETTERS[letter.kind](letter, papers)


def gettext(language: str) -> Callable[[str], str]:
    """The catalogue of a language, for the papers that go with a letter."""
    found: Callable[[str], str] = theming.catalogue(language).ugettext
    return found


def _letter(letter: LetterView, papers: Papers) -> EmailMessage:
    subject = one_line(_words(letter, "subject.txt", papers), LONGEST_SUBJECT)
    message = EmailMessage(policy=SMTP if letter.to.isascii() else SMTPUTF8)
    message["From"] = _from(letter)
    message["To"] = _address(letter.name, letter.to)
    if _is_address(letter.merchant.email):
        message["Reply-To"] = _address(letter.merchant.name, letter.merchant.email)
    message["Subject"] = subject
    message["Date"] = format_datetime(letter.now)
    message["Message-ID"] = f"<{letter.message_id}@{_domain(letter.host)}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    message["X-Auto-Response-Suppress"] = "All"  # the same to Exchange
    # Quoted-printable: every server takes it, and lines are as long as they like.
    message.set_content(_tidy(_words(letter, "body.txt", papers)), cte="quoted-printable")
    html = _words(letter, "body.html", papers, subject=subject)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    for paper in papers:
        main, _, sub = paper.media_type.partition("/")
        message.add_attachment(paper.content, maintype=main, subtype=sub, filename=paper.name)
    message["Content-Language"] = letter.language  # last: made multipart, a message moves it into its first part
    return message


def _words(letter: LetterView, part: str, papers: Papers, **more: str) -> str:
    return theming.render_text(
        f"mail/{letter.kind}/{part}",
        letter.language,
        timezone=letter.timezone,
        letter=letter,
        merchant=letter.merchant,
        papers=[paper.name for paper in papers],
        accent=colours.on_paper(letter.merchant.accent),
        dark_accent=colours.on_dark(letter.merchant.accent),
        lines_shown=LINES_SHOWN,
        **more,
    )


def one_line(text: str, longest: int) -> str:
    """Text fit for a header: what breaks lines or cannot be printed becomes a space; cut at so many characters."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _tidy(text: str) -> str:
    """Paragraphs with one empty line between them, as templates cannot promise."""
    tidy: list[str] = []
    for line in text.splitlines():
        if line.strip() or (tidy and tidy[-1]):
            tidy.append(line.strip())
    return "\n".join(tidy).strip() + "\n"


def _from(letter: LetterView) -> Address:
    if _is_address(letter.merchant.email):
        return _address(letter.merchant.name, letter.merchant.email)
    return _address(letter.merchant.name, f"no-reply@{_domain(letter.host)}")


def _address(name: str, email: str) -> Address:
    """A name and its address. The library takes the quotes off a name it must break over two lines (CPython 3.11), and
    what it quoted would be read as addresses: a long name, or one not in ASCII, goes without such marks.
    """
    user, _, domain = email.rpartition("@")
    shown = one_line(name, LONGEST_NAME)
    if len(shown) > LONGEST_QUOTED or not shown.isascii():
        shown = one_line(SPECIAL.sub(" ", shown), LONGEST_NAME)
    return Address("" if shown == email else shown, user, domain)


def _is_address(email: str) -> bool:
    user, _, domain = email.rpartition("@")
    return bool(user and domain) and all(mark.isprintable() and mark not in ' ,;<>()[]"\\:' for mark in email)


def _domain(host: str) -> str:
    """A host as the right side of an address; a bare number is none."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return "localhost"
