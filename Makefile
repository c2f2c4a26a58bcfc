# Every target with one line of help: `make`. From a fresh clone `make demo` and `make test` do all the set-up.
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

# uv installs in seconds what takes pip minutes; where it cannot be had, pip does the same from the same hashes.
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

# Not among the program's packages: see requirements/pose.in. No wheel of it fits every machine, and the program goes
# on without it, so a failure stops nothing and is tried again.
POSE := --target $(VENV)/pose --no-deps --require-hashes -r requirements/pose.txt
$(VENV)/.pose: requirements/pose.txt | $(VENV)/bin/python
	@echo "Installing requirements/pose.txt into $(VENV)/pose …"
	@rm -rf $(VENV)/pose
	@$(PY) -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@{ $(VENV)/bin/uv pip install --compile-bytecode --python $(PY) $(POSE) 2>/dev/null \
		|| $(PY) -m pip install --disable-pip-version-check --quiet --progress-bar on $(POSE); } && touch $@ \
		|| { rm -rf $(VENV)/pose; echo "It cannot be installed here: workouts are counted without finding bodies."; }

# Not among the program's packages: few want it, and it is installed without its dependencies, see requirements/*.in.
EASYOCR := --target $(VENV)/easyocr --no-deps --require-hashes -r requirements/easyocr.txt -r requirements/torch.txt
$(VENV)/.easyocr: requirements/easyocr.txt requirements/torch.txt | $(VENV)/.base
	@echo "Installing requirements/easyocr.txt and torch.txt into $(VENV)/easyocr …"
	@rm -rf $(VENV)/easyocr
	@{ $(VENV)/bin/uv pip install --compile-bytecode --python $(PY) --torch-backend cpu $(EASYOCR) 2>/dev/null \
		|| $(PY) -m pip install --disable-pip-version-check --quiet --progress-bar on $(EASYOCR); } && touch $@ \
		|| { rm -rf $(VENV)/easyocr; echo "PyTorch for CPUs cannot be had here: neither uv nor pip finds it."; exit 1; }

install: $(VENV)/.base ## Install what the program needs into .venv, and bundle the pages' scripts
	@$(PY) scripts/bundle || true

develop: $(VENV)/.dev ## Install what tests and checks need too
easyocr: $(VENV)/.easyocr ## Install the second timer reader, EasyOCR, for CPUs alone (0.8 GB)

demo: $(VENV)/.base ## Three recordings, aligned, on a page (ARGS=--check, SEED=n)
	@$(PY) manage.py demo --seed $(SEED) $(ARGS)

up: $(VENV)/.base ## Run the whole program on this machine (ARGS="--port 8000")
	@$(PY) manage.py up $(ARGS)

tools: ## Install what the tests of services and pages drive: Chromium, clamd, nginx, node, Swift
	@scripts/tools

test: $(VENV)/.dev ## Every behaviour once, on SQLite, with a story of each page where Chromium is (APP=challenges: one slice)
	@scripts/tools pages || true
	@scripts/test behaviour $(if $(APP),--app $(APP))

test-services: $(VENV)/.dev tools ## What needs PostgreSQL, Redis, S3, nginx, clamd or kills processes, and the pages' other stories
	@scripts/test services $(if $(APP),--app $(APP))

test-all: test test-services ## Both, then random kills, walks over every combination, storms, hours of video
	@scripts/test exhaustive

test-fast: $(VENV)/.dev ## The quick part of make test
	@$(PY) -m pytest -q -n $$(($$(nproc) + 2)) -m "not full and not browser and not services and not exhaustive \
		and not postgresql and not cluster and not django_db(transaction=True)"

coverage: $(VENV)/.dev tools ## Lines and branches that make test and make test-services run in their own process, by package
	@rm -f .coverage
	@$(PY) -m pytest -q -n $$(($$(nproc) + 2)) -m "not exhaustive and not postgresql and not browser and not program \
		and not crash and not cluster" --cov --cov-report= --cov-context=test
	@$(PY) -m tests.support.coverage

mutations: $(VENV)/.dev ## Change the code at random; its tests have to notice (COUNT=50, SEED=n; after make coverage)
	@$(PY) -m tests.support.mutations --count $(COUNT) --seed $(SEED)

durations: $(VENV)/.dev ## Where the last run's minutes went, into docs/test-durations.md
	@$(PY) -m tests.support.durations

lint: $(VENV)/.dev ## Style, types, layers, migrations, references, generated files: all that fails, at once
	@scripts/lint

format: $(VENV)/.dev ## Format Python, templates and, where npm is, the pages' modules
	@$(VENV)/bin/ruff check --quiet --select I --fix .
	@$(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/djangofmt --quiet templates
	@command -v npm >/dev/null || { echo "JavaScript was not formatted: npm is missing (make tools)."; exit 0; }; \
		packages=$$($(PY) -c 'from tests.support.node import packages; print(packages())') \
		&& $$packages/node_modules/.bin/biome check --write .

schema: $(VENV)/.dev ## Write what is made from the code anew: docs/openapi.yaml and .d.ts, errors, metrics, settings
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py settings > docs/reference/settings.md
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py errors > docs/reference/errors.md
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py metrics > docs/reference/metrics.md
	@VOD_DATA_DIR=$$(mktemp -d) $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml
	@scripts/types docs/openapi.yaml docs/openapi.d.ts

examples: $(VENV)/.dev ## Send the API's examples, replace those that no longer fit, then make schema
	@VOD_WRITE_EXAMPLES=1 $(PY) -m pytest -q -n 0 -k "not every_operation" tests/contract/test_examples.py
	@$(MAKE) --no-print-directory schema

pictures: $(VENV)/.dev ## Take the pictures of README, tutorials and front page again
	@$(PY) scripts/pictures

cluster: $(VENV)/.dev ## Two web and two worker hosts with real servers, until Ctrl-C
	@scripts/tools cluster
	@$(PY) -m tests.cluster

cluster-check: $(VENV)/.dev ## Walk all of the product over such a cluster, and take parts of it away
	@scripts/tools cluster
	@$(PY) -m pytest -v -s -n 0 -p no:logging tests/cluster

torture: $(VENV)/.dev ## kill -9 and SIGSTOP of everything at random moments (ROUNDS=20, TORTURE_SEED=n)
	@env $$($(PY) -m tests.support.services) ROUNDS=$(ROUNDS) $(PY) -m pytest -q -n 3 --dist load \
		tests/torture/test_torture.py tests/torture/test_results.py

guards: $(VENV)/.dev ## Remove each guard in a copy of the tree; its test has to fail (ONLY="part of a name")
	@$(PY) -m tests.support.guards $(ONLY)

bench: $(VENV)/.dev ## Measure against the goals (ONLY=P1)
	@$(PY) -m bench $(ONLY)

lock: ## Pin requirements/*.in anew
	@for name in dev base production; do \
		$(VENV)/bin/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-strip-extras --python-version 3.11 \
			$$([ $$name = dev ] || echo -c requirements/dev.txt) requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	@for name in pose node easyocr torch; do \
		$(VENV)/bin/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-strip-extras --python-version 3.11 --no-deps \
			--torch-backend cpu requirements/$$name.in -o requirements/$$name.txt || exit 1; done

release: $(VENV)/.dev ## Check, write the version, commit and tag (VERSION=1.2.0)
	@$(PY) scripts/release $(VERSION)

clean: ## Remove what was made: environment, caches, the data folder's demo
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache data/demo bench/.cache

.PHONY: help install develop easyocr demo up tools test test-services test-all test-fast coverage cluster cluster-check mutations durations lint format schema examples pictures torture guards bench release lock clean
