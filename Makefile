# One target per intent; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps
NODE_FITS := node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null
COMPILE := uv pip compile -q --universal --python-version 3.11 --prerelease explicit --generate-hashes \
           --no-emit-index-url --no-header --no-annotate
LOCK := $(COMPILE) pyproject.toml --group build

.PHONY: help setup setup-dev demo test lint contracts bench vectors lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.runtime ## make .venv with what troth needs to run

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit(f"Troth needs CPython 3.11 to 3.13, this is {v[0]}.{v[1]}: call make PYTHON=/path/to/python3.12")'
	@echo "setting up $(VENV) (about 0.7 GB and a minute or two, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --only-binary :all: -r requirements/runtime.txt
	@$(PIP) --no-build-isolation --no-index --editable .
	@touch $@

setup-dev: $(VENV)/.dev ## the same with the test tools

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@$(PIP) --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

demo: setup ## four hospitals train one model on the embedded ledger
	@$(BIN)/troth demo hospitals

lint: setup-dev ## formatting, lint, types
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

test: setup-dev lint ## everything: lint, types, contract build, all tests (needs Node 20 or newer)
	@$(BIN)/python -m troth.ledger.generate --check
	@if $(NODE_FITS); then \
	    $(MAKE) --no-print-directory contracts && $(BIN)/pytest -n 2 --dist loadscope; \
	else \
	    $(BIN)/pytest -n 2 --dist loadscope; \
	    echo "make test: the contract build and the anvil engine were NOT tested: install Node 20 or newer"; \
	    exit 1; \
	fi

contracts: contracts/node_modules/.package-lock.json ## compile the contracts and compare with what ships
	@node contracts/build.mjs --check

contracts/node_modules/.package-lock.json: contracts/package-lock.json
	@cd contracts && npm ci --silent

RIVALS := flower tenseal

bench: setup-dev $(RIVALS:%=benchmarks/.env/%/.made) ## accuracy, noise, secure aggregation and whole rounds beside rivals, audits
	$(BIN)/python benchmarks/hospitals/accuracy.py
	$(BIN)/python -m benchmarks.dp.discrete_gaussian
	$(BIN)/python -m benchmarks.secagg.run
	$(BIN)/python -m benchmarks.round.run
	$(BIN)/python -m benchmarks.audit.run

# Rivals want other versions of what Troth uses, so each has an environment of its own.
benchmarks/.env/%/.made: benchmarks/secagg/requirements/%.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --only-binary :all: -r $< \
	    && touch $@ || echo "make bench: $* could not be installed; the table will say so"

vectors: setup-dev ## make the PINE vectors anew
	$(BIN)/python -m troth.testing.pine_vectors

lock: ## write the pinned dependency files anew (needs uv)
	$(LOCK) -o requirements/runtime.txt
	$(LOCK) --group dev -o requirements/dev.txt -c requirements/runtime.txt
	for rival in $(RIVALS); do \
	    $(COMPILE) benchmarks/secagg/requirements/$$rival.in -o benchmarks/secagg/requirements/$$rival.txt; \
	done

clean: ## remove everything that these targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis out dist contracts/node_modules benchmarks/.env
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
