"""Static files: built at start into the data folder under hashed names, compressed, served by WhiteNoise."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
from flask import Flask, Response, request
from flask_compress import Compress
from whitenoise import WhiteNoise  # type: ignore[import-untyped]

from environ import Environ

SOURCES = Path(__file__).parent.parent / "static"
# What each served file is joined from. A theme's sheet and the merchant's colour come after portal.css (`extra`).
JOINED = {
    "portal.css": ("portal.css",),
    "admin.css": ("admin.css",),
    "portal.js": ("vendor/htmx-4.0.1.min.js", "portal.js"),
    "passkey.js": ("passkey.js",),  # in place of portal.js where somebody signs in or adds one
}
HASHED = re.compile(r"/static/[^/]+\.[0-9a-f]{12}\.[a-z]+$")
PAGE_BROTLI = 5  # 20–50 µs a page; 9 and more cost milliseconds
# As on pages; a file that says nothing of its own could be framed or fetched over plain http.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
SMALLEST = 200  # bytes; below it compressing gains nothing


def install(app: Flask, environ: Environ) -> None:
    """Build and serve the static files, compress pages, and give templates `static_url` and `scripts`."""
    names = build(environ.home)
    app.extensions["static_names"] = names

    def static_url(name: str) -> str:
        return f"/static/{names[name]}"

    app.jinja_env.globals["static_url"] = static_url
    app.context_processor(_wishes)
    app.after_request(_vary)
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]  # how WSGI middleware is put around Flask
        app.wsgi_app,
        root=str(environ.home / "static"),
        prefix="static/",
        immutable_file_test=lambda path, url: bool(HASHED.search(url)),
        allow_all_origins=False,
        add_headers_function=partial(_headers, HEADERS | (HSTS if environ.secure else {})),
    )
    app.config.update(
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_BR_LEVEL=PAGE_BROTLI,
        COMPRESS_STREAMS=False,
        COMPRESS_MIN_SIZE=SMALLEST,
        COMPRESS_MIMETYPES=["text/html", "text/css", "text/plain", "text/csv", "application/xml", "image/svg+xml"],
    )
    Compress(app)


def build(home: Path, extra: Mapping[str, bytes] | None = None) -> dict[str, str]:
    """Write the static files under hashed names and say which name became which: {"portal.css": "portal.1f….css"}.

    The same sources give the same names; several processes may do it at once; older files stay for pages still open.
    `extra` is added behind the sources of a file: a theme's sheet to "portal.css".
    """
    folder = home / "static"
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    for name, sources in JOINED.items():
        pieces = [(SOURCES / source).read_bytes() for source in sources]
        pieces += [extra[name]] if extra and name in extra else []
        stem, kind = name.rsplit(".", 1)
        content = squeeze(b"\n".join(pieces)) if kind == "css" else b"\n".join(pieces)
        names[name] = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
        _write(folder / f"{names[name]}.br", lambda content=content: brotli.compress(content, quality=11))
        _write(folder / f"{names[name]}.gz", lambda content=content: gzip.compress(content, 9, mtime=0))
        _write(folder / names[name], lambda content=content: content)
    return names


def squeeze(css: bytes) -> bytes:
    """A sheet without comments and needless spaces."""
    text = re.sub(r"/\*.*?\*/", "", css.decode(), flags=re.S)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([{};,>]) ?", r"\1", text).replace(";}", "}").strip().encode()


def _write(path: Path, content: Any) -> None:
    """Write a file whole or not at all; its name is its content, so one that is there stays."""
    if path.exists():
        return
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    passing.write_bytes(content())
    os.replace(passing, path)


def _headers(fixed: Mapping[str, str], headers: Any, path: str, url: str) -> None:
    for name, value in fixed.items():
        headers[name] = value


def _wishes() -> dict[str, bool]:
    """Who asks to save data gets no script: everything works without it."""
    return {"scripts": request.headers.get("Save-Data", "").lower() != "on"}


def _vary(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.vary.add("Save-Data")
    return response
