# The README's commands. Everything lands in .venv and build/; nothing else is touched.
PYTHON ?= $(shell scripts/python)
BIN := .venv/bin
OURS := --no-deps --no-build-isolation -e .

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench faults fuzz docs lock clean

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' Makefile | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

.venv/.installed: requirements/dev.txt pyproject.toml
	@echo "setting up .venv (once; about a minute)"
	@scripts/venv .venv "$(PYTHON)" requirements/dev.txt $(OURS)

build/python%/.installed: requirements/dev.txt pyproject.toml
	@scripts/venv $(@D) "$$(scripts/python $*)" requirements/dev.txt $(OURS)

setup: .venv/.installed  ## make the virtual environment, and fetch Kafka once
	@[ "$(origin PYTHON)" = file ] || [ "$$($(PYTHON) -V)" = "$$($(BIN)/python -V)" ] || \
		{ echo ".venv has another Python than $(PYTHON): make clean first" >&2; exit 1; }
	@$(BIN)/python -m autolearn.eventlog.embedded install

demo: setup  ## run the main job on a real Kafka
	@$(BIN)/autolearn demo

test: setup  ## run the tests, real broker included
	@scripts/test -m "not long" --hypothesis-profile quick

check: setup  ## the gate: format, lint, types, layers, evolution, every test
	@scripts/check

build/bench-venv/.installed: requirements/bench.txt
	@scripts/venv $(@D) $(BIN)/python requirements/bench.txt

# uv takes a second where pip takes half a minute; pip may have been told of an index that uv does not know.
build/peers/%/.installed: requirements/peer-%.txt
	@$(BIN)/uv venv --quiet --no-cache --allow-existing --python $(BIN)/python $(@D)
	@$(BIN)/uv pip sync --quiet --no-cache --python $(@D)/bin/python --require-hashes $< || \
		$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --require-hashes -r $<
	@touch $@

bench: setup build/bench-venv/.installed build/peers/mlflow/.installed build/peers/mlserver/.installed build/peers/kedro/.installed  ## measure, print a table, write build/bench.json
	@$(BIN)/python -m tests.bench

faults: setup  ## inject every fault for long, write build/faults.json
	@$(BIN)/python -m tests.faults

fuzz: setup  ## fuzz the HTTP API for about twenty minutes, write build/fuzz.json
	@$(BIN)/python -m tests.fuzz

docs: setup  ## write the reference of the Python client into build/reference
	@$(BIN)/python -m tests.docs.reference build/reference

lock:  ## resolve the dependencies again
	@scripts/lock

clean:  ## delete what the targets above made
	@rm -rf .venv build
