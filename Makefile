# Everything starts here: `make run` and `make test` set up what they need on a machine with
# python3 (3.11 to 3.13) and make. What is set up stays in .venv/ and .uv/.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help run dev test lint reference setup setup-dev airflow airflow2 airflow3
.PHONY: test-airflow test-airflow3 test-airflow2 test-compose test-all bench

PYTHON ?= python3
VENV := .venv/bin
UV = $$(command -v uv || echo .uv/bin/uv)

# Without compiled modules every command pays seconds of imports.
unexport PYTHONDONTWRITEBYTECODE
# Another environment, active in the shell, is none of our business.
unexport VIRTUAL_ENV
unexport PYTHONPATH
unexport PYTHONHOME
export DAGSTER_DISABLE_TELEMETRY := 1
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv

help:  ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup  ## Fetch, clean and publish crypto prices once; starts all that is missing
	@$(VENV)/cryptoassets run

dev: setup  ## The stores and Dagster's UI on http://localhost:3000
	@$(VENV)/cryptoassets dev

# Two at a time, each with servers and a Spark of its own; a file's tests stay together. In their
# own order: by the number of tests the long stories would come last, and one of the two wait.
test: setup-dev  ## All tests; no Docker, no Airflow needed
	@$(VENV)/pytest -n 2 --dist loadfile --no-loadscope-reorder

airflow: setup airflow3  ## Airflow 3 on http://localhost:8081 beside Dagster, until Ctrl-C
	@$(VENV)/python -m cryptoassets.cli.airflow

# The plugin's own tests in Airflow's environment; then the whole, driven from ours. Both lines
# mostly wait: `make -j2 test-airflow` runs them at the same time.
test-airflow: test-airflow3 test-airflow2  ## The Airflow part, against real Airflow 3 and 2

test-airflow3: setup-dev airflow3
	@$(call test_line,3,not airflow2)

test-airflow2: setup-dev airflow2
	@$(call test_line,2,airflow2)

test-compose: setup-dev  ## The whole platform in Docker, brought up for real
	@CRYPTOASSETS_COMPOSE=1 $(VENV)/pytest -v --durations=0 --durations-min=1 -p no:cacheprovider \
	-m "$(without_long)" cryptoassets_tests/compose

test-all: test  ## All tests, also the long ones of Airflow and Docker (an hour and a half)
	@$(MAKE) test-airflow test-compose without_long=

# Tests marked `long` each have a shorter one of the same kind; `make test-all` runs them, too.
without_long := not long

bench: setup-dev .venv-bench/.ready  ## Measure against other ways; CASES="200k 1m": only these
	@$(VENV)/python -m benchmarks $(CASES)

lint: setup-dev  ## Style, types, arrows between modules, Dagster's definitions
	@$(VENV)/ruff check
	@$(VENV)/ruff format --check
	@$(VENV)/mypy
	@PYTHONPATH=airflow/plugins $(VENV)/lint-imports --no-logo
	@$(validate_definitions)

reference: setup  ## Write docs/reference.md from the code that it describes
	@$(VENV)/python scripts/reference.py

setup: .venv/.ready  ## Only the set-up: Python packages, Java and PostgreSQL included

setup-dev: .venv/.ready-dev  ## The set-up with the tools for tests and lint

.venv/.ready: pyproject.toml uv.lock
	@$(call sync,--no-dev,Setting up Python packages - the first time takes a minute or two ...)
	@echo "Preparing Java: half a minute once, which each later run saves again in part ..."
	@$(VENV)/python -P -m cryptoassets.embedded.java_archive
	@touch $@

airflow3: .venv-airflow3/.ready  ## Only the set-up: Airflow 3, the default line

airflow2: .venv-airflow2/.ready  ## Only the set-up: Airflow 2.11 with dagster-airflow

# Airflow and the product cannot share an environment; they talk over HTTP only.
.venv-airflow%/.ready: export UV_PROJECT_ENVIRONMENT = $(@D)
.venv-airflow%/.ready: pyproject.toml uv.lock
	@$(call sync,--only-group airflow$*,Setting up Airflow $* in $(@D) - a minute or two ...)
	@touch $@

# A rival that the product does not need.
.venv-bench/.ready: export UV_PROJECT_ENVIRONMENT = .venv-bench
.venv-bench/.ready: pyproject.toml uv.lock
	@$(call sync,--only-group bench,Setting up dlt in .venv-bench ...)
	@touch $@

define test_line
echo "Airflow $(1):" && home=$$(mktemp -d) && \
{ AIRFLOW_HOME="$$home" PYTHONWARNINGS=ignore .venv-airflow$(1)/bin/pytest -q -W ignore \
-c $(plugin_tests)/unit/pytest.ini --confcutdir $(plugin_tests)/unit $(plugin_tests)/unit; \
status=$$?; rm -rf "$$home"; [ $$status = 0 ]; } && \
CRYPTOASSETS_AIRFLOW_LINE=$(1) $(VENV)/pytest -q --durations=0 --durations-min=5 \
-m "$(2)$(if $(without_long), and $(without_long))" $(plugin_tests)/live
endef
plugin_tests := cryptoassets_tests/airflow_plugin

# --inexact: what `make run` has set up stays as it is, and nothing is taken away again.
.venv/.ready-dev: .venv/.ready
	@$(call sync,--group dev,Adding the tools for tests and lint ...)
	@touch $@

# With a home that is thrown away: judging code must start no server.
define validate_definitions
home=$$(mktemp -d) && touch "$$home/dagster.yaml" && \
{ DAGSTER_HOME="$$home" $(VENV)/dagster definitions validate; status=$$?; rm -rf "$$home"; exit $$status; }
endef

# uv's list of 150 names says nothing to a newcomer; what it downloads and how long it took does.
# The interpreter by its own path: for a shim, as pyenv has them, uv would make .venv anew each time.
define sync
$(PYTHON) scripts/check_python.py && \
{ command -v uv >/dev/null || [ -x .uv/bin/uv ] || $(PYTHON) scripts/get_uv.py .uv; } && \
echo "$(2)" && mkdir -p .uv && failed=.uv/failed-$$$$ && \
{ $(UV) sync --frozen --inexact --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(1) 2>&1 || touch $$failed; } \
| sed '/^ [-+~] /d' && ! rm $$failed 2>/dev/null
endef
