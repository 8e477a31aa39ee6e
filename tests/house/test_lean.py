"""What a process need not load it does not: memory is a budget, and so is the time to the first answer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.house import source

POSTGRESQL = "postgresql:///portal"
SQLITE = ""


def loaded(module: str, database_url: str) -> set[str]:
    """The libraries in memory once a front door has been imported."""
    run = subprocess.run(
        [sys.executable, "-c", f"import {module}, sys; print(*(n for n, m in sys.modules.items() if m is not None))"],
        cwd=source.ROOT,
        env=os.environ | {"DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize("door", ["portal", "workers.__main__"])
def test_the_driver_of_postgresql_is_loaded_where_it_is_the_database(door: str) -> None:
    assert "psycopg" not in loaded(door, SQLITE)
    assert "psycopg" in loaded(door, POSTGRESQL)


def test_the_clock_loads_nothing_that_draws_pages_or_reads_documents() -> None:
    assert not loaded("workers.__main__", SQLITE) & {
        "flask",
        "jinja2",
        "werkzeug",
        "lxml",
        "pikepdf",
        "typst",
        "granian",
    }


def test_the_web_loads_no_reader_of_documents() -> None:
    assert "lxml" not in loaded("portal", SQLITE)


def test_the_web_loads_no_cryptography_before_a_passkey_or_a_sealed_secret_needs_it() -> None:
    assert not loaded("portal", SQLITE) & {"webauthn", "cryptography", "cbor2", "segno"}


def test_the_web_and_the_clock_load_no_providers_library() -> None:
    for door in ("portal", "workers.__main__"):
        assert not loaded(door, SQLITE) & {"stripe", "gocardless_pro", "requests", "urllib3"}
