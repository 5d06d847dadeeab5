# Every target installs what it needs, and only when needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

MODELS := $(or $(TRIAGE_MODELS),models)

.PHONY: serve test lint load chaos fuzz benchmark clean

serve: $(VENV)/train.installed $(MODELS)/promoted.json  ## train the bundled model if there is none, and serve it on port 8000
	exec $(BIN)/triage serve

test: lint  ## everything that CI runs, a process of pytest a core, each file in one of them
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

load: $(VENV)/dev.installed $(MODELS)/promoted.json  ## what HTTP costs beside the engine alone, and behaviour under too much; needs wrk
	$(BIN)/python -m tests.load $(ARGS)

chaos: $(VENV)/dev.installed $(MODELS)/promoted.json  ## the service among kills, swaps, cut connections, full disks
	$(BIN)/python -m tests.chaos $(ARGS)

fuzz: $(VENV)/dev.installed $(MODELS)/promoted.json  ## 100,000 broken requests
	$(BIN)/python -m tests.fuzz $(ARGS)

benchmark: $(VENV)/dev.installed  ## train on a public benchmark and score it: ARGS=clinc150
	$(BIN)/python -m tests.benchmark $(ARGS)

$(MODELS)/promoted.json: | $(VENV)/train.installed
	$(BIN)/triage train --preset quick --resume

$(VENV)/%.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@

clean:  ## trained models are kept
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
