# densing-pipeline: every command a newcomer needs. `make help` lists them.
# Needs Python >= 3.11, git and make; brings its own uv if there is none.

PYTHON ?= python3
# The Pythons that `make test-pythons` tests on, by name or path; those that are not installed are skipped.
PYTHONS ?= python3.11 python3.12 python3.13
export DAGSTER_HOME := $(CURDIR)
export DENSING_STATE_DIR ?= $(CURDIR)/.densing
export DENSING_PUBLISH_URL ?= $(CURDIR)/published
# The environment is .venv, whatever environment the shell is in.
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
unexport VIRTUAL_ENV
# Containers often forbid Python to keep compiled modules; every process would compile all libraries anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

# Relative, for make cannot name a file whose path has a space in it.
UV := $(shell command -v uv >/dev/null 2>&1 && echo uv || echo .uv/bin/uv)
RUN := $(UV) run --frozen --no-sync
FAST := pytest -q -n 2 --dist worksteal -m "not slow and not heavy and not shared" tests/unit
# `make test-engine EVERY=1` compares every question with lm-eval, not some.
IN_ENGINE := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 .venv-evaluation/bin/python -m pytest -q -p no:cacheprovider \
	-o filterwarnings=default $(if $(EVERY),,-m "not slow")
# From Python 3.12 on the interpreter itself tells coverage which lines run, which takes a tenth of the time.
CORE := COVERAGE_CORE=$$($(RUN) python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")')
# uv shows its progress on a terminal and is silent elsewhere, as in the log of CI.
QUIETLY := $(shell test -t 2 || echo --quiet)
# Locks hold what everybody can fetch: no wheels of this machine, which have local versions such as 2.13.0+cpu.
# Each Python has a lock of its own, for some libraries have other versions on each.
LOCK := env -u UV_FIND_LINKS $(UV) pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
	--python-platform x86_64-manylinux_2_28
GPU_PYTHONS := 3.11 3.12 3.13
# The evaluation environment for tests is locked for this one: vLLM's CPU build.
ENGINE_PYTHON ?= python3.11
ENGINE_NIGHT := tests/integration/test_evaluation_night.py
ENGINES_OF_THEIR_OWN := $(patsubst %,tests/engine/test_%.py,process_modes plain_configurations)

.DEFAULT_GOAL := help
.PHONY: help run show report dev screenshots test test-all other-pythons test-pythons test-lowest test-same-release coverage lint \
	clusters sbom audit lock-check format hooks bench quarter year docs docs-check dictionary clean test-engine evaluation-env evaluation-env-cpu \
	evaluation-locks evaluation-locks-check lowest-lock architectures engine-night engine-vllm engine-oracle engine-transformers

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 24

run: .venv/synced ## Run one full cycle and print the answers
	@$(RUN) densing run

show: .venv/synced ## Print the answers of the latest release
	@$(RUN) densing show

report: .venv/synced ## Open the page of the latest release
	@$(RUN) densing report

dev: .venv/synced ## Open the Dagster UI with the nightly schedule (http://localhost:3000)
	@$(RUN) densing storage
	@DENSING_POLL=$${DENSING_POLL:-true} DENSING_HUB_POLL=$${DENSING_HUB_POLL:-true} $(RUN) dg dev

test: .venv/synced ## Run the tests but those marked slow
	@$(RUN) pytest -q -n 2 --dist worksteal -m "not slow"

test-all: .venv/synced ## Run all tests, with Postgres, a browser, Slurm and vLLM where they are; some take minutes
	@.ci/lacking
	@$(RUN) pytest -q -n 2 --dist worksteal --ignore=$(ENGINE_NIGHT)
	@if [ -x .venv-evaluation/bin/python ]; then $(MAKE) --silent test-engine; fi

other-pythons: .venv/synced ## Build the environments of the other Pythons of PYTHONS
	@PYTHONS="$(PYTHONS)" UV=$(UV) .ci/other-pythons true

test-pythons: .venv/synced ## Run the fast unit tests on every other Python of PYTHONS
	@PYTHONS="$(PYTHONS)" UV=$(UV) .ci/other-pythons $(FAST)

test-lowest: .venv-pythons/lowest/synced ## Run the fast unit tests with the lowest versions allowed
	@.venv-pythons/lowest/bin/python -m $(FAST)

test-same-release: .venv/synced ## Hold that every Python of PYTHONS publishes the same tables
	@rm -rf .venv-pythons/nights
	@$(RUN) .ci/same-release & own=$$!; \
	PYTHONS="$(PYTHONS)" UV=$(UV) .ci/other-pythons .ci/same-release; others=$$?; wait $$own && exit $$others

coverage: .venv/synced ## Run the tests and print what they leave out; fails below the floor in pyproject.toml
	@$(CORE) $(RUN) pytest -q -n 2 --dist worksteal -m "not slow" --cov --cov-report=term:skip-covered

lint: .venv/synced ## Check style, types, the lock and the workflow
	@$(MAKE) --silent lock-check
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) mypy tests benchmarks docs
	@$(RUN) lint-imports
	@$(RUN) check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml >/dev/null
	@$(RUN) check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml >/dev/null
	@$(RUN) check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml >/dev/null
	@$(RUN) zizmor --quiet --offline --pedantic .github

format: .venv/synced ## Format the code
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

clusters: | $(filter .uv/%,$(UV)) ## Add what tests of Ray and Kubernetes need to .venv; another make removes it
	@$(UV) sync --frozen --no-python-downloads --group clusters $(QUIETLY)

sbom: | $(filter .uv/%,$(UV)) ## List every library of the package with version and hashes, as CycloneDX in dist/
	@mkdir -p dist
	@$(UV) export --quiet --frozen --no-dev --all-extras --preview-features sbom-export --format cyclonedx1.5 \
		--output-file dist/densing-pipeline.cdx.json >/dev/null

audit: | $(filter .uv/%,$(UV)) ## Hold every locked library against the advisories of OSV; needs the network
	@$(UV) audit --frozen --preview-features audit-command

lock-check: | $(filter .uv/%,$(UV)) # uv.lock follows pyproject.toml
	@$(UV) lock --check --quiet || { echo "uv.lock is out of date: uv lock, then make lowest-lock" >&2; exit 1; }

hooks: .venv/synced ## Have git check style and types before each commit
	@$(RUN) pre-commit install

quarter: .venv/synced ## Play a quarter of nights with faults of every kind, into benchmarks/quarter/results.json
	@$(RUN) python -m benchmarks.quarter

year: .venv/synced ## Measure Dagster's pages and services after a year of nights, into benchmarks/year/results.json
	@$(RUN) python -m benchmarks.year

bench: .venv/synced ## Measure speed against named peers, into benchmarks/results.json
	@$(RUN) python -m benchmarks.run

docs: .venv/synced ## Regenerate the data dictionary, and the pictures and tables in docs/
	@$(RUN) python -m docs.build

screenshots: .venv/synced ## Take the pictures of the page in docs/ anew, of the latest release; needs Chromium
	@$(RUN) python -m docs.screenshots

dictionary: .venv/synced ## Regenerate the data dictionary alone; it needs no release
	@$(RUN) python -m docs.build dictionary

docs-check: .venv/synced ## Hold that README and docs say what the latest release says
	@$(RUN) python -m docs.build check

test-engine: .venv/synced .venv-evaluation/cpu ## Test the evaluation with vLLM on the processor
	@$(MAKE) --silent engine-night
	@$(MAKE) --silent --jobs=2 --keep-going --output-sync=target engine-vllm engine-oracle engine-transformers
	@$(RUN) densing architectures .venv-evaluation/lib/python3*/site-packages

# The parts of test-engine. The night has the machine to itself, for it judges programs under limits of time; of the
# others two run at a time, for each uses one processor. Tests that end engines in their process have one of their own:
# vLLM has its process groups once per process, and the end of one engine takes them from another.
engine-night: # Two models on the processor take longer than a test may elsewhere, if the machine is busy.
	@$(RUN) pytest -q -p no:cacheprovider -o faulthandler_timeout=7200 $(ENGINE_NIGHT)
engine-vllm:
	@$(IN_ENGINE) --confcutdir=tests/engine $(addprefix --ignore=,$(ENGINES_OF_THEIR_OWN)) tests/engine
	@$(IN_ENGINE) --confcutdir=tests/engine $(ENGINES_OF_THEIR_OWN)
engine-oracle:
	@$(IN_ENGINE) --confcutdir=tests/oracle tests/oracle
engine-transformers:
	@$(IN_ENGINE) --confcutdir=tests/unit/hub tests/unit/hub/test_parameters_transformers.py \
		tests/unit/hub/test_tensors_transformers.py

evaluation-env: .venv-evaluation/cuda ## Build the environment that evaluates models on NVIDIA GPUs

evaluation-env-cpu: .venv-evaluation/cpu ## Build the one for tests without a GPU (docs/evaluation.md)

evaluation-locks: | $(filter .uv/%,$(UV)) ## Resolve both evaluation environments anew
	for version in $(GPU_PYTHONS); do \
		$(LOCK) --python-version $$version environments/cuda.in -o environments/cuda-$$version.txt || exit 1; \
	done
	$(LOCK) --python-version 3.11 environments/cpu.in -o environments/cpu.txt \
		--override environments/cpu-without.txt --no-emit-package torch

evaluation-locks-check: | $(filter .uv/%,$(UV)) ## Hold that the GPU environment can be installed on every Python
	@for version in $(GPU_PYTHONS); do \
		env -u UV_FIND_LINKS $(UV) pip sync --quiet --dry-run --require-hashes --target .venv-pythons/gpu \
			--python-version $$version --python-platform x86_64-manylinux_2_28 \
			environments/cuda-$$version.txt || exit 1; \
	done

architectures: .venv/synced .venv-evaluation/cpu ## List anew which architectures the evaluation environment implements
	@$(RUN) densing architectures .venv-evaluation/lib/python3*/site-packages \
		--file densing_pipeline/hub/architectures.json

lowest-lock: | $(filter .uv/%,$(UV)) ## Resolve the lowest versions anew, after a change in pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --resolution lowest-direct --group dev \
		--generate-hashes --no-header --no-annotate pyproject.toml -o environments/lowest.txt

clean: ## Remove the environments and the state, keep what is published
	rm -rf .venv .venv-pythons .venv-evaluation .uv .densing

# One or the other: the mark of one goes when the other is built. PyTorch's CPU wheels are not on PyPI,
# and pip is what is usually told where they are.
.venv-evaluation/cuda: $(wildcard environments/cuda-*.txt) | $(filter .uv/%,$(UV))
	@UV=$(UV) PYTHON=$(PYTHON) environments/build-gpu

.venv-evaluation/cpu: environments/cpu.txt | $(filter .uv/%,$(UV))
	@$(UV) venv --quiet --clear --seed --no-python-downloads --python $(ENGINE_PYTHON) .venv-evaluation
	@.venv-evaluation/bin/pip install --quiet --no-deps 'torch==2.13.0+cpu'
	@$(UV) pip install --quiet --no-deps --require-hashes --python .venv-evaluation -r environments/cpu.txt
	@touch $@

.venv-pythons/lowest/synced: environments/lowest.txt pyproject.toml | $(filter .uv/%,$(UV))
	@$(UV) venv --quiet --clear --no-python-downloads --python $(PYTHON) .venv-pythons/lowest
	@$(UV) pip sync --quiet --require-hashes --python .venv-pythons/lowest environments/lowest.txt
	@$(UV) pip install --quiet --no-deps --python .venv-pythons/lowest --editable .
	@touch $@

# The environment follows the lock; uv itself comes into .uv when the machine has none.
.venv/synced: uv.lock pyproject.toml | $(filter .uv/%,$(UV))
	@echo 'Building the environment in .venv from uv.lock (a minute or two the first time)'
	@$(UV) sync --frozen --no-python-downloads --python $(PYTHON) $(QUIETLY)
	@touch $@

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit("densing-pipeline needs Python >= 3.11, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@echo 'Fetching uv, which builds the environments, into .uv'
	@$(PYTHON) -m venv .uv || { echo 'Python has no venv module that works: install it (on Debian and Ubuntu: apt install python3-venv)'; rm -rf .uv; exit 1; }
	@.uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
