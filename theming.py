"""The template environment of pages and letters: where templates come from, the sandbox, languages, filters.

The language is an argument here and never ambient in a worker: `render_text(template, language, …)`. In a page it is
the context's `language`, else `g.language`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_app_context
from flask.templating import Environment as FlaskEnvironment
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    TemplateNotFound,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup
from werkzeug.routing import MapAdapter

import money
import records
from environ import Environ

ROOT = Path(__file__).parent
TEMPLATES = ROOT / "templates"
LOCALES = ROOT / "locales"
DEFAULT_LANGUAGE = "en"
DEFAULT_ZONE = "UTC"
# Dates are written day first in our English ("3 November 2026"); amounts keep plain "en" ("$5.00", not "US$5.00").
DATE_LOCALES = {"en": "en_GB"}
# A theme may colour these but not replace them: staff, sign-in, letting people in, paying, hand-off to a provider,
# confirmations.
LOCKED = re.compile(
    r"(core|admin|login|pay|passkeys|people|proofs|security)/.*|payments/_?(new|pay_panel|pay_form|step|status)\.html"
    r"|.*/_?delete\.html|_preview_banner\.html"
)
# What Flask puts into every template and a merchant's template must not reach: secrets, rows, the raw request.
UNREACHABLE = ("config", "session", "request", "g", "get_flashed_messages")

_spoken: ContextVar[tuple[str, str] | None] = ContextVar("spoken", default=None)  # language and zone of a letter


# What templates may read of our records without the sandbox thinking about each attribute: their fields are data alone.
OPEN = {
    kind: frozenset(field.name for field in fields(kind))
    for kind in (money.Money, *vars(records).values())
    if isinstance(kind, type) and is_dataclass(kind)
}


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, quick where a field of a record is read: a list of 50 rows reads 500."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if attribute in OPEN.get(type(obj), ()):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


class PortalEnvironment(Sandbox, FlaskEnvironment):
    """Flask's environment inside our sandbox."""


class ThemeLoader(FileSystemLoader):
    """A merchant's templates, but for those no theme may replace."""

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        if LOCKED.fullmatch(template):
            raise TemplateNotFound(template)
        return super().get_source(environment, template)


def install(app: Flask, environ: Environ) -> None:
    """Give the app our template environment. Call it before anything touches `app.jinja_env`."""
    app.jinja_environment = PortalEnvironment
    app.jinja_options = _options(theme_folder(environ))
    app.template_context_processors[None] = []  # Flask's own hands out g, session and request
    env = app.jinja_env
    for name in UNREACHABLE:
        env.globals.pop(name, None)
    equip(env)
    env.globals["is_page"] = _page_finder(app)
    env.globals.setdefault("static_url", lambda name: f"/static/{name}")


def theme_folder(environ: Environ) -> Path | None:
    """The chosen theme's folder in the data folder, if there is one."""
    if not environ.theme or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", environ.theme):
        return None
    folder = environ.home / "themes" / environ.theme
    return folder if folder.is_dir() else None


def loader(theme: Path | None = None) -> BaseLoader:
    """Theme first, then ours; ours also as `core/…`, so that a theme's page can extend the one it replaces."""
    core = FileSystemLoader(TEMPLATES)
    own = [ThemeLoader(theme / "templates")] if theme else []
    return ChoiceLoader([*own, core, PrefixLoader({"core": core})])


def _options(theme: Path | None) -> dict[str, Any]:
    return {
        "loader": loader(theme),
        "autoescape": lambda name: not (name or "").endswith(".txt"),
        "extensions": ["jinja2.ext.i18n"],
        "trim_blocks": True,
        "lstrip_blocks": True,
    }


def equip(env: Environment) -> None:
    """Languages, filters and globals, the same for pages and letters."""
    env.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]  # by the i18n extension
    env.globals["_"] = _say
    del env.filters["safe"]
    env.filters.update(
        money=_money, number=_number, day=_day, day_short=_day_short, instant=_instant, size=_size, words=_words
    )
    env.filters["badge"] = _badge_of(env)
    env.globals.update(dom_id=dom_id)


def _page_finder(app: Flask) -> Callable[..., bool]:
    """`is_page(path)`: whether a route answers there; navigation never names a page that is not built."""
    known: dict[tuple[str, str], bool] = {}
    adapter: list[MapAdapter] = []

    def is_page(path: str, method: str = "GET") -> bool:
        if (path, method) not in known:
            if not adapter:
                adapter.append(app.url_map.bind("localhost"))
            known[path, method] = adapter[0].test(path, method)
        return known[path, method]

    return is_page


# --- Letters and documents ------------------------------------------------------------------------------------------


def render_text(template: str, language: str, *, timezone: str = DEFAULT_ZONE, **context: Any) -> str:
    """A letter's part, or any template outside a request, in one language. `.txt` is not escaped, all else is."""
    with speaking(language, timezone):
        return (
            _letters()
            .get_template(template)
            .render(language=language, direction=direction(language), timezone=timezone, **context)
        )


@contextmanager
def speaking(language: str, timezone: str = DEFAULT_ZONE) -> Iterator[None]:
    """Fix the language and zone of everything rendered inside, imported macros included."""
    token = _spoken.set((language, timezone))
    try:
        yield
    finally:
        _spoken.reset(token)


@lru_cache(maxsize=1)
def _letters() -> Sandbox:
    env = Sandbox(**_options(None))
    equip(env)
    return env


# --- Languages ------------------------------------------------------------------------------------------------------


def gettext(message: str, language: str | None = None, **variables: Any) -> str:
    """The message in a language (default: the request's), with its `%(name)s` filled in. For forms and views."""
    text = catalogue(language or _ambient()[0]).ugettext(message)
    return text % variables if variables else text


def N_(message: str) -> str:  # the name Babel's extraction knows
    """Mark a message for the catalogues; templates give it its words by `|words`."""
    return message


def languages() -> list[str]:
    """The languages that can be shown: English and every compiled catalogue."""
    return sorted({DEFAULT_LANGUAGE, *(path.parts[-3] for path in LOCALES.glob("*/LC_MESSAGES/messages.mo"))})


def direction(language: str) -> str:
    """ "ltr" or "rtl"."""
    return _locale(language).text_direction


@lru_cache(maxsize=64)
def catalogue(language: str) -> NullTranslations:
    """The messages of a language; the English of the templates where it has none."""
    return Translations.load(LOCALES, [language.replace("-", "_")], "messages")


@lru_cache(maxsize=256)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale.parse(DEFAULT_LANGUAGE)


def _ambient() -> tuple[str, str]:
    """Language and zone where a template does not say: of the letter being rendered, else of the request."""
    spoken = _spoken.get()
    if spoken:
        return spoken
    if has_app_context():
        return g.get("language", DEFAULT_LANGUAGE), g.get("timezone", DEFAULT_ZONE)
    return DEFAULT_LANGUAGE, DEFAULT_ZONE


def _language(context: Context) -> str:
    found = context.resolve_or_missing("language")  # missing in macros imported without context
    return str(found) if found and found is not missing else _ambient()[0]


def _timezone(context: Context) -> str:
    found = context.get("timezone") or getattr(context.get("merchant"), "timezone", "")
    return str(found) if found else _ambient()[1]


@pass_context
def _gettext(context: Context, message: str) -> str:
    return catalogue(_language(context)).ugettext(message)


@pass_context
def _say(context: Context, message: str, /, **variables: Any) -> str:
    """`_("…")`, as Jinja's own does it with three calls more: filled in, and safe where the template escapes."""
    text = catalogue(_language(context)).ugettext(message)
    if context.eval_ctx.autoescape:
        text = Markup(text)
    return text % variables if variables or "%" in text else text


@pass_context
def _words(context: Context, text: str) -> str:
    """A message that Python marked (`N_`), or already translated; never taken as a format, whatever stands in it."""
    return catalogue(_language(context)).ugettext(str(text))


@pass_context
def _ngettext(context: Context, singular: str, plural: str, count: int) -> str:
    return catalogue(_language(context)).ungettext(singular, plural, count)


# --- Filters --------------------------------------------------------------------------------------------------------


@pass_context
def _money(context: Context, amount: money.Money) -> str:
    """An amount with its currency: "€1,240.00"."""
    return money.format(amount, _language(context))


@pass_context
def _number(context: Context, amount: money.Money) -> str:
    """An amount without its currency, for columns that name it once."""
    return money.format_number(amount, _language(context))


def _badge_of(env: Environment) -> Callable[[Context, records.BadgeView], Markup]:
    """`|badge`: what the macro of _badge.html writes, for lists; written once for each state and language."""

    @lru_cache(maxsize=4096)
    def write(badge: records.BadgeView, language: str) -> Markup:
        with speaking(language):
            return Markup(env.get_template("_badge.html").module.badge(badge))  # type: ignore[attr-defined]  # its macro

    @pass_context
    def find(context: Context, badge: records.BadgeView) -> Markup:
        return write(badge, _language(context))

    return find


@pass_context
def _day(context: Context, on: date, today: date | None = None) -> str:
    """ "3 November 2026"; given today's date, the year is left out where it is this year's."""
    return _write_day(on, _language(context), "MMMMd" if today and today.year == on.year else "long")


@pass_context
def _day_short(context: Context, on: date) -> str:
    """ "3 Nov 2026", for columns."""
    return _write_day(on, _language(context), "yMMMd")


@lru_cache(maxsize=4096)
def _write_day(on: date, language: str, shape: str) -> str:
    locale = _locale(DATE_LOCALES.get(language, language))
    return format_date(on, "long", locale) if shape == "long" else format_skeleton(shape, on, locale=locale)


@pass_context
def _instant(context: Context, at: datetime) -> str:
    """ "3 November 2026, 14:02" in the merchant's zone."""
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    language = _language(context)
    local = at.astimezone(_zone(_timezone(context)))
    return f"{_write_day(local.date(), language, 'long')}, {local:%H:%M}"


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@pass_context
def _size(context: Context, count: int) -> str:
    """Bytes as "48 KB" or "1.2 MB", in thousands as browsers show them; never less than 1 KB."""
    language = _language(context)
    if count < 999_500:
        return f"{_write_number(max(1, round(count / 1000)), language)}\u00a0KB"
    return f"{_write_number(round(count / 1_000_000, 1), language)}\u00a0MB"


@lru_cache(maxsize=1024)
def _write_number(value: int | float, language: str) -> str:
    return format_decimal(value, locale=_locale(language))


def dom_id(record: Any, part: str = "") -> str:
    """The id of a piece of a page: `dom_id(invoice, "status")` is "invoice-2026-0142-status".

    Views of one thing (InvoiceView, InvoiceRow) give one id.
    """
    kind = re.sub(r"(View|Row)$", "", type(record).__name__)
    found = (getattr(record, name, None) for name in ("address", "reference", "number", "id"))
    key = next((str(value) for value in found if value), "")
    pieces = [re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower(), re.sub(r"[^A-Za-z0-9_-]", "-", key), part]
    return "-".join(piece for piece in pieces if piece)
