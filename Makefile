# Every target sets up what it needs first (environments, Java, jars); done once, that takes less than a second.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# Any Python will do to begin with: an old one says what is wanted.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || command -v python || echo python3.11)
VENV := .venv/bin
# For test-history alone: which Glue's Python, Spark and Delta, and where they are set up.
PROFILE := glue-5.1
VENV_glue-5.1 := $(VENV)
VENV_glue-6.0 := .cache/glue-6.0/bin
# Two tests at a time: most of what a Spark session does for a small table is done by one thread.
TWO := -n 2 --dist worksteal
export PYTHONUNBUFFERED := 1
export ENV

.PHONY: help setup demo deploy test test-fast test-history lint types layers check bench-history bench-quality clean

help:  ## this list
	@while read -r line; do case "$$line" in \
	  [a-z]*:*'## '*) printf '  make %-13s %s\n' "$${line%%:*}" "$${line##*## }" ;; esac; done < Makefile

setup:  ## virtual environments, Java 17 if the machine has none, jars; again only where something changed
	@$(PYTHON) lib/gluehouse_local/bootstrap.py

demo: setup  ## the whole pipeline on this machine: real Step Functions definition, real Glue jobs, real data
	@$(VENV)/python -m gluehouse_local demo

deploy: setup  ## code, stack and configuration to AWS: make deploy ENV=dev (a file of config/environments)
	@$(VENV)/python -m gluehouse_local deploy --environment "$${ENV:?say where to, as in: make deploy ENV=dev}"

# One process a folder: a Spark session does not live on into the next one's memory.
test: setup  ## every test: the fast ones, then Spark, history tables, the local AWS, the state machine end to end
	@set -e; for folder in $(filter-out tests/conftest.py,$(wildcard tests/unit tests/spec tests/spark tests/history tests/delta tests/local tests/e2e)); do \
	  echo "== $$folder"; extra=; \
	  case $$folder in tests/unit) extra="lib --doctest-modules $(TWO)" ;; tests/history | tests/spark) extra="$(TWO)" ;; esac; \
	  $(VENV)/python -m pytest $$folder $$extra; done

test-fast: setup  ## the tests that start no Spark and no service
	@$(VENV)/python -m pytest tests/unit lib --doctest-modules $(TWO)

test-history:  ## the history engine's tests; with PROFILE=glue-6.0 on Spark 4.1 and Delta 4.2, if there is a Python 3.13
	@$(PYTHON) lib/gluehouse_local/bootstrap.py --profile $(PROFILE)
	@$(VENV_$(PROFILE))/python -m pytest tests/history $(TWO)

lint: setup  ## style and common mistakes (ruff), the Dockerfile (hadolint)
	@$(VENV)/ruff check .
	@$(VENV)/hadolint Dockerfile.glue

types: setup  ## type hints (mypy)
	@$(VENV)/mypy

layers: setup  ## who may import whom (import-linter)
	@$(VENV)/lint-imports

check: lint types layers test-fast  ## what a change must pass before it is worth running everything

bench-history: setup  ## what a batch into a history table costs, ours and its peers: some 20 minutes; ARGS=--full for all
	@$(VENV)/python -m bench.history $(ARGS)

bench-quality: setup  ## what judging every row costs beside a plain write, PyDeequ alone and one pass a rule
	@$(VENV)/python -m bench.quality $(ARGS)

clean:  ## remove what the set-up, the demo and the tests made
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache lib/gluehouse.egg-info build
