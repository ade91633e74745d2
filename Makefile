# make run    serve the gateway from this folder
# make test   check and test it
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -qq

export PYTHONDONTWRITEBYTECODE := # however the machine is set: many processes load the same files

.DEFAULT_GOAL := run
.PHONY: run install dev check test test-fast chaos fuzz format lock translations bench clean

run: install
	@exec $(BIN)/chinqit run

install: $(VENV)/.installed $(VENV)/.translated
dev: $(VENV)/.developed $(VENV)/.translated

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Chinqit Gateway needs Python 3.11 or newer; set PYTHON, as in: make run PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the gateway needs (once, about a minute) ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developed: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(PIP) install --no-compile --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.translated: $(wildcard dashboard/translations/*/LC_MESSAGES/*.po) | $(VENV)/.installed
	@$(BIN)/pybabel --quiet compile -d dashboard/translations
	@touch $@

# One line a checker.
check: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tests.house

test: check
	@$(BIN)/pytest

test-fast: dev
	@$(BIN)/pytest tests/unit tests/integration

# All that kills processes, with those whose failures are not explained yet: each says what was tried.
chaos: dev
	@$(BIN)/pytest -m "" tests/resilience tests/system

fuzz: dev
	@$(BIN)/python -m tests.fuzz

format: dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Measures pages (on 10,000 and on 1,000,000 messages), the API, and delivery over SMPP; takes some minutes, on a machine
# that does nothing else.
BENCHES := pages api smpp delivery
bench: dev
	@for name in $(BENCHES); do $(BIN)/python -m tests.bench.$$name || exit 1; done

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header
lock: dev
	$(LOCK) --build-deps-for editable -o requirements.txt pyproject.toml
	$(LOCK) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml

translations: dev
	$(BIN)/pybabel --quiet extract -F dashboard/translations/babel.cfg --no-location --sort-output -k _l -o $(VENV)/messages.pot .
	$(BIN)/pybabel --quiet update -i $(VENV)/messages.pot -d dashboard/translations --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
