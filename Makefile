# Each target first installs what it needs: a virtual environment in .venv, the pinned requirements, and a browser for tests.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
INSTALL := $(BIN)/python -m benchmarks.install
export PYTHONDONTWRITEBYTECODE =  # tests start about sixty processes: cached bytecode saves time

ifeq ($(OS),Windows_NT)
$(error The lab runs on Linux and macOS. On Windows, run it inside WSL: https://learn.microsoft.com/windows/wsl/install)
endif

.PHONY: run test timed soak guards checkpoints benchmark clean browser
.DELETE_ON_ERROR:

run: $(STAMP)-run  ## start the dashboard and open it in the browser
	$(BIN)/python -m app

# Three test processes keep two cores busy, because browser tests mostly wait for the browser's timers.
test: $(STAMP)-dev browser  ## check lint and types, and run the quick tests
	$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	$(BIN)/mypy & types=$$!; \
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder; \
	tests=$$?; wait $$types && exit $$tests

timed: $(STAMP)-dev browser  ## run the tests that measure time; meaningful only on an idle machine
	$(BIN)/python -m pytest -m timed $$(grep -rl --include='*.py' 'mark[.]timed' tests | sort)

soak: $(STAMP)-dev browser  ## run the long versions of tests, and print the promises of SECURITY.md with the measured figures
	$(BIN)/python -m pytest -m 'soak or promise' --promises

guards: $(STAMP)-dev browser  ## remove the guard of each promise from a copy of the lab, and check that the promise's test fails
	$(BIN)/python -m benchmarks.guards

checkpoints: $(STAMP)-run  ## train and score the pretrained runs that are missing, and make them read-only
	$(BIN)/python -m benchmarks.checkpoints

benchmark: $(STAMP)-benchmark $(STAMP)-dev browser  ## measure speed, also of the Pyro tutorial, and write the tables of docs/; about half an hour
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.docs

clean:  ## remove the environment and the caches of tools; runs and data stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info

$(STAMP)-run: requirements.txt requirements.lock pyproject.toml | .venv
	$(INSTALL) -r requirements.txt
	@touch $@

$(STAMP)-dev: requirements-dev.txt requirements-onnx.txt requirements-tensorboard.txt requirements.txt requirements.lock pyproject.toml | .venv
	$(INSTALL) -r requirements-dev.txt
	@touch $@ $(STAMP)-run

$(STAMP)-benchmark: requirements-benchmark.txt requirements.txt requirements.lock pyproject.toml | .venv
	$(INSTALL) -r requirements-benchmark.txt
	@touch $@

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "The lab needs Python 3.11 or newer. Choose one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { command -v apt-get >/dev/null && \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv; } || \
		{ echo "This Python cannot create virtual environments: install its venv package (Debian: python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
browser:  ## install Chromium for the browser tests through apt, if no browser is found
	@$(BIN)/python tests/browser.py || { command -v apt-get >/dev/null && \
		$(SUDO) apt-get update -qq && { $(SUDO) apt-get install -y -qq chromium-headless-shell >/dev/null 2>&1 || \
		$(SUDO) apt-get install -y -qq chromium >/dev/null; }; } || \
		echo "Chromium or Chrome is missing and could not be installed: the browser tests will be skipped" >&2
