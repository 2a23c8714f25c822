# The README's commands. Everything lands in .venv and build/; nothing else is touched.
PYTHON ?= python3.11
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench faults fuzz lock clean

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' Makefile | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

.venv/.installed: requirements/dev.txt pyproject.toml
	@echo "setting up .venv (once; about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: .venv/.installed  ## make the virtual environment, and fetch Kafka once
	@$(BIN)/python -m autolearn.eventlog.embedded install

demo: setup  ## run the main job on a real Kafka
	@$(BIN)/autolearn demo

test: setup  ## run the tests, real broker included
	@scripts/test -m "not long" --hypothesis-profile quick

check: setup  ## the gate: format, lint, types, layers, evolution, every test
	@scripts/check

build/bench-venv/.installed: requirements/bench.txt
	@test -x build/bench-venv/bin/python || $(PYTHON) -m venv build/bench-venv
	@build/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench: setup build/bench-venv/.installed  ## measure, print a table, write build/bench.json
	@$(BIN)/python -m tests.bench

faults: setup  ## inject every fault for long, write build/faults.json
	@$(BIN)/python -m tests.faults

fuzz: setup  ## fuzz the HTTP API for about twenty minutes, write build/fuzz.json
	@$(BIN)/python -m tests.fuzz

lock:  ## resolve the dependencies again
	@scripts/lock

clean:  ## delete what the targets above made
	@rm -rf .venv build
