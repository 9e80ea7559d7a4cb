# densing-pipeline: every command a newcomer needs. `make help` lists them.
# Needs Python >= 3.11, git and make; brings its own uv if there is none.

PYTHON ?= python3
export DAGSTER_HOME := $(CURDIR)
export DENSING_STATE_DIR ?= $(CURDIR)/.densing
export DENSING_PUBLISH_URL ?= $(CURDIR)/published
# The environment is .venv, whatever environment the shell is in.
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
unexport VIRTUAL_ENV

# Relative, for make cannot name a file whose path has a space in it.
UV := $(shell command -v uv >/dev/null 2>&1 && echo uv || echo .uv/bin/uv)
RUN := $(UV) run --frozen --no-sync

.DEFAULT_GOAL := help
.PHONY: help run show test test-all dev lint format bench docs clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: .venv/synced ## Run one full cycle and print the headline numbers
	@$(RUN) densing run

show: .venv/synced ## Print the headline numbers of the latest release
	@$(RUN) densing show

test: .venv/synced ## Run the tests
	@$(RUN) pytest -q -n 2 --dist worksteal -m "not slow"

test-all: .venv/synced ## Run the tests and the slow coverage studies
	@$(RUN) pytest -q -n 2 --dist worksteal

dev: .venv/synced ## Open the Dagster UI with the nightly schedule (http://localhost:3000)
	@mkdir -p "$$DENSING_STATE_DIR"
	@DENSING_POLL=$${DENSING_POLL:-true} DENSING_HUB_POLL=$${DENSING_HUB_POLL:-true} $(RUN) dg dev

lint: .venv/synced ## Check style, types and the lock
	@$(UV) lock --check
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

format: .venv/synced ## Format the code
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

bench: .venv/synced ## Measure speed against named peers, into benchmarks/results.json
	@$(RUN) python -m benchmarks.run

docs: .venv/synced ## Regenerate docs/data_dictionary.md and the pictures in docs/
	@$(RUN) python -m docs.build

clean: ## Remove the environment and the state, keep what is published
	rm -rf .venv .uv .densing

# The environment follows the lock; uv itself comes into .uv when the machine has none.
.venv/synced: uv.lock pyproject.toml | $(filter .uv/%,$(UV))
	@$(UV) sync --frozen --quiet --no-python-downloads --python $(PYTHON)
	@touch $@

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit("densing-pipeline needs Python >= 3.11, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet uv==0.13.9
