"""Hostile XML is refused, quickly; random bytes raise nothing but Refused."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounting import registry
from accounting.contract import Document, Refused
from tests.accounting.documents import cii, pdf, ubl

LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 10 + b'">]><l>&b;</l>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>'
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "billion laughs": (lambda: LAUGHS, "doctype"),
    "external entity": (lambda: OUTSIDE, "doctype"),
    "comment before the doctype": (lambda: b"<!-- x --><?pi?>\n" + OUTSIDE, "doctype"),
    "utf-16 doctype": (lambda: OUTSIDE.decode().encode("utf-16"), "doctype"),
    "fifty megabytes": (lambda: b"<a>" + b"x" * 50_000_000 + b"</a>", "too_large"),
    "deep nesting": (lambda: b"<a>" * 3_000_000, "not_well_formed"),
    "closed deep nesting": (lambda: b"<a>" * 400 + b"</a>" * 400, "not_well_formed"),
    "large and deep": (lambda: b"<a>" * 400 + b"x" * 9_500_000 + b"</a>" * 400, "too_deep"),
    "huge attribute": (lambda: b'<a b="' + b"x" * 19_000_000 + b'"/>', "unknown_format"),
    "many attributes": (lambda: b"<a " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b"/>", "unknown_format"),
    "cut off": (lambda: ubl()[:800], "not_well_formed"),
    "unknown encoding": (lambda: b'<?xml version="1.0" encoding="klingon"?><a/>', "not_well_formed"),
    "another format": (lambda: b"<html/>", "unknown_format"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_within_a_second(name: str) -> None:
    make, code = HOSTILE[name]
    content = make()
    began = time.perf_counter()
    (found,) = registry.read(content)
    assert time.perf_counter() - began < 1
    assert isinstance(found, Refused)
    assert found.code == code
    assert registry.reason(found)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing(content: bytes) -> None:
    for found in registry.read(content, currency="EUR"):
        assert isinstance(found, Document | Refused)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([ubl(), cii()]), st.integers(0, 3000), st.integers(0, 60), st.binary(max_size=30))
def test_mutated_documents_raise_nothing(content: bytes, at: int, length: int, instead: bytes) -> None:
    for found in registry.read(content[:at] + instead + content[at + length :]):
        assert isinstance(found, Document | Refused)
        if isinstance(found, Refused):
            assert registry.reason(found)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.binary(max_size=20))
def test_mutated_pdfs_raise_nothing(at: int, instead: bytes) -> None:
    content = pdf(ubl())
    for found in registry.read(b"%PDF-" + content[5:at] + instead + content[at + len(instead) :]):
        assert isinstance(found, Document | Refused)
