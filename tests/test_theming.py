from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, g
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateAssertionError
from jinja2.exceptions import SecurityError

import environ
import theming
from money import Money
from records import BadgeView, MethodView
from tests.look.stage import add_page, make_app


def render(app: Flask, source: str, **context: object) -> str:
    with app.test_request_context("/"):
        g.language = "en"
        return app.jinja_env.from_string(source).render(**context)


@pytest.fixture
def app(home: Path) -> Flask:
    return make_app(home)


@pytest.fixture
def pseudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Danish catalogue of three messages, so that nothing but a translation can give its words."""
    catalog = Catalog(locale="da")
    catalog.add("Invoices", "[Fakturaer]")
    catalog.add("Paid", "[Betalt]")
    catalog.add("%(brand)s ending %(last4)s", "[%(brand)s der ender på %(last4)s]")
    catalog.add(("Overdue by %(num)s day", "Overdue by %(num)s days"), ("[%(num)s dag]", "[%(num)s dage]"))
    folder = tmp_path / "locales" / "da" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    (folder / "messages.mo").write_bytes(compiled.getvalue())
    monkeypatch.setattr(theming, "LOCALES", tmp_path / "locales")
    theming.catalogue.cache_clear()
    yield
    theming.catalogue.cache_clear()


# --- What a template can reach ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config", "session", "request", "g", "get_flashed_messages"])
def test_a_template_reaches_no_secret_and_no_row(app: Flask, name: str) -> None:
    assert render(app, "{{ " + name + " is defined }}") == "False"


def test_a_template_cannot_climb_out_of_the_sandbox(app: Flask) -> None:
    with pytest.raises(SecurityError):
        render(app, "{{ ''.__class__.__mro__ }}")


def test_a_template_cannot_change_what_it_is_given(app: Flask) -> None:
    with pytest.raises(SecurityError):
        render(app, "{{ rows.append(1) }}", rows=[])


def test_a_template_cannot_declare_markup_safe(app: Flask) -> None:
    with pytest.raises(TemplateAssertionError):
        render(app, "{{ '<b>'|safe }}")


def test_what_people_type_is_escaped(app: Flask) -> None:
    assert render(app, "{{ name }}", name="<script>") == "&lt;script&gt;"


def test_a_macro_escapes_too_and_its_result_is_markup(app: Flask) -> None:
    text = render(app, '{% from "_notice.html" import notice %}{{ notice("bad", said) }}', said="<i>")
    assert "<p>&lt;i&gt;</p>" in text


def test_navigation_names_only_what_is_there(app: Flask) -> None:
    add_page(app, "/invoices", "{% extends 'layout.html' %}")
    page = app.test_client().get("/invoices").text
    assert 'href="/invoices"' in page
    assert 'href="/payments"' not in page


# --- Themes -----------------------------------------------------------------------------------------------------------


def put_theme(home: Path, **files: str) -> None:
    for name, text in files.items():
        path = home / "themes" / "own" / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_theme_extends_the_template_it_replaces(home: Path) -> None:
    put_theme(home, **{"_empty.html": '{% include "core/_empty.html" %} and more'})
    app = make_app(home, theme="own")
    assert render(app, '{% include "_empty.html" %}', text="None") == '<p id="empty">None</p> and more'


@pytest.mark.parametrize(
    "name",
    ["admin/layout.html", "login/new.html", "payments/new.html", "payment_methods/delete.html", "core/_empty.html"],
)
def test_a_theme_cannot_replace_what_must_be_ours(home: Path, name: str) -> None:
    put_theme(home, **{name: "stolen"})
    app = make_app(home, theme="own")
    loader = theming.ThemeLoader(home / "themes" / "own" / "templates")
    with pytest.raises(theming.TemplateNotFound):
        loader.get_source(app.jinja_env, name)


@pytest.mark.parametrize("name", ["../../etc", "Own", ""])
def test_a_theme_is_a_folder_of_the_data_folder(home: Path, name: str) -> None:
    assert theming.theme_folder(read_environ(home, name)) is None


def read_environ(home: Path, theme: str) -> environ.Environ:
    return environ.read({"PORTAL_HOME": str(home), "SECRET_KEY": "k", "PORTAL_THEME": theme})


# --- Languages --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("pseudo")
def test_a_catalogue_reaches_pages(home: Path) -> None:
    app = make_app(home, language="da")
    add_page(app, "/invoices", "{% extends 'layout.html' %}{% block main %}{{ _('Invoices') }}{% endblock %}")
    page = app.test_client().get("/invoices").text
    assert '<html lang="da" dir="ltr">' in page
    assert page.count("[Fakturaer]") == 2  # in the navigation and on the page


@pytest.mark.usefixtures("pseudo")
def test_a_catalogue_reaches_macros_of_pages(home: Path) -> None:
    app = make_app(home, language="da")
    source = '{% from "_badge.html" import badge %}{{ badge(one) }}{{ badge(many) }}'
    add_page(app, "/x", source, one=BadgeView("overdue", "overdue", 1), many=BadgeView("overdue", "overdue", 7))
    page = app.test_client().get("/x").text
    assert "[1 dag]" in page
    assert "[7 dage]" in page


@pytest.mark.usefixtures("pseudo")
def test_a_catalogue_reaches_letters_outside_any_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "templates" / "mail"
    folder.mkdir(parents=True)
    (folder / "body.txt").write_text(
        '{% from "_method.html" import method_name %}{{ _("Paid") }} {{ method_name(method) }} {{ amount|money }}'
    )
    both = theming.ChoiceLoader([theming.FileSystemLoader(tmp_path / "templates"), theming.loader()])
    monkeypatch.setattr(theming._letters(), "loader", both)
    letter = theming.render_text(
        "mail/body.txt", "da", method=MethodView("m", "card", "Visa", "4242"), amount=Money(124000, "EUR")
    )
    assert letter == "[Betalt] [Visa der ender på 4242] 1.240,00\xa0€"
    english = theming.render_text(
        "mail/body.txt", "en", method=MethodView("m", "card", "Visa", "4242"), amount=Money(124000, "EUR")
    )
    assert english == "Paid Visa ending 4242 €1,240.00"


@pytest.mark.usefixtures("pseudo")
def test_a_view_says_a_message_in_the_language_of_the_request(home: Path) -> None:
    app = make_app(home, language="da")
    with app.test_request_context("/"):
        g.language = "da"
        assert theming.gettext("Paid") == "[Betalt]"
    assert theming.gettext("Paid", "da") == "[Betalt]"
    assert theming.gettext("Paid") == "Paid"


@pytest.mark.usefixtures("pseudo")
def test_the_languages_are_english_and_every_catalogue() -> None:
    assert theming.languages() == ["da", "en"]


def test_a_marked_message_is_never_a_format(app: Flask) -> None:
    assert render(app, "{{ text|words }}", text="50% off %(name)s") == "50% off %(name)s"


def test_directions() -> None:
    assert [theming.direction(language) for language in ("en", "ar", "he", "pt-BR", "nonsense")] == [
        *("ltr", "rtl", "rtl", "ltr", "ltr"),
    ]


def test_plain_text_letters_are_not_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain.txt").write_text("{{ name }}")
    (tmp_path / "rich.html").write_text("{{ name }}")
    monkeypatch.setattr(theming._letters(), "loader", theming.FileSystemLoader(tmp_path))
    assert theming.render_text("plain.txt", "en", name="Smith & Sons") == "Smith & Sons"
    assert theming.render_text("rich.html", "en", name="Smith & Sons") == "Smith &amp; Sons"


# --- Filters ----------------------------------------------------------------------------------------------------------


def test_dates_carry_the_month_in_letters(app: Flask) -> None:
    on = date(2026, 11, 3)
    assert render(app, "{{ on|day }}", on=on) == "3 November 2026"
    assert render(app, "{{ on|day_short }}", on=on) == "3 Nov 2026"
    assert render(app, "{{ on|day(today) }}", on=on, today=date(2026, 1, 1)) == "3 November"
    assert render(app, "{{ on|day(today) }}", on=on, today=date(2027, 1, 1)) == "3 November 2026"
    assert render(app, "{{ on|day_short }}", on=on, language="de") == "3. Nov. 2026"


def test_an_instant_is_told_in_the_merchants_zone(app: Flask) -> None:
    at = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert render(app, "{{ at|instant }}", at=at, timezone="Europe/Berlin") == "23 November 2026, 00:30"
    assert render(app, "{{ at|instant }}", at=at) == "22 November 2026, 23:30"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "1 KB"), (1, "1 KB"), (48_213, "48 KB"), (999_499, "999 KB"), (999_500, "1 MB"), (1_834_022, "1.8 MB")],
)
def test_sizes(app: Flask, count: int, text: str) -> None:
    assert render(app, "{{ count|size }}", count=count).replace("\xa0", " ") == text


def test_amounts_by_the_one_formatter(app: Flask) -> None:
    assert render(app, "{{ a|money }} {{ a|number }}", a=Money(124000, "EUR")) == "€1,240.00 1,240.00"
    assert render(app, "{{ a|money }}", a=Money(1234567, "JPY")) == "¥1,234,567"


@given(on=st.dates(min_value=date(1970, 1, 1)), language=st.sampled_from(["en", "de", "fr", "ar", "pt-BR", "ja"]))
def test_the_cached_day_is_what_babel_writes(on: date, language: str) -> None:
    locale = theming._locale(theming.DATE_LOCALES.get(language, language))
    for _ in range(2):
        assert theming._write_day(on, language, "long") == format_date(on, "long", locale)


def test_ids_of_pieces() -> None:
    class InvoiceRow:
        address = "RE-2026_17"
        id = 5

    class PaymentView:
        reference = "P-7K3M-92"

    class ImportItemView:
        id = 9

    assert theming.dom_id(InvoiceRow(), "status") == "invoice-RE-2026_17-status"
    assert theming.dom_id(PaymentView()) == "payment-P-7K3M-92"
    assert theming.dom_id(ImportItemView(), "row") == "import-item-9-row"


def test_a_day_is_written_once(app: Flask) -> None:
    theming._write_day.cache_clear()
    on = date(2026, 1, 1)
    render(app, "{% for n in range(50) %}{{ on|day }}{% endfor %}", on=on)
    render(app, "{{ on|day }}", on=on + timedelta(days=1))
    assert theming._write_day.cache_info().misses == 2


def test_a_badge_by_filter_is_the_macro_in_each_language() -> None:
    env = theming._letters()
    macro = env.from_string('{% from "_badge.html" import badge %}{{ badge(of) }}')
    for state in (BadgeView("overdue", "overdue", 19), BadgeView("due", "due_soon", 1), BadgeView("paid", "paid")):
        with theming.speaking("en"):
            assert env.from_string("{{ of|badge }}").render(of=state) == macro.render(of=state)


def test_the_quick_way_to_a_field_opens_nothing_else_of_a_record() -> None:
    env = theming._letters()
    badge = BadgeView("paid", "paid")
    assert env.from_string("{{ of.shape }}").render(of=badge) == "paid"
    for hidden in ("__class__", "__dataclass_fields__", "__init__", "nothing"):
        assert theming.OPEN[BadgeView].isdisjoint({hidden})
    with pytest.raises(SecurityError):
        env.from_string("{{ of.__class__.__mro__ }}").render(of=badge)


def test_words_are_filled_in_and_only_escaped_once() -> None:
    env = theming._letters()
    said = env.from_string('{{ _("No invoice with \'%(words)s\'.", words=q) }} {{ _("100 %%") }}').render(q="<b>")
    assert said == "No invoice with '&lt;b&gt;'. 100 %"
