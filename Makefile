# make demo | test | test-slow | deploy-check | bench | check | docs | webui | wheel | lock | clean
# PYTHON chooses the interpreter (3.11 or newer) that the virtual environment is made with.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
RUN_STAMP := $(VENV)/.run
SOURCES := pyproject.toml setup.py $(wildcard src/inferswarm/load/transport/native/* src/inferswarm/native/*)

.PHONY: setup demo test test-slow deploy-check bench check format docs webui wheel lock clean

setup: $(STAMP) ## the virtual environment with everything that tests need, pinned

# What a run needs, and no more: a demo should not wait for what only tests use.
$(RUN_STAMP): requirements/run.txt requirements/build.txt $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "inferswarm needs Python 3.11 or newer with venv; '$(PYTHON)' is not: make PYTHON=/path/to/python"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -c "import inferswarm.load.transport._reader" 2>/dev/null || echo \
	  "left out: the native recorder (needs Linux, gcc and Python's headers: apt-get install gcc python3-dev)"
	@touch $@

$(STAMP): $(RUN_STAMP) requirements/dev.txt
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(RUN_STAMP) ## a 20 s streamed benchmark of the built-in simulator, with its report
	$(BIN)/inferswarm run --users 16 --spawn-rate 8/s --duration 20s --max-output-tokens 64

# The load layer's tests have a process of their own: importing it patches the process (gevent).
test: setup ## the fast suite, under 5 minutes on 2 cores
	$(BIN)/pytest tests
	$(BIN)/pytest tests/load

test-slow: setup ## what takes longer or needs system packages; skipped tests say how to get them
	$(BIN)/pytest tests -m slow -rs
	$(BIN)/pytest tests/load -m slow -rs

deploy-check: setup ## image, manifests and Terraform; what cannot run here is skipped and says how to get it
	$(BIN)/pytest tests/deploy -m deploy -rs

bench: setup ## inferswarm beside other clients, about 25 minutes on 2 quiet cores
	$(BIN)/python -m bench

check: setup ## format, lint, types
	$(BIN)/ruff format --check src tests tools bench setup.py
	$(BIN)/ruff check src tests tools bench setup.py
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format src tests tools bench setup.py
	$(BIN)/ruff check --fix src tests tools bench setup.py

docs: setup ## write the generated parts of the documentation, and dashboards, again
	$(BIN)/python tools/generate_docs.py
	$(BIN)/python tools/generate_dashboards.py

webui: setup ## build the web UI's pages again; needs Node 20.19 or newer
	$(BIN)/python tools/webui.py

wheel: setup ## a wheel and a source package in dist/, each proved in a fresh environment
	$(BIN)/python tools/wheel.py

lock: ## pin the newest versions again, with hashes; needs uv
	cd requirements && for name in build run dev image deploy terraform; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	    --no-emit-index-url --no-emit-find-links --no-header $$name.in -o $$name.txt; done

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
