"""One line per event on stderr, `at=… level=… process=… event …`, with no secret and no token in it."""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

Answer = Callable[..., Any]

# What follows these in an address opens a door: sign-in links, pay links (carried on as `invoice`), the token of a
# session or a page.
DOORS = r"/sign-in/|/pay/(?:payments/)?|/page/"
SECRET = re.compile(rf"((?:{DOORS})|[?&](?:token|code|key|secret|invoice|asked)=)[^\s/?&\"']+")
PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s@/]+(@)")  # user:password@ in an address of a database, Redis or SMTP
LONGEST = 4000  # characters


class OneLine(logging.Formatter):
    """The one format of every process. A traceback becomes one field, its lines joined by ` | `."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        text = f"at={at} level={record.levelname.lower()} process={self.process} {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            lines = "".join(traceback.format_exception(record.exc_info[1])).strip()
            text += f" error={type(record.exc_info[1]).__name__} trace={lines}"
        return cut(" | ".join(line.strip() for line in text.splitlines() if line.strip()))[:LONGEST]


def cut(text: str) -> str:
    """The text without what opens doors."""
    return PASSWORD.sub(r"\1…\2", SECRET.sub(r"\1…", text))


def start(process: str) -> None:
    """Let this process log, to stderr, from INFO up; the libraries from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("tillhouse").setLevel(logging.INFO)


def access_line(app: Answer) -> Answer:
    """Wrap a WSGI application so that each answer is one line: method, path, status, milliseconds. Never the query."""
    log = logging.getLogger("tillhouse.web")

    def answer(environ: dict[str, Any], start_response: Answer) -> Iterable[bytes]:
        began = time.perf_counter()
        status = ["500"]

        def begin(line: str, headers: Any, exc_info: Any = None) -> Any:
            status[0] = line.split(" ", 1)[0]
            return start_response(line, headers, exc_info) if exc_info else start_response(line, headers)

        try:
            result: Iterable[bytes] = app(environ, begin)
            return result
        finally:
            path = environ.get("PATH_INFO", "")
            if path != "/healthz":
                spent = (time.perf_counter() - began) * 1000
                log.info(
                    "request method=%s path=%s status=%s ms=%.1f",
                    environ["REQUEST_METHOD"],
                    _shown(path),
                    status[0],
                    spent,
                )

    return answer


def _shown(path: str) -> str:
    """A path as one word: what is not printable ASCII, and spaces, escaped."""
    return re.sub(r"[^\x21-\x7e]", lambda found: f"\\x{ord(found[0]):02x}", path)[:300]
