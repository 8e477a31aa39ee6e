"""What every form of ours stands on: the masked form token, and messages in the language of the request."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from babel.dates import get_month_names
from flask import Flask, g, request
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect
from werkzeug.datastructures import MultiDict
from wtforms import Field, FileField, ValidationError
from wtforms.csrf.core import CSRF
from wtforms.widgets import TextInput

import theming
from blueprints import cookies

SUBMITS = {"POST", "PUT", "PATCH", "DELETE"}


class Protection(CSRFProtect):  # type: ignore[misc]
    """Flask-WTF's guard over every unsafe request, with our masked token and the browser's word on its origin."""

    def init_app(self, app: Flask) -> None:
        app.extensions["csrf"] = self
        app.config.update(
            WTF_CSRF_FIELD_NAME="csrf_token",
            WTF_CSRF_HEADERS=["X-CSRFToken"],
            WTF_CSRF_METHODS=SUBMITS,
        )
        app.before_request(lambda: self.protect(apply_exemptions=True))

    def protect(self, apply_exemptions: bool = False) -> None:
        if request.method in ("GET", "HEAD", "OPTIONS", "TRACE"):
            return
        if apply_exemptions and (not request.endpoint or self._is_exempt()):
            return
        if not _is_ours(request.headers.get("Origin")):
            self._error_response("another origin")
        if not cookies.token_fits(self._get_csrf_token()):
            self._error_response("no fitting form token")
        g.csrf_valid = True


def _is_ours(origin: str | None) -> bool:
    """Whether a browser says that the form came from a page of ours, or says nothing about it."""
    try:
        return origin is None or urlsplit(origin).netloc == request.host
    except ValueError:
        return False


class FormToken(CSRF):  # type: ignore[misc]
    """The same token as a field of Flask-WTF's forms."""

    def generate_csrf_token(self, csrf_token_field: Field) -> str:
        return cookies.csrf_token()

    def validate_csrf_token(self, form: Any, field: Field) -> None:
        if not g.get("csrf_valid") and not cookies.token_fits(field.data):
            raise ValidationError("csrf")


class Form(FlaskForm):  # type: ignore[misc]
    """What our forms extend: masked token, messages in the language of the request."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf_class = FormToken

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Text where a field takes text, files where it takes files: anything else in their place is nothing."""
            if formdata is None or isinstance(formdata, MultiDict):
                return formdata
            if request.method not in SUBMITS:
                return None
            files = [field.name for field in form if isinstance(field, FileField)]
            if not files:
                return request.form
            given: MultiDict[str, Any] = MultiDict(request.form)
            for name in files:
                given.setlist(name, request.files.getlist(name))
            return given

        def get_translations(self, form: Any) -> Any:
            return Words()


class DayField(Field):  # type: ignore[misc]
    """A day in a plain text field: 2026-12-01, or with the month in letters as people write it. Empty is None.

    Never digits alone but in ISO's order: 01/12 is another day elsewhere.
    """

    widget = TextInput()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.typed: str | None = None

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.typed = valuelist[0]
            try:
                self.data = read_day(self.typed) if self.typed.strip() else None
            except ValueError:
                raise ValueError("not a day") from None  # WTForms wants a message

    def _value(self) -> str:
        if self.typed is not None:
            return self.typed
        return self.data.isoformat() if self.data else ""


def read_day(text: str) -> date:
    """A day as it is typed, in English or the language of the request. Raises ValueError."""
    words = text.replace(",", " ").replace(".", " ").split()
    if len(words) == 1:
        return date.fromisoformat(words[0])
    if len(words) != 3:
        raise ValueError
    if not words[0].isdigit():
        words[:2] = words[1::-1]
    day, month, year = words
    if not (re.fullmatch(r"[0-9]{1,2}", day) and re.fullmatch(r"[0-9]{4}", year)):
        raise ValueError
    return date(int(year), _month(month.casefold()), int(day))


def _month(word: str) -> int:
    for language in ("en", g.get("language") or "en"):
        names = get_month_names("wide", locale=language.replace("-", "_"))
        found = [number for number, name in names.items() if len(word) > 2 and name.casefold().startswith(word)]
        if len(found) == 1:
            return int(found[0])
    raise ValueError


class Words:
    """WTForms' own messages, from our catalogues."""

    def gettext(self, text: str) -> str:
        return theming.gettext(text)

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        return theming.gettext(singular if count == 1 else plural)


def mark(text: str) -> str:
    """Words for the catalogue that are translated where they are shown: labels and messages of forms."""
    return text
