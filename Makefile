# Needs Python 3.11 and make. Everything else comes into .venv, pinned and hashed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
ENGINES := sqlite postgresql
TESTS ?=
PROCESSES ?= 2

.PHONY: demo test check setup bench messages clean browser

demo: .venv/runtime.stamp  ## a seeded portal on http://127.0.0.1:8000, with sign-in links
	@exec $(BIN)/python portal.py demo

test: .venv/development.stamp browser  ## the whole suite, on SQLite and on PostgreSQL
	@set -e; for engine in $(ENGINES); do \
		TEST_DATABASE=$$engine $(BIN)/python -m pytest -q -n $(PROCESSES) $(TESTS); \
	done

check: .venv/development.stamp  ## what CI runs: style, types, templates, migrations, then the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/djlint --lint --quiet templates sandbox/templates themes
	@set -e; for engine in $(ENGINES); do \
		TEST_DATABASE=$$engine $(BIN)/python -m pytest -q tests/house/test_schema.py; \
	done
	@$(MAKE) --no-print-directory test

setup: .venv/development.stamp browser  ## everything for working on it

bench: .venv/development.stamp
	$(BIN)/python -m bench

messages: .venv/development.stamp  ## every sentence there is, for translators: locales/messages.pot
	$(BIN)/pybabel -q extract -F locales/babel.cfg --project=Tillhouse --version=1 --copyright-holder=Tillhouse --no-location --sort-output -o locales/messages.pot .

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

browser: .venv/development.stamp
	@bin/chromium

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed" >&2; exit 1; }
	@echo "… making .venv"
	@$(PYTHON) -m venv .venv

.venv/runtime.stamp: requirements.txt | .venv/bin/python
	@echo "… installing what it runs on"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m compileall -q -x '/(\.venv|var|out)/' .  # else each process compiles for itself: half a second, 5 MB
	@touch $@

.venv/development.stamp: requirements-dev.txt .venv/runtime.stamp
	@echo "… installing what it is tested with"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
