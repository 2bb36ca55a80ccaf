# make run | rasa | test | test-long | lint | bench | docs | clean. Nothing is needed beforehand but Python 3.11 or 3.12.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
PYTHONWARNINGS :=
export PYTHONWARNINGS

.PHONY: run rasa test test-long lint bench docs clean env env-dev

run: env
	@$(if $(DATABASE_URL),export PARLEY_STORE__URL='$(DATABASE_URL)'; $(PY) app.py migrate)
	exec $(PY) app.py run $(if $(CHANNELS),--channels $(CHANNELS)) $(if $(WORKERS),--workers $(WORKERS)) $(ARGS)

rasa: env
	@exec $(PY) -m nlu.rasa $(ARGS)

test: env-dev
	@exec $(PY) -m tests.all $(if $(FAST),--fast)

test-long: env-dev
	@exec $(PY) -m tests.all --long

lint: env-dev
	@exec $(PY) -m tests.all --lint

bench: env-dev
	@exec $(PY) -m benchmarks.bench $(ARGS)

docs: env-dev
	@$(PY) -m tests.tables
	@exec $(PY) -m pytest -q tests/test_docs.py

env:
	@bash deploy/environment.sh requirements.lock
	bash deploy/encoder.sh

env-dev:
	@bash deploy/environment.sh requirements-dev.lock
	bash deploy/encoder.sh

clean:
	@rm -rf .venv .venv-* .encoder .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
