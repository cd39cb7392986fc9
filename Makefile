# Everything is set up inside the checkout: .venv (Python), contracts/node_modules (anvil, forge, solc).
# Needed on the machine: git, make, Python 3.11 or newer with venv. Node is fetched from PyPI when it is missing.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
ARGS ?=
export PATH := $(CURDIR)/$(BIN):$(PATH)
# npm does not read the system's certificate store by itself.
SYSTEM_CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt)
ifneq ($(SYSTEM_CERTIFICATES),)
export NODE_EXTRA_CA_CERTS ?= $(SYSTEM_CERTIFICATES)
endif

.PHONY: help demo test lint bench docs lock artifacts clean

help:  ## What can be made
	@sed -n "s/^\([a-z]*\):.*## /\1\t/p" Makefile | expand -t 12

demo: .venv/.runtime contracts/node_modules/.installed  ## One work, from prompt to payout (ARGS=--exit to return at the end)
	@ATLAS_ANVIL="$$(tools/find-tool anvil)" $(BIN)/python -m atlas demo $(ARGS)

test: lint  ## Every check and every test
	@cd contracts && "$$(../tools/find-tool forge)" test
	@$(BIN)/python contracts/tools/export_artifacts.py --check
	@ATLAS_ANVIL="$$(tools/find-tool anvil)" $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

lint: .venv/.dev contracts/node_modules/.installed  ## Style, types, the order of imports
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@cd contracts && "$$(../tools/find-tool forge)" fmt --check

bench: .venv/.dev contracts/node_modules/.installed  ## Measurements, each beside its baseline (ARGS=--quick, --json)
	@for benchmark in $(filter-out benchmarks/measuring.py,$(wildcard benchmarks/*.py)); do echo "== $$benchmark"; $(BIN)/python $$benchmark $(ARGS) || exit 1; done

docs: .venv/.runtime  ## Regenerate the reference pages from the program
	@$(BIN)/python tools/reference.py

lock: .venv/.dev  ## Resolve the dependencies anew, with hashes and without hosts
	@tools/lock

artifacts: .venv/.dev contracts/node_modules/.installed  ## Compile the contracts into the package
	@$(BIN)/python contracts/tools/export_artifacts.py

clean:  ## Remove all that the targets above have made
	rm -rf .venv .demo contracts/node_modules contracts/out contracts/cache

.venv/.created:
	@echo "setting up: Python environment"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv .venv && touch $@

.venv/.runtime: requirements/runtime.lock | .venv/.created
	@echo "setting up: dependencies (requirements/runtime.lock)"
	@$(PIP) -r $< && touch $@

.venv/.dev: requirements/dev.lock | .venv/.created
	@echo "setting up: dependencies and tools (requirements/dev.lock)"
	@$(PIP) -r $< && touch $@ .venv/.runtime

.venv/.node: requirements/node.lock | .venv/.created
	@command -v npm >/dev/null || { echo "setting up: Node (requirements/node.lock)"; $(PIP) -r $<; }
	@touch $@

contracts/node_modules/.installed: contracts/package-lock.json | .venv/.node
	@echo "setting up: anvil, forge, solc (contracts/package-lock.json)"
	@cd contracts && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/.installed
