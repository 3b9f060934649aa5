# Start here: `make run` and `make test` set up everything they need on a machine with python3 (3.11
# to 3.13) and make. The set-up is kept in .venv/ and .uv/.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help run dev test test-e2e lint reference setup setup-dev airflow airflow2 airflow3
.PHONY: test-airflow test-airflow3 test-airflow2 test-compose test-wheel test-all bench wheel faults
.PHONY: backup restore
.PHONY: fuzz mutants soak audit-dependencies pictures

PYTHON ?= python3
VENV := .venv/bin
UV = $$(command -v uv || echo .uv/bin/uv)

# Let Python write compiled modules: without these, every command would spend seconds on imports.
unexport PYTHONDONTWRITEBYTECODE
# Ignore an environment that is active in the shell.
unexport VIRTUAL_ENV
unexport PYTHONPATH
unexport PYTHONHOME
export DAGSTER_DISABLE_TELEMETRY := 1
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup  ## Fetch, clean and publish crypto prices once; sets up and starts whatever is missing
	@$(VENV)/cryptoassets run

dev: setup  ## Run the stores and Dagster's UI on http://localhost:3000
	@$(VENV)/cryptoassets dev

# Two workers, each with its own servers and Spark. The tests of a file run on one worker. Files are
# not sorted by their number of tests: if they were, the longest tests would run last, all on one
# worker.
on_two_workers = $(VENV)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "$(without_long)"
end_to_end := $(addprefix cryptoassets_tests/,e2e cluster dashboard/pages embedded extending)

test: setup-dev  ## Run the tests that need no Docker and no Airflow, without the end-to-end tests
	@$(on_two_workers) $(addprefix --ignore=,$(end_to_end))

test-e2e: setup-dev  ## Run the end-to-end tests: commands, embedded servers, pages in a browser, a Spark cluster, the tutorial
	@$(on_two_workers) $(end_to_end)

airflow: setup airflow3  ## Run Airflow 3 on http://localhost:8081 with Dagster, until Ctrl-C
	@$(VENV)/cryptoassets airflow

# First the plugin's unit tests in Airflow's environment, then the live tests from the project's .venv.
# Tests mostly wait, so `make -j2 test-airflow` runs the two versions of Airflow at the same time.
test-airflow: test-airflow3 test-airflow2  ## Test the Airflow part with real Airflow 3 and 2

test-airflow3: setup-dev airflow3
	@$(call test_line,3,not airflow2)

test-airflow2: setup-dev airflow2
	@$(call test_line,2,airflow2)

test-compose: setup-dev  ## Test the whole platform in Docker
	@CRYPTOASSETS_COMPOSE=1 $(VENV)/pytest -v --durations=0 --durations-min=1 -p no:cacheprovider \
	-m "$(without_long)" cryptoassets_tests/compose

test-wheel: setup-dev airflow3 wheel  ## Install the wheels in new environments and test them
	@UV="$(UV)" CRYPTOASSETS_WHEELS=dist $(VENV)/pytest -v -p no:cacheprovider cryptoassets_tests/packaging

pictures: setup-dev  ## Retake the screenshots in the docs from a fresh run; needs Chromium
	@$(VENV)/python -m cryptoassets_tests.pictures

SEED ?=
N ?= 200
faults: setup-dev  ## Kill processes at random in N tries, and check every guarantee; SEED=n repeats earlier tries
	@$(VENV)/python -m cryptoassets_tests.faults --tries $(N) $(if $(SEED),--seed $(SEED))

MINUTES ?= 10
fuzz: setup-dev  ## Feed random input to the parser, then to the rules, for MINUTES each
	@$(VENV)/python -W error -m cryptoassets_tests.fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

EVERY ?= 5
mutants: setup-dev  ## Change the code in small ways, and count how many changes the tests notice
	@$(call sync,--group mutants,Adding mutmut ...)
	@$(VENV)/python -m cryptoassets_tests.mutation --every $(EVERY)

BATCHES ?= 60
soak: setup-dev  ## Run micro-batches in a row, and check whether memory, open files or disk use grow
	@$(VENV)/python -m benchmarks.soak --batches $(BATCHES)

# uv queries the database at https://osv.dev. Set UV_AUDIT_SERVICE to use another server with the same
# API.
audit-dependencies: setup-dev  ## Look for known vulnerabilities in the locked Python packages
	@$(UV) audit --frozen --preview-features audit-command $(if $(UV_AUDIT_SERVICE),--service-url $(UV_AUDIT_SERVICE))

test-all:  ## Run all tests, including the long ones (90 minutes)
	@$(MAKE) test test-e2e test-airflow test-wheel test-compose without_long=

# Only `make test-all` runs tests marked `long`. Each has a shorter counterpart that always runs.
without_long := not long

bench: setup-dev .venv-bench/.ready  ## Run the benchmarks; CASES="200k 1m" runs only these two
	@$(VENV)/python -m benchmarks $(CASES)

lint: setup-dev  ## Check style, types, imports between packages, and Dagster's definitions
	@$(VENV)/ruff check
	@$(VENV)/ruff format --check
	@$(VENV)/mypy
	@PYTHONPATH=airflow/plugins $(VENV)/lint-imports --no-logo
	@$(validate_definitions)

wheel: setup  ## Build dist/: the platform's wheel, and a separate wheel for its Airflow plugin
	@rm -rf dist
	@$(UV) build -q --wheel -o dist .
	@$(UV) build -q --wheel -o dist airflow
	@ls dist/*.whl

# The date in the folder's name is in UTC.
TO ?= backups/$(shell date -u +%Y-%m-%dT%H%M%S)
backup:  ## Back up the platform in Docker to a new folder TO=...
	@docker/backup/backup.sh $(TO)

restore:  ## Replace the data of the platform in Docker with the backup FROM=...
	@docker/backup/restore.sh $(FROM)

reference: setup  ## Write docs/reference.md from the code that it describes
	@$(VENV)/python scripts/reference.py

setup: .venv/.ready  ## Only set up: Python packages, including Java and PostgreSQL

setup-dev: .venv/.ready-dev  ## Only set up, with the tools for tests and lint

.venv/.ready: pyproject.toml uv.lock
	@$(call sync,--no-dev --all-extras,Setting up Python packages - the first time takes a minute or two (mostly to build PySpark) ...)
	@echo "Preparing Java: about 30 s, once; makes later runs start faster ..."
	@$(VENV)/python -P -m cryptoassets.embedded.java_archive
	@touch $@

airflow3: .venv-airflow3/.ready  ## Only set up Airflow 3, the default version

airflow2: .venv-airflow2/.ready  ## Only set up Airflow 2.11 with dagster-airflow

# Airflow and the product cannot share an environment; they communicate over HTTP only.
.venv-airflow%/.ready: export UV_PROJECT_ENVIRONMENT = $(@D)
.venv-airflow%/.ready: pyproject.toml uv.lock
	@$(call sync,--only-group airflow$*,Setting up Airflow $* in $(@D) - a minute or two ...)
	@touch $@

# An environment for dlt. The benchmarks compare the product with dlt; the product does not need dlt.
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

.venv/.ready-dev: .venv/.ready
	@$(call sync,--group dev,Adding the tools for tests and lint ...)
	@touch $@

# Uses a temporary DAGSTER_HOME: with the project's own DAGSTER_HOME, Dagster could start PostgreSQL.
define validate_definitions
home=$$(mktemp -d) && touch "$$home/dagster.yaml" && \
{ DAGSTER_HOME="$$home" $(VENV)/dagster definitions validate; status=$$?; rm -rf "$$home"; exit $$status; }
endef

# uv's list of 150 packages is hidden; uv's downloads and the time taken are shown. A pipe to sed or
# awk would show them only at the end.
# --inexact: do not remove packages that another group installed.
# uv gets the interpreter's real path: if it got a shim such as pyenv's, it would recreate .venv each
# time.
define sync
$(PYTHON) scripts/check_python.py && \
{ command -v uv >/dev/null || [ -x .uv/bin/uv ] || $(PYTHON) scripts/get_uv.py .uv; } && \
echo "$(2)" && mkdir -p .uv && failed=.uv/failed-$$$$ && \
{ $(UV) sync --frozen --inexact --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(1) 2>&1 || touch $$failed; } \
| while IFS= read -r line; do case "$$line" in (" "[-+~]" "*) ;; (*) printf '%s\n' "$$line";; esac; done \
&& ! rm $$failed 2>/dev/null
endef
