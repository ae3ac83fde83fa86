# Rtech Academy. `make help` lists the commands.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run-installed
TEST_STAMP := $(VENV)/.test-installed
# Coverage is counted where it is cheap to count: stories, faults and browsers run without its tracer, at half the cost.
TRACED := tests/unit tests/contracts tests/api
UNTRACED := tests/faults tests/scenarios tests/simulators tests/servers tests/website

.PHONY: help run test lint types bench demo docs screenshots lock clean

help: ## List the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(RUN_STAMP): requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the academy needs (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(TEST_STAMP): $(RUN_STAMP) requirements/test.txt
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

run: $(RUN_STAMP) ## Serve the academy with its demo content on http://127.0.0.1:8000
	@$(BIN)/academy serve --demo

demo: $(RUN_STAMP) ## Load the demo academy without serving it
	@$(BIN)/academy data demo

test: lint types ## Everything that CI checks, against real servers that are started and stopped here
	@$(BIN)/python -m tests.servers.prepare
	@rm -f .coverage .coverage.*
	@COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(BIN)/python -m tests.servers.run -- \
		$(BIN)/coverage run -m pytest -q -n 2 --dist worksteal $(TRACED)
	@$(BIN)/python -m tests.servers.run -- $(BIN)/python -m pytest -q -n 2 --dist worksteal $(UNTRACED)
	@$(BIN)/coverage combine -q && $(BIN)/coverage report --fail-under=90 | tail -n 30

lint: $(TEST_STAMP) ## Style, formatting, import contracts, templates
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports
	@$(BIN)/djlint src --lint --quiet

types: $(TEST_STAMP) ## mypy --strict on source and tests
	@$(BIN)/mypy

bench: $(TEST_STAMP) ## Measure, and print the table of docs/performance.md
	@$(BIN)/python -m tests.servers.prepare
	@$(BIN)/python -m tests.servers.run -- $(BIN)/python -m benchmarks

docs: $(RUN_STAMP) ## Write the pages of the documentation that are made from the code
	@$(BIN)/python -m academy.settings_page > docs/settings.md

screenshots: $(TEST_STAMP) ## Pictures of the main pages, phone and desktop, light and dark
	@$(BIN)/python -m tests.servers.prepare
	@$(BIN)/python -m tests.website.screenshots

lock: $(TEST_STAMP) ## Pin the dependencies anew (hashes, no addresses)
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --output-file requirements/run.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --constraint requirements/run.txt \
		--output-file requirements/test.txt pyproject.toml requirements/test.in

clean: ## Remove everything that was built or cached (not your data)
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* dist build
