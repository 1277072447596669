# One word for everything: `make demo` shows it, `make test` proves it.
# `make help` lists the rest.

SHELL := /bin/sh
# The tests start some hundred processes, which need not compile what they import, each for itself.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DRILLS := instance-loss region-loss partition slow-start mass-expiry mass-silence observer-blind flap
PACKAGES := sheetanchor registry dns_frontend migrations

.DEFAULT_GOAL := help
.PHONY: help setup demo test prove conformance fuzz asan lint check protos docs bench bench-dns drills mutants clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything in it (quick when nothing changed)

$(READY): pyproject.toml scripts/setup $(wildcard dns_frontend/server/*.px[di] dns_frontend/server/*.pyx)
	@scripts/setup "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(READY) ## kill a region, then its registry, and watch DNS answer all along
	@$(BIN)/sheetanchor demo $(ARGS)

test: $(READY) ## run all tests, in two processes (ARGS="-n 0 FILE" for one)
	@$(BIN)/python -m pytest -n 2 $(ARGS)

conformance: $(READY) ## print the table of what a DNS server must answer, with its results
	@PYTHONPATH=tests $(BIN)/python -m pytest -p conformance_rows tests/conformance $(ARGS)

fuzz: $(READY) ## send bent DNS messages and judge the replies (ARGS="--packets N --seed S")
	@PYTHONPATH=.:tests $(BIN)/python -m packet_fuzz $(ARGS)

prove: $(READY) ## search every interleaving, kill every mutant, write the kill matrix
	@$(BIN)/python -m proof $(ARGS)

asan: $(READY) ## the UDP loop in batches under AddressSanitizer (LOOP_PACKETS=N LOOP_SEED=S)
	@BIN=$(BIN) scripts/asan

lint: $(READY) ## ruff, mypy --strict, import contracts, freshness of what is generated
	@BIN=$(BIN) scripts/lint $(PACKAGES)

check: lint test ## everything that CI runs

protos: $(READY) ## generate sheetanchor/v1 from protos/
	@$(BIN)/python scripts/generate_protos.py

docs: $(READY) ## generate the reference pages that come from code
	@$(BIN)/python scripts/generate_docs.py

bench: $(READY) ## measure, and compare with the goals (ARGS=--full for the long run)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-dns: $(READY) ## what a query costs here, and at gdnsd, Knot, NSD and PowerDNS
	@$(BIN)/python -m benchmarks.dns_bench $(ARGS)

drills: $(READY) ## every drill with real processes; writes down what was measured (15 min)
	@failed=; for drill in $(DRILLS); do echo "== $$drill"; \
	    $(BIN)/sheetanchor drill $$drill --write docs/reference/drills.md || failed="$$failed $$drill"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

mutants: $(READY) ## change what decides in small ways, and see that a test notices
	@$(BIN)/python scripts/mutate.py $(ARGS)

clean: ## remove what was built; `make setup` brings it back
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
