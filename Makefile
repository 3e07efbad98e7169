# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`. Each sets itself up.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: help venv demo test check format lock clean

help:
	@echo 'make demo   the drill: a signed, an unsigned, a tampered, a moved and an unlisted image'
	@echo 'make test   everything: the quick gate, then integration and end to end'
	@echo 'make check  the quick gate: format, lint, types, import contracts, unit and architecture tests'
	@echo 'make lock   pin the requirements again, with hashes'

venv: $(VENV)/.made

$(VENV)/.made: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: venv
	$(BIN)/pratique demo

check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .import_linter_cache
	$(BIN)/pytest -q -n $(WORKERS) tests/unit tests/contract tests/architecture

test: check
	$(BIN)/pytest -q -n $(WORKERS) tests/integration tests/e2e

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs `uv`; what it writes names no address.
lock:
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements.in -o requirements.txt
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
