# `make` lists all targets. In a fresh clone, `make demo` and `make test` also install the Python packages.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell scripts/find-python)
VENV := .venv
PY := $(VENV)/bin/python
SEED ?= 1
ROUNDS ?= 20
COUNT ?= 50

help: ## Show this list
	@grep -hE '^[a-z_-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z_-]+):.*## (.*)/  \1\t\2/' | expand -t 16

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=… if it has another name."; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); scripts/need python3-venv && $(PYTHON) -m venv $(VENV); }

# Install by uv, which takes seconds instead of minutes. If uv is unavailable or fails, use pip with the same hashes.
define install
	@echo "Installing $(1) into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@$(VENV)/bin/uv pip install --compile-bytecode --python $(PY) --require-hashes -r $(1) 2>/dev/null \
		|| $(PY) -m pip install --disable-pip-version-check --quiet --progress-bar on --require-hashes -r $(1)
	@touch $(2)
endef

$(VENV)/.base: requirements/base.txt | $(VENV)/bin/python $(VENV)/.pose
	$(call install,requirements/base.txt,$@)

$(VENV)/.dev: requirements/dev.txt | $(VENV)/bin/python $(VENV)/.pose
	$(call install,requirements/dev.txt,$@)
	@touch $(VENV)/.base

# Installed into a separate folder, for the reasons in requirements/pose.in. The program also works without this
# package, which has no wheels for some machines. If the installation fails, make continues, and tries again next time.
POSE := --target $(VENV)/pose --no-deps --require-hashes -r requirements/pose.txt
$(VENV)/.pose: requirements/pose.txt | $(VENV)/bin/python
	@echo "Installing requirements/pose.txt into $(VENV)/pose …"
	@rm -rf $(VENV)/pose
	@$(PY) -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@{ $(VENV)/bin/uv pip install --compile-bytecode --python $(PY) $(POSE) 2>/dev/null \
		|| $(PY) -m pip install --disable-pip-version-check --quiet --progress-bar on $(POSE); } && touch $@ \
		|| { rm -rf $(VENV)/pose; echo "The package cannot be installed here. The program counts repetitions without detecting body poses."; }

# Installed into a separate folder, because it is optional and is installed without its dependencies (see
# requirements/easyocr.in).
EASYOCR := --target $(VENV)/easyocr --no-deps --require-hashes -r requirements/easyocr.txt -r requirements/torch.txt
$(VENV)/.easyocr: requirements/easyocr.txt requirements/torch.txt | $(VENV)/.base
	@echo "Installing requirements/easyocr.txt and torch.txt into $(VENV)/easyocr …"
	@rm -rf $(VENV)/easyocr
	@{ $(VENV)/bin/uv pip install --compile-bytecode --python $(PY) --torch-backend cpu $(EASYOCR) 2>/dev/null \
		|| $(PY) -m pip install --disable-pip-version-check --quiet --progress-bar on $(EASYOCR); } && touch $@ \
		|| { rm -rf $(VENV)/easyocr; echo "EasyOCR cannot be installed here: neither uv nor pip finds PyTorch for CPUs."; exit 1; }

install: $(VENV)/.base ## Install the program's packages into .venv, and bundle the pages' scripts
	@$(PY) scripts/bundle || true

develop: $(VENV)/.dev ## Install the packages for tests and checks, too
easyocr: $(VENV)/.easyocr ## Install EasyOCR, the second timer reader, for CPUs (0.8 GB)

demo: $(VENV)/.base ## Render and align three recordings, and serve the comparison (ARGS=--check, SEED=n)
	@$(PY) manage.py demo --seed $(SEED) $(ARGS)

up: $(VENV)/.base ## Run the complete program on this machine (ARGS="--port 8000")
	@$(PY) manage.py up $(ARGS)

tools: ## Install the programs for make test-services: Chromium, clamd, nginx, node, Swift
	@scripts/tools

test: $(VENV)/.dev ## Test every behaviour once, on SQLite; also pages if Chromium is there (APP=challenges: one feature)
	@scripts/tools pages || true
	@scripts/test behaviour $(if $(APP),--app $(APP))

test-services: $(VENV)/.dev tools ## Run tests with PostgreSQL, Redis, S3, nginx or clamd, tests that kill processes, and more page tests
	@scripts/test services $(if $(APP),--app $(APP))

test-all: test test-services ## Run make test, make test-services and then the longest tests
	@scripts/test exhaustive

test-fast: $(VENV)/.dev ## Run only the quick tests of make test
	@$(PY) -m pytest -q -n $$(($$(nproc) + 2)) -m "not full and not browser and not services and not exhaustive \
		and not postgresql and not cluster and not django_db(transaction=True)"

coverage: $(VENV)/.dev tools ## Measure line and branch coverage in the tests' own processes, by package
	@rm -f .coverage
	@$(PY) -m pytest -q -n $$(($$(nproc) + 2)) -m "not exhaustive and not postgresql and not browser and not program \
		and not crash and not cluster" --cov --cov-report= --cov-context=test
	@$(PY) -m tests.support.coverage

mutations: $(VENV)/.dev ## Change the code at random, and check that tests fail (COUNT=50, SEED=n; first run make coverage)
	@$(PY) -m tests.support.mutations --count $(COUNT) --seed $(SEED)

durations: $(VENV)/.dev ## Write the durations of the last test run to docs/test-durations.md
	@$(PY) -m tests.support.durations

lint: $(VENV)/.dev ## Check style, types, layers, migrations, references and generated files
	@scripts/lint

format: $(VENV)/.dev ## Format Python, templates and, if npm is installed, JavaScript
	@$(VENV)/bin/ruff check --quiet --select I --fix .
	@$(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/djangofmt --quiet templates
	@command -v npm >/dev/null || { echo "JavaScript was not formatted: npm is missing (make tools)."; exit 0; }; \
		packages=$$($(PY) -c 'from tests.support.node import packages; print(packages())') \
		&& $$packages/node_modules/.bin/biome check --write .

schema: $(VENV)/.dev ## Generate docs/openapi.yaml, docs/openapi.d.ts and the reference of errors, metrics and settings
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py settings > docs/reference/settings.md
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py errors > docs/reference/errors.md
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py metrics > docs/reference/metrics.md
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml
	@scripts/types docs/openapi.yaml docs/openapi.d.ts

examples: $(VENV)/.dev ## Send the API's example requests, replace outdated answers, then run make schema
	@VOD_WRITE_EXAMPLES=1 $(PY) -m pytest -q -n 0 -k "not every_operation" tests/contract/test_examples.py
	@$(MAKE) --no-print-directory schema

pictures: $(VENV)/.dev ## Take the pictures of README, tutorials and front page again
	@$(PY) scripts/pictures

cluster: $(VENV)/.dev ## Run two web and two worker hosts with real servers, until Ctrl-C
	@scripts/tools cluster
	@$(PY) -m tests.cluster

cluster-check: $(VENV)/.dev ## Test the program on such a cluster, also while parts of it fail
	@scripts/tools cluster
	@$(PY) -m pytest -v -s -n 0 -p no:logging tests/cluster

torture: $(VENV)/.dev ## Kill or stop all kinds of processes at random moments (ROUNDS=20, TORTURE_SEED=n)
	@env $$($(PY) -m tests.support.services) ROUNDS=$(ROUNDS) $(PY) -m pytest -q -n 3 --dist load \
		tests/torture/test_torture.py tests/torture/test_results.py

guards: $(VENV)/.dev ## Remove each guard in a copy of the tree, and check that its test fails (ONLY="part of a name")
	@$(PY) -m tests.support.guards $(ONLY)

bench: $(VENV)/.dev ## Run the benchmarks, and compare the results with their goals (ONLY=P1)
	@$(PY) -m bench $(ONLY)

lock: ## Pin the versions of requirements/*.in again
	@for name in dev base production; do \
		$(VENV)/bin/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-strip-extras --python-version 3.11 \
			$$([ $$name = dev ] || echo -c requirements/dev.txt) requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	@for name in pose node easyocr torch; do \
		$(VENV)/bin/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-strip-extras --python-version 3.11 --no-deps \
			--torch-backend cpu requirements/$$name.in -o requirements/$$name.txt || exit 1; done

release: $(VENV)/.dev ## Make a release: check, change the version, commit and tag (VERSION=1.2.0)
	@$(PY) scripts/release $(VERSION)

clean: ## Remove .venv, the caches and the demo's data
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache data/demo bench/.cache

.PHONY: help install develop easyocr demo up tools test test-services test-all test-fast coverage cluster cluster-check mutations durations lint format schema examples pictures torture guards bench release lock clean
