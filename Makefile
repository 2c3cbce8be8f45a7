# Everything a person or the CI runs. Only Python 3.11 or newer, make and PyPI are needed; `conformance` adds
# apt and npm packages by itself, `bench` says what it misses. Environments are made from hashed locks.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

candidates := python3.11 python3 python3.12 python3.13
recent := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(candidates); do "$$p" -c '$(recent)' 2>/dev/null && { echo "$$p"; break; }; done)

bin := .venv/bin
pip := -m pip --disable-pip-version-check --no-input install -qq
# What the wheel is made of
sources := $(shell find config routing gateway helm/headgate/rules -type f -not -name '*.pyc')
# Imports the installed package; the root comes after it, for tests/.
installed = PYTHONPATH="$$($(bin)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))'):$(CURDIR)" \
	$(bin)/python -P
# Each has an environment of its own, and a lock.
clients := openai-2 openai-3 langchain llama-index litellm pydantic-ai schemathesis
# `make run ARGS="--scenario bad"`, `make test ARGS="-k stream"`
ARGS ?=
# The development data of difficulty estimates: a folder of one's own
DATA ?=

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.run ## the demo: gateway, simulated upstreams and a simulated application; no keys, no network
	@exec $(bin)/headgate demo $(ARGS)

.PHONY: test
test: .venv/.dev ## unit and integration tests on the source tree; no apt or npm package
ifeq ($(ARGS),)
	@rm -f .coverage .coverage.*
	@COVERED=tests $(bin)/coverage run -m pytest -n 3 --dist loadfile
	@$(bin)/coverage combine --quiet
	@echo "headgate: coverage of routing/, which must be whole"
	@$(bin)/coverage report --fail-under=100
else
	@$(bin)/python -m pytest $(ARGS)
endif

.PHONY: coverage
coverage: .venv/.dev ## the same tests with the coverage of every process that they start, which takes half as long again
	@rm -f .coverage .coverage.*
	@$(bin)/coverage run --source=config,gateway -m pytest -n 3 --dist loadfile
	@$(bin)/coverage combine --quiet
	@$(bin)/coverage report --omit='routing/*' --fail-under=90

.PHONY: test-compiled
test-compiled: .venv/.dev .venv/.run ## the same tests on the compiled wheel; needs a C compiler
	@$(installed) -m pytest -p tests.compiled -o pythonpath= $(or $(ARGS),-n 3 --dist loadfile)

.PHONY: check
check: .venv/.dev .tools/hadolint/.done ## lint, formatting, types, Dockerfile, locks
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/mypy
	@$(bin)/mypy hatch_build.py hatch_load.py
	@.tools/hadolint/bin/hadolint Dockerfile
	@$(bin)/python -m pytest -q tests/unit/test_house.py tests/unit/test_lock.py tests/unit/test_image.py

.PHONY: conformance
conformance: .venv/.dev .venv/.run $(clients:%=.tools/%/.done) .tools/image/.done ## real clients and openai-python's own tests through a real gateway; dashboards and rules on a real Prometheus
	@tests/conformance/install
	@PYTHONPATH= $(if $(OPENAPI),OPENAI_OPENAPI="$(abspath $(OPENAPI))") $(bin)/python -m pytest tests/conformance $(ARGS)

# Where a build for CPUs is to be had: make nightly TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0

.PHONY: nightly
nightly: .venv/.dev .venv/.run .tools/engine/.torch ## a real engine, `transformers serve` with a tiny random model, behind the gateway
	@PYTHONPATH= $(bin)/python -m pytest tests/nightly $(ARGS)

.tools/engine/.torch: .tools/engine/.done
	@echo "headgate: installing $(firstword $(TORCH)) into .tools"
	@$(bin)/python -m pip --python .tools/engine/bin/python --disable-pip-version-check --no-input install -qq $(TORCH)
	@touch $@

# The lock is complete but for torch, which pip would look for among its hashes: hence no resolving.
.tools/engine/.done: requirements/engine.txt | .venv/.made
	@echo "headgate: installing the engine into .tools"
	@$(bin)/python -m venv --without-pip .tools/engine
	@$(bin)/python -m pip --python .tools/engine/bin/python --disable-pip-version-check --no-input \
		install -qq --require-hashes --no-deps -r $<
	@touch $@

.PHONY: bench
bench: .venv/.dev .venv/.run .tools/image/.done ## speed, side by side with nginx on this machine
	@$(bin)/python -m tests.bench $(ARGS)

.PHONY: bench-micro
bench-micro: .venv/.dev .venv/.run ## the pieces of one request, in microseconds
	@$(installed) -m tests.bench.micro

.PHONY: bench-rollout
bench-rollout: .venv/.dev ## what rollouts promise, simulated, beside a peeked z-test and fixed thresholds (ARGS="--runs 100 --rows drift")
	@$(bin)/python -m tests.bench_rollout $(ARGS)

.PHONY: bench-peers
bench-peers: .venv/.dev .venv/.run .tools/litellm-proxy/.done .tools/tensorzero/.done ## speed beside LiteLLM's proxy and TensorZero's gateway, in one run
	@$(bin)/python -m tests.bench.peers $(ARGS)

.PHONY: bench-difficulty
bench-difficulty: .venv/.dev ## difficulty estimates against their targets and other routers, cross-validated (DATA=folder)
	@$(bin)/python -m tests.bench.difficulty $(DATA) $(ARGS)

.PHONY: heuristic
heuristic: .venv/.dev ## make the built-in difficulty model anew (DATA=folder)
	@$(bin)/python -m tests.bench.difficulty.build $(DATA)

.PHONY: chaos
chaos: .venv/.dev .venv/.run ## faults: what breaks, what clients see then, and at what figure
	@$(bin)/python -m tests.chaos $(ARGS)

.PHONY: demo-check
demo-check: .venv/.dev .venv/.run ## the demo's three scenarios from beginning to end, as a newcomer starts them
	@$(bin)/python -m tests.demo_check $(ARGS)

.PHONY: fuzz
fuzz: .tools/fuzz/.done ## what takes any bytes gets any bytes, guided by coverage (ARGS="sse --seconds 600")
	@.tools/fuzz/bin/python -m tests.fuzz $(ARGS)

.PHONY: lock
lock: .tools/uv/.done ## resolve pyproject.toml into uv.lock and the hashed requirements
	@.tools/uv/bin/uv lock
	@for set in "run --group build" "dev --extra otel --extra train --group dev" \
		"image --extra litellm --extra otel" \
		"fuzz --group fuzz"; do \
		read -r name options <<< "$$set"; \
		.tools/uv/bin/uv export -q --frozen --no-emit-project --no-annotate --no-header --no-default-groups \
			$$options --output-file "requirements/$$name.txt"; \
	done
	@for input in requirements/*.in; do \
		name=$$(basename "$$input" .in); \
		overrides=(); [ ! -e "requirements/$$name.overrides" ] || overrides=(--overrides "requirements/$$name.overrides"); \
		.tools/uv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
			"$${overrides[@]}" --output-file "requirements/$$name.txt" "$$input"; \
	done

.PHONY: prices
prices: .venv/.dev ## make the price table anew from the pinned litellm wheel
	@$(bin)/python -m config.make_prices

.PHONY: dashboards
dashboards: .venv/.dev ## make the Grafana dashboards in helm/headgate/dashboards anew
	@$(bin)/python -m helm.dashboards

.PHONY: image
image: ## build the container image (needs a Docker engine)
	@command -v docker > /dev/null || { echo "headgate: docker is not installed; the image needs it" >&2; exit 1; }
	@docker build --tag headgate $(ARGS) .

.PHONY: clean
clean: ## remove caches, reports and tools; .venv stays
	@rm -rf .coverage .coverage.* htmlcov dist .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/bench/build
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/.made:
	@[ -n "$(PYTHON)" ] || { \
		echo "headgate: Python 3.11 or newer is needed and none of '$(candidates)' is one." >&2; \
		echo "headgate: install it (Debian: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	@"$(PYTHON)" -c '$(recent)' || { \
		echo "headgate: Python 3.11 or newer is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { \
		echo "headgate: $(PYTHON) lacks venv or ensurepip; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "headgate: making .venv with $(PYTHON)"
	@"$(PYTHON)" -m venv .venv
	@touch $@

# What Headgate runs on, and what its wheel is built with.
.venv/.packages: requirements/run.txt | .venv/.made
	@echo "headgate: installing what it runs on into .venv (once, about half a minute)"
	@$(bin)/python $(pip) --require-hashes -r $<
	@touch $@

# The wheel: compiled where there is a C compiler; where not, the hook says so.
.venv/wheel/.done: pyproject.toml hatch_build.py hatch_load.py README.md LICENSE $(sources) | .venv/.packages
	@echo "headgate: building its wheel (about a minute, if there is a C compiler)"
	@rm -rf $(@D)
	@$(bin)/python -m hatchling build --target wheel --directory $(@D)
	@touch $@

.venv/.run: .venv/wheel/.done
	@$(bin)/python $(pip) --no-deps --force-reinstall .venv/wheel/*.whl
	@touch $@

# The tests run on the source tree: the installed package is made once here, and not again with every edit.
.venv/.dev: requirements/dev.txt pyproject.toml | .venv/.packages
	@echo "headgate: installing what its tests need into .venv (once, about half a minute)"
	@$(bin)/python $(pip) --require-hashes -r $<
	@[ -e .venv/.run ] || $(MAKE) --no-print-directory .venv/.run
	@touch $@

# What the image holds, litellm among it.
.tools/image/.packages: requirements/image.txt | .venv/.made
	@echo "headgate: installing what the image holds into .tools (once, about half a minute)"
	@$(bin)/python -m venv --without-pip .tools/image
	@$(bin)/python -m pip --python .tools/image/bin/python --disable-pip-version-check --no-input \
		install -qq --require-hashes -r $<
	@touch $@

.tools/image/.done: .tools/image/.packages .venv/wheel/.done
	@$(bin)/python -m pip --python .tools/image/bin/python --disable-pip-version-check --no-input \
		install -qq --no-deps --force-reinstall .venv/wheel/*.whl
	@touch $@

.tools/%/.done: requirements/%.txt | .venv/.made
	@echo "headgate: installing $* into .tools"
	@$(bin)/python -m venv --without-pip .tools/$*
	@$(bin)/python -m pip --python .tools/$*/bin/python --disable-pip-version-check --no-input \
		install -qq --require-hashes -r $<
	@touch $@
