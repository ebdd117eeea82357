# The commands of this repository; `make help` lists them. Those that say "nothing but Python" need Python 3.11 or newer, its venv
# module and PyPI. Everything with the lab in it needs Debian 12, root and Go besides.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

include e2e/lab/lab.mk

## —— The two commands —————————————————————————————————————————————

SAMPLE ?= sovereign

.PHONY: demo
demo: lab-up ## Bring the lab up, install the operator, apply a sample Sovereign and watch it; SAMPLE=ha shows a larger one
	$(PY) -m e2e.demo --sample $(SAMPLE)

.PHONY: test
test: verify test-unit test-integration test-boot e2e image-test ## Everything that CI runs

## —— Tests ————————————————————————————————————————————————————————

.PHONY: lint
lint: $(READY) ## Format, lint, types, layers, drift of generated files; nothing but Python
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m catalyst_operator.api.generate --check
	$(PY) -m catalyst_operator.admission.generate --check
	$(PY) -m docs.decisions.index --check
	$(PY) -m docs.pictures.draw --check
	$(PY) -m docs.kit_times.simulate --check

.PHONY: verify
verify: lint lab-tools ## All of lint, the kit's values, and the pins and the module by real OpenTofu
	$(PY) -m tests.support.charts.gate
	$(PY) -m tests.support.pin_gate
	.lab/bin/tofu fmt -check -recursive infra
	.lab/bin/kubectl kustomize deploy/overlays/lab > /dev/null

.PHONY: test-unit
test-unit: $(READY) ## Fast tests: no cluster, no root; nothing but Python
	$(PY) -m pytest tests/unit -q -n auto --dist worksteal --junitxml=build/results/unit.xml

# Three at once on two cores, because much of it waits. A file stays whole: its tests share a cluster. See decision 80.
BESIDE := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test-integration
test-integration: $(READY) lab-tools ## A real API server, real OpenTofu, the Hetzner emulator; no cluster
	$(PY) -m pytest tests/integration -q -m "not slow" $(BESIDE) --junitxml=build/results/integration.xml

.PHONY: test-boot
test-boot: $(READY) lab-tools ## Servers that really boot, by systemd and cloud-init; root, no cluster
	$(PY) -m pytest tests/boot -q -m "not slow" --junitxml=build/results/boot.xml

.PHONY: boot-down
boot-down: ## Take away what a killed test-boot left
	@$(PYTHON) -m e2e.boot down

.PHONY: e2e
e2e: lab-up ## The essential stories, on the lab's cluster
	$(PY) -m pytest e2e/stories -q -m "e2e and not slow" --junitxml=build/results/stories.xml

.PHONY: e2e-full
e2e-full: lab-up ## All stories, the long ones and those that take the lab down and up included, and a real Keycloak
	$(PY) -m pytest tests/integration -q -m slow --junitxml=build/results/slow.xml
	$(PY) -m pytest e2e/stories -q -m e2e --story-table docs/reliability.md --junitxml=build/results/stories.xml
	$(PY) -m pytest e2e/stories -q -m lab --junitxml=build/results/lab.xml
	$(PY) -m pytest tests/boot -q --junitxml=build/results/boot.xml

.PHONY: trials
trials: $(READY) ## Write the results of the last tests into the table of what trials found
	$(PY) -m tests.support.trials $(wildcard build/results/*.xml)

.PHONY: bench
bench: lab-up ## Measure as ratios to a floor in the same run; prints a table and writes build/bench.json
	$(PY) -m e2e.bench

## —— Development ——————————————————————————————————————————————————

.PHONY: generate
generate: $(READY) ## Write crds/, docs/api.md, the admission policies, the index of decisions, the picture, the kit's times; nothing but Python
	$(PY) -m catalyst_operator.api.generate
	$(PY) -m catalyst_operator.admission.generate
	$(PY) -m docs.decisions.index
	$(PY) -m docs.pictures.draw
	$(PY) -m docs.kit_times.simulate

.PHONY: releases-pin
releases-pin: $(READY) ## Fetch what releases.yaml names from its vendors and write the checksums there; needs curl and a network
	$(PY) -m deploy.releases.pin

.PHONY: run
run: lab-up ## Run the operator of this tree on the host, against the lab
	$(PY) -m e2e.run_local

.PHONY: lock
lock: $(READY) ## Resolve the dependencies of pyproject.toml anew
	$(PY) -m pip install -q uv
	$(VENV)/bin/uv pip compile -q --universal --no-header --generate-hashes --python-version 3.11 -o requirements.lock pyproject.toml
	$(VENV)/bin/uv pip compile -q --universal --no-header --generate-hashes --python-version 3.11 --group dev -o requirements-dev.lock pyproject.toml

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^## ——/ {sub("## ", ""); print "\n" $$0} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { [ "$$(id -u)" = 0 ] && $(PYTHON) -m e2e.lab packages; } || { \
		echo "Python's venv module is missing: install the package python3-venv." >&2; exit 1; }
	@echo "Installing the Python dependencies into $(VENV) (about half a minute) ..."
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --require-hashes -r requirements-dev.lock
	touch $@
