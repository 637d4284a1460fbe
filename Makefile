# `make demo` and `make test` need Python (3.11 or newer), pip, make and git, and set up the rest themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo-output

INDEX ?= index.xml
TRUST ?= trust.md

.PHONY: demo test test-hosts trust lint bench docs reapack venv clean

venv: $(VENV)/.ready

# Exact versions come from constraints.txt; pip's own index and cache settings are honoured.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: venv  ## separate the recording that ships with the package, through the daemon, over OSC
	$(BIN)/dap-bridge demo --out $(OUT)

# One thread each: on two cores, the threads of three processes would wait for each other.
test: venv  ## the whole suite, in three processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 $(PYTEST_ARGS)

test-hosts: venv  ## the host scripts alone, in the real Ardour and Audacity: installs these where it may, or says what to install
	.ci/install-hosts
	DAP_BRIDGE_REQUIRE_HOSTS=1 $(BIN)/python -m pytest tests/hosts $(PYTEST_ARGS)

trust: venv  ## what kills, bad bytes, load, faults and strangers do to a daemon: a table of what must be zero
	$(BIN)/python -m tests.trust --out $(TRUST) $(TRUST_ARGS)

lint: venv  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv  ## the reports and tables of docs/benchmark.md again, from the cached results in docs/benchmark
	$(BIN)/dap-bridge bench report --out docs/benchmark --page docs/benchmark.md

docs: venv  ## the generated pages, and what the host scripts know of the protocol
	$(BIN)/python -m dap_bridge.transport.document docs/protocol.md
	$(BIN)/python -m dap_bridge.install.constants

reapack: venv  ## the ReaPack index: make reapack URL=ADDRESS where the files of daw_scripts can be read
	$(BIN)/python -m dap_bridge.install.reapack --url "$(URL)" --out $(INDEX)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
