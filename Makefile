# Countersign's verbs; `make` alone explains them. Whatever they install goes to .venv, whatever they store to var/.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
DATA := $(abspath $(or $(COUNTERSIGN_DATA_DIR),var))
SETUP := sh scripts/setup.sh

# What is installed, each newer than the lock that it was installed from. The developers' set contains the demo's, so
# that a demo never takes their tools away.
DEMO_READY := $(VENV)/.ready-demo
DEV_READY := $(VENV)/.ready-dev
BENCH_READY := $(VENV)/.ready-bench
# Other people's tools, in an environment of their own within it.
READERS_READY := $(VENV)/tools/.ready
RUNNABLE := $(if $(wildcard $(BENCH_READY)),$(BENCH_READY),$(if $(wildcard $(DEV_READY)),$(DEV_READY),$(DEMO_READY)))
TOOLS := $(if $(wildcard $(BENCH_READY)),$(BENCH_READY),$(DEV_READY))

# Whoever is idle takes of what the others have left, so that none ends with a long file while the others wait.
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
# The files of the slow tests share what took them an hour to make.
BY_FILE := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
# A second database repeats only the tests that touch it, and no browser.
ON_POSTGRES := --database postgres --only-database-tests

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-reset demo-month booking mail-story drill serve test test-all test-slow test-tools lint format types check bench lock

help:
	@echo "Countersign. Usage: make <verb>"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@echo
	@echo "Options: PORT=8000 (demo, demo-month, serve), JOBS=2 (test), PYTHON=python3.12 (setup)."

setup: $(TOOLS) ## install the product and the developers' tools into .venv
	@echo "Ready. Next: make demo, or make check."

demo: $(RUNNABLE) ## run the product with an example AI application; needs no server and no configuration
	@$(BIN)/python manage.py demo --port $(PORT)

demo-reset: ## forget the demo's data and start over
	@$(SETUP) reset "$(DATA)"

demo-month: $(RUNNABLE) ## play a month of the mail triage in minutes, and show its signed report
	@$(BIN)/python -m examples.month --port $(PORT)

mail-story: $(RUNNABLE) ## play what happens when the mail triage's mails become hard (about five minutes)
	@$(BIN)/python -m examples.mail_triage.story

booking: $(RUNNABLE) ## play how a booking agent's calendar changes silently, and who notices (a few minutes)
	@$(BIN)/python -m examples.booking_agent.story

serve: $(RUNNABLE) ## run web, worker and scheduler in the foreground
	@$(BIN)/python manage.py serve --port $(PORT)

# The tests start hundreds of processes: what they import is compiled once, beside the tools and not among the sources, even where
# the environment would have nothing compiled kept.
test test-slow test-tools: export PYTHONPYCACHEPREFIX := $(abspath $(VENV)/pycache)
test test-slow test-tools: export PYTHONDONTWRITEBYTECODE :=

# The browser's driver keeps an event loop in its thread, so its tests get processes of their own.
test: $(TOOLS) ## run the tests on SQLite, then on PostgreSQL, then in the browser
	$(PYTEST) -m "not slow and not browser"
	$(PYTEST) $(ON_POSTGRES) -m "not slow and not browser"
	$(PYTEST) -m "browser and not slow"

test-slow: $(TOOLS) ## run the faults and load cases alone
	$(BY_FILE) -m "slow and not tools"

test-tools: $(TOOLS) $(READERS_READY) ## have pandas, datasets, OpenAI Evals and promptfoo read our exports
	COUNTERSIGN_REQUIRE=all $(BIN)/python -m pytest -n 0 -m tools

test-all: test test-slow test-tools ## run the tests, then the faults and load cases, then other people's tools

lint: $(TOOLS) ## check style, layers, templates, migrations and spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/lint-imports
	COUNTERSIGN_DATA_DIR="$$(mktemp -d)" $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/typos

format: $(TOOLS) ## put code and templates in the house's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	-$(BIN)/djade --target-version 5.2 $$(git ls-files 'templates/*.html')

types: $(TOOLS) ## check the types with mypy --strict
	COUNTERSIGN_DATA_DIR="$$(mktemp -d)" $(BIN)/mypy

check: lint types test ## lint, types and test: what a change must pass

drill: $(TOOLS) ## inject silent failures into live streams, and write docs/drill.md (about half an hour)
	$(BIN)/python -m tests.drill --jobs $(JOBS)

bench: $(BENCH_READY) ## measure, and write docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks

lock: $(TOOLS) ## write the lock files anew from pyproject.toml (LOCK=--upgrade takes the newest versions)
	$(SETUP) lock $(LOCK)

$(DEMO_READY): requirements-demo.lock scripts/setup.sh
	@$(SETUP) install demo

$(DEV_READY): requirements-dev.lock scripts/setup.sh
	@$(SETUP) install dev

$(BENCH_READY): requirements-bench.lock scripts/setup.sh
	@$(SETUP) install bench

$(READERS_READY): requirements-tools.lock tests/tools/package-lock.json scripts/setup.sh | $(TOOLS)
	@$(SETUP) tools
