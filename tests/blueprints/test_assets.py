from __future__ import annotations

import gzip
import multiprocessing
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from flask import Flask

from blueprints import assets
from tests.look.stage import add_page, make_app


@pytest.fixture
def app(home: Path) -> Flask:
    return make_app(home)


def test_names_follow_the_content(tmp_path: Path) -> None:
    first, again = assets.build(tmp_path / "a"), assets.build(tmp_path / "b")
    assert first == again
    themed = assets.build(tmp_path / "a", {"portal.css": b".brand{letter-spacing:0}"})
    assert themed["portal.css"] != first["portal.css"]
    assert themed["portal.js"] == first["portal.js"]
    assert (tmp_path / "a" / "static" / first["portal.css"]).exists()  # pages still open ask for it


def test_every_file_lies_beside_its_compressed_twins(tmp_path: Path) -> None:
    for name in assets.build(tmp_path).values():
        content = (tmp_path / "static" / name).read_bytes()
        assert brotli.decompress((tmp_path / "static" / f"{name}.br").read_bytes()) == content
        assert gzip.decompress((tmp_path / "static" / f"{name}.gz").read_bytes()) == content


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.map(assets.build, [tmp_path] * 6)
    assert all(result == results[0] for result in results)
    written = {path.name for path in (tmp_path / "static").iterdir()}
    assert written == {f"{name}{twin}" for name in results[0].values() for twin in ("", ".br", ".gz")}


@pytest.mark.parametrize("name", ["portal.css", "portal.js"])
@pytest.mark.parametrize("coding", ["br", "gzip", ""])
def test_a_file_is_served_compressed_and_kept_for_ever(app: Flask, name: str, coding: str) -> None:
    address = f"/static/{app.extensions['static_names'][name]}"
    with app.test_client().get(address, headers={"Accept-Encoding": coding}) as answer:
        assert answer.status_code == 200
        assert answer.headers.get("Content-Encoding", "") == coding
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in answer.headers  # plain http here
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_an_old_name_is_not_found(app: Flask) -> None:
    assert app.test_client().get("/static/portal.000000000000.css").status_code == 404


def test_the_first_visits_weight_leaves_room_for_the_page(app: Flask, home: Path) -> None:
    names = app.extensions["static_names"]
    sizes = {name: (home / "static" / f"{hashed}.br").stat().st_size for name, hashed in names.items()}
    assert sizes["portal.js"] <= 13_000
    assert sizes["portal.css"] <= 4_096


def test_pages_are_compressed_with_brotli_first(app: Flask) -> None:
    add_page(app, "/long", "{{ 'word ' * 500 }}")
    with app.test_client().get("/long", headers={"Accept-Encoding": "zstd, br, gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "br"
        assert "Accept-Encoding" in answer.headers["Vary"]


def test_short_answers_are_left_alone(app: Flask) -> None:
    add_page(app, "/short", "word")
    answer = app.test_client().get("/short", headers={"Accept-Encoding": "br"})
    assert "Content-Encoding" not in answer.headers
