"""What the log may say: one line per event, nothing forged, nothing that opens a door."""

from __future__ import annotations

import logging

import pytest

from logs import OneLine, access_line, cut


def line(message: str, *values: object) -> str:
    return OneLine("web").format(logging.LogRecord("tillhouse", logging.INFO, "x.py", 1, message, values, None))


def test_an_event_says_when_in_utc_how_bad_and_where() -> None:
    record = logging.LogRecord("tillhouse", logging.WARNING, "x.py", 1, "redis-away job=%s", ("a",), None)
    record.created, record.msecs = 1_795_341_600.25, 250
    assert OneLine("web").format(record) == "at=2026-11-22T10:00:00.250Z level=warning process=web redis-away job=a"


@pytest.mark.parametrize("evil", ["a\nat=2026 level=error forged", "a\r\nforged", "a\u2028forged", "a\x0bforged"])
def test_nobody_writes_a_line_of_their_own(evil: str) -> None:
    assert len(line("job name=%s", evil).splitlines()) == 1


@pytest.mark.parametrize("path", ["/a b", "/a\nat=2026", "/a\x1b[2J", "/caf\u00e9", "/\x00"])
def test_a_path_is_one_word(path: str, caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: dict[str, str], start_response: object) -> list[bytes]:
        return []

    with caplog.at_level(logging.INFO, "tillhouse.web"):
        access_line(app)({"PATH_INFO": path, "REQUEST_METHOD": "GET", "QUERY_STRING": "q=secret"}, lambda *_: None)
    said = caplog.records[0].getMessage()
    assert said.isprintable()
    assert len(said.split()) == 5
    assert "secret" not in said


@pytest.mark.parametrize(
    "text",
    [
        "path=/sign-in/S3CRET",
        "path=/pay/S3CRET/payments/P-7K3M-92",
        "path=/pay/payments/S3CRET",
        "referer=/x?token=S3CRET",
        "GET /sign-in/code?code=S3CRET&next=/",
        "postgresql://portal:S3CRET@db/portal",
        "smtp://portal:S3CRET@mail.example:587",
    ],
)
def test_what_opens_a_door_is_cut_out(text: str) -> None:
    assert "S3CRET" not in cut(text)


def test_a_fault_is_one_line_with_its_trace() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError as error:
        record = logging.LogRecord("tillhouse", logging.ERROR, "x.py", 1, "request failed", (), None)
        record.exc_info = (type(error), error, error.__traceback__)
    said = OneLine("web").format(record)
    assert "error=ValueError" in said
    assert "\n" not in said
