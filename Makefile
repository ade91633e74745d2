# make run    serve the gateway from this folder
# make test   check and test it
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -qq

export PYTHONDONTWRITEBYTECODE := # however the machine is set: many processes load the same files

.DEFAULT_GOAL := run
.PHONY: run install dev check test test-fast axe chaos fuzz format lock audit openapi translations bench bench-short clean

run: install
	@exec $(BIN)/chinqit run

install: $(VENV)/.built
dev: $(VENV)/.developed $(VENV)/.built

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Chinqit Gateway needs Python 3.11 or newer; set PYTHON, as in: make run PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.txt | $(BIN)/python
	@echo "Installing what the gateway needs (once, about a minute) ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

# The gateway itself; its translations are compiled by the way (deploy/hatch_build.py).
$(VENV)/.built: pyproject.toml deploy/hatch_build.py $(wildcard dashboard/translations/*/LC_MESSAGES/*.po) $(VENV)/.installed
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developed: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt >$@.uv && $(PIP) install --require-hashes -r $@.uv && rm $@.uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt || $(PIP) install --no-compile --require-hashes -r requirements-dev.txt # pip reads other settings, and takes four times as long
	@touch $@

# The texts of the documentation are prose: they are wrapped by hand.
TEMPLATES := $(wildcard templates/*.html templates/*/*.html)
BIOME := $(if $(wildcard $(BIN)/biome),$(BIN)/biome,: biome) # its wheel is for Linux on x86-64 alone; elsewhere CI looks
SCRIPTS := --config-path=tests/house/biome.json static/css static/js static/clients

# One line a checker.
check: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIOME) check --error-on-warnings $(SCRIPTS) >/dev/null 2>&1 || $(BIOME) check --error-on-warnings $(SCRIPTS)
	@$(BIN)/djlint --quiet --lint --rules tests/house/djlint_rules.yaml templates
	@$(BIN)/djlint --quiet --check $(TEMPLATES)
	@$(BIN)/mypy || { [ $$? -eq 2 ] && rm -rf .mypy_cache && $(BIN)/mypy --num-workers=0; } # 2: it crashed: a cache of older files, or workers that start too slowly for it
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tests.house

test: check
	@$(BIN)/pytest

# For between two edits: what starts no gateway, on SQLite.
test-fast: dev
	@$(BIN)/pytest --numprocesses=3 -k "not postgresql" tests/unit tests/integration

# Every fault that the gateway has to survive, done to real processes; prints what was demanded and what came. As root,
# hosts vanish and a Debian is installed, too. About three hours; shorter: make chaos LENGTH=0.05; some: make chaos ROWS="F3 cut"
LENGTH := 1
ROWS :=
chaos: dev
	@$(BIN)/python -m tests.chaos --length $(LENGTH) $(ROWS)

# Every rule of axe on every page and its states, in two widths, two schemes and three languages; about half an hour.
# Some pages: make axe PAGES="limits keys"
PAGES :=
axe: dev
	@$(BIN)/python -m tests.axe $(PAGES)

# With another seed in each run, which it tells; one of them again: make fuzz SEED=7
SEED :=
fuzz: dev
	@$(BIN)/python -m tests.fuzz $(SEED)

format: dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIOME) check --write $(SCRIPTS)
	@$(BIN)/djlint --quiet --reformat $(TEMPLATES)

# Measures pages (on 10,000 and on 1,000,000 messages), the API, memory, and delivery; takes some minutes, on a machine
# that does nothing else.
BENCHES := pages first_load api memory smpp delivery retention trouble
bench: dev
	@for name in $(BENCHES); do $(BIN)/python -m tests.bench.$$name || exit 1; done

# The same figures for the API and delivery from one short run: to see, not to judge by.
bench-short: dev
	@$(BIN)/python -m tests.bench.api 1 0.5
	@$(BIN)/python -m tests.bench.memory
	@$(BIN)/python -m tests.bench.delivery 2000 1 0

# One lock for all of them: what only some need has a marker. `make lock` then proves that each finds wheels for it.
PYTHONS := 3.11.2 3.12 3.13 3.14
PLATFORMS := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml
LOCKS := requirements.txt requirements-tracing.txt requirements-dev.txt
PROVE := $(BIN)/uv pip install --quiet --dry-run --require-hashes --only-binary :all: --target $(VENV)/none
lock: dev
	$(LOCK) --group build -o requirements.txt
	$(LOCK) --group build --extra tracing -c requirements.txt -o requirements-tracing.txt
	$(LOCK) --group build --extra tracing --group dev -c requirements-tracing.txt -o requirements-dev.txt
	@for python in $(PYTHONS); do for platform in $(PLATFORMS); do for file in $(LOCKS); do \
		$(PROVE) --python-version $$python --python-platform $$platform -r $$file || { echo "$$file does not install on Python $$python, $$platform" >&2; exit 1; }; \
	done; done; done

# What the gateway is made of, as CycloneDX, and whether a weakness of it is known. Silence is no proof: it fails when it
# could not look.
audit: dev
	@PYTHONWARNINGS=ignore $(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file $(VENV)/sbom.cdx.json
	@echo "Written: $(VENV)/sbom.cdx.json"
	@$(BIN)/uv tool run --quiet pip-audit@2.10.1 --strict --require-hashes --disable-pip --progress-spinner off -r requirements.txt || { echo "NOT CLEAN: a package has a known weakness, or the advisories could not be asked; the line above says which" >&2; exit 1; }

openapi: dev
	$(BIN)/chinqit openapi
	$(BIN)/chinqit dev clients

translations: dev
	$(BIN)/pybabel --quiet extract -F dashboard/translations/babel.cfg --no-location --sort-output -k _l -k lazy_pgettext:1c,2 -o $(VENV)/messages.pot .
	$(BIN)/pybabel --quiet update -i $(VENV)/messages.pot -d dashboard/translations --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
